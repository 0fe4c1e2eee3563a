"""What the daemon's user sees of a fault: alarms, problems, tickets, health, figures; and what the kernel says instead."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from tests.lab.fabd import Access, Document, Fabd
from tests.lab.lab import Lab
from tests.lab.shell import wait_until

TICKETS = "/tmf-api/troubleTicket/v4/troubleTicket"
CLOCK = timedelta(seconds=0.1)
"""sysUpTime counts in hundredths of a second, and the agent looks at its ports once per second."""
LOOK = timedelta(seconds=1)
LATEST = timedelta(seconds=6)
"""An agent on a machine that does other things may look later."""


def kernel(lab: Lab, node: str, port: str) -> dict[str, int]:
    """Octets received and sent, as `ip -s link` counts them."""
    [link] = json.loads(lab.exec(node, ["ip", "-s", "-json", "link", "show", port]))
    return {"receive": link["stats64"]["rx"]["bytes"], "transmit": link["stats64"]["tx"]["bytes"]}


def told(fabd: Fabd, port: str) -> dict[str, int]:
    """The same as the daemon offers them to Prometheus."""
    element, _, name = port.partition("/")
    label = f'element="{element}",port="{name}"'
    lines = [line for line in fabd.text("/metrics/elements").splitlines() if label in line]
    return {
        way: int(line.rpartition(" ")[2])
        for way in ("receive", "transmit")
        for line in lines
        if line.startswith(f"fabd_port_{way}_octets_total{{")
    }


def until_counted(fabd: Fabd, lab: Lab, node: str, port: str) -> None:
    """Wait until the daemon tells of a port what the kernel says."""

    def both() -> tuple[dict[str, int], dict[str, int]]:
        return told(fabd, f"{node}/{port}"), kernel(lab, node, port)

    def agree() -> bool:
        offered, counted = both()
        return offered == counted

    wait_until(f"fabd has counted on {node}/{port} as the kernel has", agree, seen=both)


def figure(fabd: Fabd, name: str) -> float:
    [value] = [line.rpartition(" ")[2] for line in fabd.text("/metrics").splitlines() if line.startswith(f"{name} ")]
    return float(value)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def unplugged(lab: Lab, node: str, port: str) -> Iterator[datetime]:
    lab.link_down(node, port)
    try:
        yield now()
    finally:
        lab.link_up(node, port)


def of_root(fabd: Fabd, root: str, since: datetime) -> list[Document]:
    return [each for each in fabd.get("/api/v1/problems", root_object=root) if instant(each["opened_at"]) > since - LOOK]


def the_problem(fabd: Fabd, root: str, since: datetime, state: str) -> Document:
    found: list[Document] = []

    def there() -> bool:
        found[:] = [each for each in of_root(fabd, root, since) if each["state"] == state]
        return len(found) == 1

    wait_until(f"the problem of {root} is {state}", there, seen=lambda: of_root(fabd, root, since))
    [problem] = found
    return problem


def until_one_stands(fabd: Fabd, root: str) -> Document:
    """The only open problem, once all else has turned out to be its consequence."""

    found: list[Document] = []

    def stands() -> bool:
        found[:] = fabd.get("/api/v1/problems", state="open")
        return [each["root_object"] for each in found] == [root]

    wait_until(f"{root} is the one problem", stands, seen=lambda: found)
    [problem] = found
    return problem


def until_quiet(fabd: Fabd) -> None:
    """What has flapped stands for half an hour, and may do so in the tests that follow."""

    def standing() -> list[Document]:
        found: list[Document] = fabd.get("/api/v1/alarms", cleared="false", limit="100")
        return [each for each in found if each["cause"] != "flapping"]

    wait_until("no alarm stands", lambda: standing() == [], seen=standing)


def until_health(fabd: Fabd, access: Access, state: str) -> None:
    wait_until(f"the service is {state}", lambda: health(fabd, access)[0]["state"] == state, seen=lambda: health(fabd, access))


def tickets(fabd: Fabd, problem: Document) -> list[Document]:
    return [fabd.get(f"{TICKETS}/{ticket}") for ticket in problem["tickets"]]


def alarms(fabd: Fabd, problem: Document) -> list[Document]:
    return [fabd.get(f"/api/v1/alarms/{alarm}") for alarm in problem["alarms"]]


def health(fabd: Fabd, access: Access) -> list[Document]:
    """States of the service, the latest first."""
    states: list[Document] = fabd.get(f"/api/v1/services/{access.id}/health")["states"]
    return states
