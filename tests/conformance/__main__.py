"""`python -m tests.conformance FOLDER`: fabd against the TM Forum's official Swagger files, operation by operation.

A daemon over a simulated network answers every operation of every file, and tells its events to a listener; bodies, statuses and
headers are held against the files' definitions. Ends with 1 when anything is not as promised.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.agent.installation import ORDERS, Installation, eventually, simulated_network
from tests.conformance.drive import Driver, Finding
from tests.conformance.listener import Listener
from tests.conformance.samples import ENDED, LEFT_OUT, PRELUDES, Office
from tests.conformance.swagger import Swagger

FILES = (
    "TMF641-ServiceOrdering",
    "TMF638-ServiceInventory",
    "TMF640-ServiceActivation",
    "TMF639-ResourceInventory",
    "TMF633-ServiceCatalog",
    "TMF645-ServiceQualification",
    "TMF657-ServiceQuality",
    "TMF653-ServiceTest",
    "TMF621-TroubleTicket",
    "TMF642-Alarm",
    "TMF656-ServiceProblem",
    "TMF635-Usage",
)
SETTINGS = """
[outbox]
allow_private = ["127.0.0.0/8"]
allow_http = true
[polling]
interval_s = 86400
"""
PORTS = ["pe1/ge-0/0/0", "pe1/ge-0/0/1", "pe1/ge-0/0/2", "pe1/ge-0/0/3", "pe2/Gi0/1", "pe2/Gi0/2", "pe2/Gi0/3", "sw1/1", "sw1/2"]


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else None
    if folder is None or not folder.is_dir():
        print("there are no Swagger files to check against: make conformance TMF=FOLDER", file=sys.stderr)
        return 2
    wanted = [name for name in FILES if not arguments[1:] or any(part in name for part in arguments[1:])]
    missing = [name for name in wanted if not list(folder.glob(f"{name}-*.json"))]
    if missing:
        print(f"{folder} has no {', '.join(missing)}; every file is needed", file=sys.stderr)
        return 2
    findings = [finding for name in wanted for finding in check(Swagger(next(folder.glob(f"{name}-*.json"))))]
    show(findings)
    return 1 if any(finding.faults for finding in findings) else 0


def check(swagger: Swagger) -> Iterator[Finding]:
    """Against an installation of its own: what one API has taken is not missing in another."""
    with (
        tempfile.TemporaryDirectory() as folder,
        simulated_network(3, Path(folder) / "keys") as sim,
        Installation(Path(folder) / "fabd", sim, more=SETTINGS) as installation,
        installation.running() as process,
        installation.client(process) as http,
        Listener() as listener,
    ):
        eventually(lambda: http.get("/-/ready").status_code == 200)
        office = Office(installation.operator.account, [*PORTS], lambda body: _placed(http, body), installation.database)
        PRELUDES.get(swagger.name, lambda _: None)(office)
        yield from Driver(swagger, http, office, listener).run()


def _placed(http: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    answer = http.post(ORDERS, json=body)
    assert answer.status_code == 201, answer.text
    placed: dict[str, Any] = answer.json()
    if "requestedStartDate" not in body:
        eventually(lambda: http.get(placed["href"]).json()["state"] in ENDED)
    return placed


def show(findings: list[Finding]) -> None:
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        print(f"{'FAIL' if finding.faults else 'ok  '} {finding.api:<28} {finding.what:<{width}} {finding.status:>4}")
        for fault in finding.faults[:8]:
            print(f"       {fault}")
    failed = sum(bool(finding.faults) for finding in findings)
    for (api, resource), reason in LEFT_OUT.items():
        print(f"left out: {resource} of {api}: {reason}")
    print(f"{len(findings) - failed} of {len(findings)} as the official files have it")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
