"""`kill -9` before and after every point of the journal, of an order that adds, changes or deletes services on FRR and netconfd."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import httpx
import pytest

from tests.agent.chaos.scenarios import UNDECIDED, WAY
from tests.lab import configurations, namespaces
from tests.lab.configurations import Configurations, changed
from tests.lab.daemon.conftest import write_own_product
from tests.lab.fabd import DOWN_WITHIN, NC_PORT, ON_BOTH, OWN, Access, Document, Fabd, change, complaints, deletion, internet
from tests.lab.lab import Lab
from tests.lab.shell import wait_until
from tests.lab.topology import MANAGEMENT

pytestmark = pytest.mark.lab

PLACES = {"pe1/cust1": "192.0.2.0/31", NC_PORT: "192.0.2.4/31"}
ELSEWHERE = {"pe1/cust1": "192.0.2.2/31", NC_PORT: "192.0.2.6/31"}
"""Port → the customer's prefix, before and after the change."""
_WORDS = re.compile(r"Acme, \w+|\b192\.0\.2\.\d+\b")


class Doomed(Fabd):
    """A daemon that dies where it is told to, and is followed by another one at once."""

    _numbers = count(1)
    """Of orders."""

    def start(self, **settings: str) -> None:
        assert not settings, "it reads its file alone"
        argv = namespaces.argv_in(MANAGEMENT, [sys.executable, "-m", "tests.lab.daemon.doomed", str(self._settings)])
        self._script.write_text("")
        with self.log.open("ab") as log:
            project = Path(__file__).parents[3]
            self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=project)
        self._until_ready()

    def stop(self) -> None:
        """The last of them dies with the one who bears them, at the end of its input."""
        process, self._process = self._alive, None
        process.communicate(timeout=DOWN_WITHIN)

    kill = stop

    def tidy(self) -> None:
        """Of a test that failed there may be a death left that nobody died."""
        self._script.write_text("")
        super().tidy()

    def dies(self, checkpoint: str, *items: Document) -> Document:
        """The order, after the daemon has died at this point of it, and its successor has brought it to its end."""
        doomed, order = self._pid, f"doomed-{next(self._numbers)}"
        self._script.write_text(f"die {checkpoint}\n")
        with suppress(httpx.TransportError):  # it may die before it answers
            self.place(*items, external_id=order)
        # that the script is empty is not enough: whoever emptied it answers for a moment yet
        wait_until(f"fabd has died {checkpoint}", lambda: self._pid != doomed)
        self._until_ready()
        return self.outcome(self.place(*items, external_id=order))

    @property
    def _script(self) -> Path:
        return self.folder / "script"

    @property
    def _pid(self) -> str:
        """Of the daemon that lives now."""
        return (self.folder / "pid").read_text()


@pytest.fixture(scope="module")
def doomed(daemon: Fabd, lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doomed]:
    instead = Doomed(lab, tmp_path_factory.mktemp("fabd-doomed"))
    write_own_product(instead.specifications / OWN)
    with daemon.away(), instead:
        yield instead


@pytest.fixture
def fabd(doomed: Doomed) -> Iterator[Doomed]:
    yield doomed
    doomed.tidy()


def bundle(*items: Document) -> list[Document]:
    """Items that stand and fall with the first."""
    related = [{"relationshipType": "bundle", "orderItem": {"itemId": "1"}}]
    first, *others = items
    numbered = [each | {"id": str(n), "serviceOrderItemRelationship": related} for n, each in enumerate(others, start=2)]
    return [first, *numbered]


def added() -> list[Document]:
    return bundle(*(internet(port, spec=OWN, description="Acme, Ghent", prefix=prefix) for port, prefix in PLACES.items()))


def moved(services: list[Access]) -> list[Document]:
    new = zip(services, ELSEWHERE.values(), strict=True)
    return bundle(*(change(service, prefix=prefix, description="Acme, Bruges") for service, prefix in new))


def deleted(services: list[Access]) -> list[Document]:
    return bundle(*(deletion(service) for service in services))


def said(found: Configurations) -> dict[str, set[str]]:
    """What of the services stands in what each element runs and has saved."""
    return {name: set(_WORDS.findall(found[name])) for name in ON_BOTH}


def all_say(town: str, prefixes: dict[str, str]) -> dict[str, set[str]]:
    address = {port.partition("/")[0]: prefix.partition("/")[0] for port, prefix in prefixes.items()}
    return {name: {town, address[name.split()[0]]} for name in ON_BOTH}


@pytest.mark.parametrize("checkpoint", WAY)
def test_what_is_decided_holds_everywhere_and_what_is_not_leaves_nothing(
    fabd: Doomed, before: Configurations, checkpoint: str
) -> None:
    expected = "failed" if checkpoint in UNDECIDED else "completed"

    order = fabd.dies(checkpoint, *added())
    assert order["state"] == expected, complaints(order)
    if expected == "failed":
        fabd.assert_no_trace(before)
        order = fabd.order(*added())
    services = [fabd.access(item["service"]["id"]) for item in order["serviceOrderItem"]]
    there = configurations.read(fabd.lab)
    assert changed(before, there) == set(ON_BOTH)
    assert said(there) == all_say("Acme, Ghent", PLACES)

    assert fabd.dies(checkpoint, *moved(services))["state"] == expected
    now = configurations.read(fabd.lab)
    if expected == "completed":
        assert said(now) == all_say("Acme, Bruges", ELSEWHERE)
    else:
        assert changed(there, now) == set()

    assert fabd.dies(checkpoint, *deleted(services))["state"] == expected
    if expected == "failed":
        assert (changed(now, configurations.read(fabd.lab)), len(fabd.active())) == (set(), 2)
        assert fabd.order(*deleted(services))["state"] == "completed"
    assert fabd.active() == []
    fabd.assert_no_trace(before)
