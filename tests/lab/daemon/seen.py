"""What the daemon's user sees of a fault: alarms, problems, tickets, health, figures; and what the kernel says instead."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from tests.lab.fabd import Access, Document, Fabd
from tests.lab.lab import Lab
from tests.lab.shell import wait_until

TICKETS = "/tmf-api/troubleTicket/v4/troubleTicket"
SEEN_WITHIN = 40.0  # seconds; far more than it takes, on a machine that does other things
CLOCK = timedelta(seconds=0.1)
"""sysUpTime counts in hundredths of a second, and the agent looks at its ports once per second."""
LOOK = timedelta(seconds=1)


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
        return bool(found)

    wait_until(f"the problem of {root} is {state}; fabd's log is {fabd.log}", there, within=SEEN_WITHIN)
    [problem] = found
    return problem


def tickets(fabd: Fabd, problem: Document) -> list[Document]:
    return [fabd.get(f"{TICKETS}/{ticket}") for ticket in problem["tickets"]]


def alarms(fabd: Fabd, problem: Document) -> list[Document]:
    return [fabd.get(f"/api/v1/alarms/{alarm}") for alarm in problem["alarms"]]


def health(fabd: Fabd, access: Access) -> list[Document]:
    """States of the service, the latest first."""
    states: list[Document] = fabd.get(f"/api/v1/services/{access.id}/health")["states"]
    return states
