"""The peer of `bench/over_http.py`: the same changes as a network engineer scripts them, with nornir and ncclient.

One connection per change: connect, lock, edit, validate, commit, read back, unlock. Run as a process of its own:
`python -m bench.script INVENTORY KNOWN_HOSTS CREDENTIALS CHANGES THREADS`; prints one JSON object.
"""

import json
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import yaml
from ncclient import manager
from nornir.core import Nornir
from nornir.core.inventory import Defaults, Groups, Host, Hosts, Inventory
from nornir.core.task import Result, Task
from nornir.plugins.runners import ThreadedRunner

EDIT = """<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">
<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"><interface>
<name>{port}</name><description>internet access {port}</description>
<type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type><enabled>true</enabled>
<ipv4 xmlns="urn:ietf:params:xml:ns:yang:ietf-ip"><address><ip>{ipv4}</ip><prefix-length>31</prefix-length></address></ipv4>
<ipv6 xmlns="urn:ietf:params:xml:ns:yang:ietf-ip"><address><ip>{ipv6}</ip><prefix-length>127</prefix-length></address></ipv6>
</interface></interfaces></config>"""
READ = """<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"><interface><name>{port}</name></interface></interfaces>"""


def activate(task: Task, turn: int) -> Result:
    """One change on one element. Raises when it does not hold."""
    facts, number = task.host.data, turn * 1000 + int(task.host.data["number"])
    port, ipv4 = f"ge-0/0/{turn + 1}", f"10.{number >> 7 & 255}.{number << 1 >> 8 & 255}.{number << 1 & 255}"
    with manager.connect(
        host=task.host.hostname,
        port=task.host.port,
        username=task.host.username,
        password=task.host.password,
        hostkey_verify=True,
        ssh_config=None,
        allow_agent=False,
        look_for_keys=False,
        unknown_host_cb=lambda _host, fingerprint: fingerprint in facts["fingerprints"],
        timeout=60,
    ) as session:
        with session.locked("running"), session.locked("candidate"):
            session.edit_config(target="candidate", config=EDIT.format(port=port, ipv4=ipv4, ipv6=f"2001:db8::{number << 1:x}"))
            session.validate("candidate")
            session.commit()
        if ipv4 not in session.get_config("running", filter=("subtree", READ.format(port=port))).data_xml:
            raise RuntimeError(f"{task.host.name}: {port} has not what was committed")
    return Result(host=task.host)


def _among_first(host: Host, **wanted: Any) -> bool:  # noqa: ANN401  as nornir declares its filters
    return int(host.data["number"]) < int(wanted["most"])


def hosts(inventory: Path, known_hosts: Path, credentials: Path) -> Hosts:
    import base64  # noqa: PLC0415
    import hashlib  # noqa: PLC0415

    prints: dict[str, set[str]] = {}
    for line in known_hosts.read_text().splitlines():
        place, _, key = line.split()[:3]
        digest = hashlib.md5(base64.b64decode(key), usedforsecurity=False).hexdigest()
        prints.setdefault(place, set()).add(":".join(digest[at : at + 2] for at in range(0, 32, 2)))
    secret = tomllib.loads(credentials.read_text())["sim"]
    found = Hosts()
    for number, element in enumerate(yaml.safe_load(inventory.read_text())["elements"]):
        door = element["endpoints"]["netconf"]
        data: dict[str, Any] = {"number": number, "fingerprints": prints[f"[{door['host']}]:{door['port']}"]}
        found[element["name"]] = Host(
            name=element["name"],
            hostname=door["host"],
            port=door["port"],
            username=secret["username"],
            password=secret["password"],
            data=data,
        )
    return found


def main(inventory: str, known_hosts: str, credentials: str, changes: str, threads: str) -> None:
    everything = Inventory(hosts(Path(inventory), Path(known_hosts), Path(credentials)), Groups(), Defaults())
    begun, cpu = time.perf_counter(), time.process_time()
    done = turn = 0
    while done < int(changes):
        some = everything.filter(filter_func=_among_first, most=int(changes) - done)
        results = Nornir(some, runner=ThreadedRunner(int(threads))).run(task=activate, turn=turn)
        results.raise_on_error()
        done, turn = done + len(results), turn + 1
    print(json.dumps({"changes": done, "wall_s": time.perf_counter() - begun, "cpu_s": time.process_time() - cpu}))


if __name__ == "__main__":
    main(*sys.argv[1:])
