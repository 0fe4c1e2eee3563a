"""FRR on one router: its configuration, its daemons, its vtysh.

Each router has a path space of its own (`-N`): /etc/frr/fabdlab-pe1 and /run/frr/fabdlab-pe1. Group write on the
folder lets the log-in user's `write memory` save, which rewrites frr.conf by rename.
"""

import grp
import json
import os
import pwd
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.lab import namespaces, shared, syslog
from tests.lab.topology import AUTONOMOUS_SYSTEM, LEAVES, ROUTERS, Router, ends_of

PROGRAMS = Path("/usr/lib/frr")
DAEMONS = ("zebra", "staticd", "ospfd", "ospf6d", "bgpd")  # in the order in which they need each other
WITH_SNMP = frozenset(DAEMONS) - {"staticd"}
_CONFIG = Path("/etc/frr")
_RUN = Path("/run/frr")
_CRASH_LOGS = Path("/var/tmp/frr")  # one folder per process, left by a killed one
_SHARED = (*(_RUN / name for name in ("ospf6d-at-seq-no.dat", "ospf6d-gr.json", "ospfd-gr.json")), _CRASH_LOGS)
_MADE = "made-by-frr"
_NETLINK_BUFFER = "8000000"  # bytes


# A lab has nothing to protect from a flood of updates.
_FAST_OSPF = (" timers throttle spf 0 50 500", " timers throttle lsa all 0", " timers lsa min-arrival 0")


def vtysh(router: str, *commands: str) -> str:
    """Run commands as the router's own vtysh and return what it printed."""
    each = [part for command in commands for part in ("-c", command)]
    return namespaces.execute(router, ["vtysh", "-N", namespaces.full_name(router), *each]).stdout


def log_in_command(router: str) -> str:
    return f"vtysh -N {namespaces.full_name(router)}"


def write_program(router: str, folder: Path) -> None:
    """A `vtysh` that finds the router's path space by itself, as on a machine that has no other."""
    folder.mkdir()
    program = folder / "vtysh"
    program.write_text(f'#!/bin/sh\nexec /usr/bin/{log_in_command(router)} "$@"\n')
    program.chmod(0o755)


def pid(router: str, daemon: str) -> int:
    return int((_RUN / namespaces.full_name(router) / f"{daemon}.pid").read_text())


def saved(router: str) -> str:
    """The startup configuration."""
    return (_CONFIG / namespaces.full_name(router) / "frr.conf").read_text()


def configuration(router: Router) -> str:
    """Routing in the core and nothing of any customer."""
    core = [end for end in ends_of(router.name) if end.address]
    peers = [other for other in ROUTERS if other != router]
    return "\n".join(
        [
            "frr defaults traditional",
            f"hostname {router.name}",
            "service integrated-vtysh-config",
            "log syslog informational",
            "agentx",
            "ip forwarding",
            "ipv6 forwarding",
            *_interface("lo", f"ip address {router.loopback}/32", f"ipv6 address {router.loopback6}/128", "ipv6 ospf6 area 0"),
            *(line for end in core for line in _core_interface(end.port, str(end.address))),
            "router ospf",
            f" ospf router-id {router.loopback}",
            " network 10.0.0.0/16 area 0",
            " network 10.255.255.0/24 area 0",
            *_FAST_OSPF,
            "exit",
            "router ospf6",
            f" ospf6 router-id {router.loopback}",
            " timers throttle spf 0 50 500",
            " timers lsa min-arrival 0",
            "exit",
            f"router bgp {AUTONOMOUS_SYSTEM}",
            f" bgp router-id {router.loopback}",
            " bgp log-neighbor-changes",
            " no bgp default ipv4-unicast",
            *(line for peer in peers for line in _neighbor(peer)),
            *(line for family in ("ipv4", "ipv6") for line in _address_family(f"{family} unicast", peers)),
            *(_address_family("l2vpn evpn", [peer for peer in LEAVES if peer != router]) if router in LEAVES else []),
            "exit",
            "",
        ]
    )


def prepare() -> None:
    """Note which of the paths that FRR makes for all path spaces are not there yet."""
    shared.note(_MADE, list(_SHARED))


def install(router: Router, logs: Path) -> None:
    """Write the configuration with which it starts, and where its daemons find what they need."""
    folder = _CONFIG / namespaces.full_name(router.name)
    folder.mkdir()
    (folder / "frr.conf").write_text(configuration(router))
    (folder / "vtysh.conf").write_text("")
    _hand_over(folder)
    # FRR's AgentX side reads frr.conf below SNMPCONFPATH: where the master agent listens, inside this namespace.
    (logs / "agentx").mkdir()
    (logs / "agentx" / "frr.conf").write_text("agentXSocket tcp:127.0.0.1:705\n")


def start(router: Router, logs: Path, memory: Path) -> None:
    """Start the daemons (each returns once it is up) and load the saved configuration.

    `memory` gets the daemons' crash log folders: a daemon removes its own only if it ends well.

    :raises CommandFailed: a daemon did not start, or vtysh refused the configuration.
    """
    environment = {**os.environ, "SNMPCONFPATH": str(logs / "agentx"), "MIBS": ""}
    for daemon in DAEMONS:
        pid = _start_daemon(router, daemon, logs, environment)
        with memory.open("a") as file:
            file.write(f"{_CRASH_LOGS / daemon}.{pid}\n")
    namespaces.execute(router.name, ["vtysh", "-N", namespaces.full_name(router.name), "-b"])


_NEIGHBOURS = ("show ip ospf neighbor json", "show ipv6 ospf neighbor json", "show bgp summary json")


def missing_neighbours(router: Router) -> list[str]:
    """Which sessions of this router are not up yet, in words."""
    lines = []
    *adjacencies, peers = _documents(vtysh(router.name, *_NEIGHBOURS))
    expected = sum(1 for end in ends_of(router.name) if end.address)
    for version, found in zip(("OSPF", "OSPFv3"), adjacencies, strict=True):
        full = json.dumps(found).count('"Full')
        if full < expected:
            lines.append(f"{router.name}: {full} of {expected} {version} neighbours are full")
    for family in ("ipv4Unicast", "ipv6Unicast"):
        states = peers.get(family, {}).get("peers", {})
        up = sum(1 for peer in states.values() if peer["state"] == "Established")
        if up < len(ROUTERS) - 1:
            lines.append(f"{router.name}: {up} of {len(ROUTERS) - 1} BGP {family} sessions are established")
    return lines


def _documents(text: str) -> Iterator[dict[str, Any]]:
    """What several commands said, one after the other."""
    decoder, start = json.JSONDecoder(), 0
    while rest := text[start:].lstrip():
        found, end = decoder.raw_decode(rest)
        yield found
        start = len(text) - len(rest) + end


def clean(memory: Path) -> None:
    """Remove what the routers of any run left in FRR's own folders. Their processes must have ended."""
    for base in (_CONFIG, _RUN):
        for folder in base.glob(namespaces.PREFIX + "*"):
            shutil.rmtree(folder)
    for path in memory.read_text().splitlines() if memory.exists() else []:
        _remove(Path(path))


def clean_shared() -> None:
    """Remove what FRR made for all path spaces, and was not there before the first lab."""
    for path in shared.made(_MADE):
        _remove(path)


def left() -> list[str]:
    return sorted(str(folder) for base in (_CONFIG, _RUN) for folder in base.glob(namespaces.PREFIX + "*"))


def _start_daemon(router: Router, daemon: str, logs: Path, environment: dict[str, str]) -> int:
    """Return the process after which its crash log folder is named: the one that goes behind, not the one that stays."""
    log = logs / f"{daemon}.log"
    log.touch()
    shutil.chown(log, "frr", "frr")
    options = ["-d", "-N", namespaces.full_name(router.name), "-A", "127.0.0.1", "--log", f"file:{log}"]
    if daemon == "zebra":
        options += ["-s", _NETLINK_BUFFER]
    if daemon in WITH_SNMP:
        options += ["-M", "snmp"]
    tell_pid = ["sh", "-c", 'echo $$ && exec "$@"', "sh", *syslog.heard(logs, [str(PROGRAMS / daemon), *options])]
    return int(namespaces.execute(router.name, tell_pid, env=environment).stdout.split()[0])


def _remove(path: Path) -> None:
    if path == _CRASH_LOGS:
        if path.exists() and not any(path.iterdir()):
            path.rmdir()
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _interface(name: str, *lines: str) -> list[str]:
    return [f"interface {name}", *(f" {line}" for line in lines), "exit"]


def _core_interface(port: str, address: str) -> list[str]:
    return _interface(
        port,
        f"ip address {address}",
        "ip ospf network point-to-point",
        "ip ospf hello-interval 1",
        "ip ospf dead-interval 4",
        "ip ospf retransmit-interval 3",
        "ipv6 ospf6 area 0",
        "ipv6 ospf6 network point-to-point",
        "ipv6 ospf6 hello-interval 1",
        "ipv6 ospf6 dead-interval 4",
        "ipv6 ospf6 retransmit-interval 3",
    )


def _neighbor(peer: Router) -> list[str]:
    neighbor = f" neighbor {peer.loopback}"
    return [
        f"{neighbor} remote-as {AUTONOMOUS_SYSTEM}",
        f"{neighbor} update-source lo",
        f"{neighbor} timers 3 9",
        f"{neighbor} timers connect 1",
    ]


def _address_family(family: str, peers: list[Router]) -> list[str]:
    active = [f"  neighbor {peer.loopback} activate" for peer in peers]
    return [f" address-family {family}", *active, " exit-address-family"]


def _hand_over(folder: Path) -> None:
    owner, group = pwd.getpwnam("frr").pw_uid, grp.getgrnam("frrvty").gr_gid
    for path in (folder, *folder.iterdir()):
        os.chown(path, owner, group)
        path.chmod(0o775 if path.is_dir() else 0o664)
