"""The lab for tests that carry the `lab` mark. Where it cannot be built these fail: a skipped proof proves nothing."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import ncclient.transport.session
import pytest

from tests.lab import lock, requirements
from tests.lab.errors import LabError
from tests.lab.lab import Lab
from tests.lab.topology import MANAGEMENT

HERE = Path(__file__).parent


@pytest.fixture(scope="package", autouse=True)
def _quick_client() -> Iterator[None]:
    """The stock client looks every 0.1 s whether it has something to send, which is most of what a short exchange takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ncclient.transport.session, "TICK", 0.005)
        yield


LONGEST_FIRST = ("test_every_point", "test_faults", "test_assurance", "test_recovery", "test_lifecycle")
"""So that no worker is left alone with one of them at the end. What needs a daemon comes before the rest: it is started once."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of the lab's tests, wherever they are among others."""
    places = [place for place, item in enumerate(items) if item.path.is_relative_to(HERE)]
    ordered = sorted((items[place] for place in places), key=_turn)
    for place, item in zip(places, ordered, strict=True):
        items[place] = item


def _turn(item: pytest.Item) -> tuple[bool, int]:
    name = item.path.stem
    return item.path.parent == HERE, LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A lab built anew for this session, and gone after it, also when the session is killed."""
    if found := requirements.missing():
        pytest.fail(requirements.report(found), pytrace=False)
    built = Lab()
    with lock.held():
        built.down()
        try:
            try:
                built.up(owner=os.getpid())
            except LabError as error:
                # else every test of this process would fail for what one router did not come to
                sys.stderr.write(f"the lab is built a second time: {error}\n")
                built.down()
                built.up(owner=os.getpid())
            yield built
        finally:
            built.down()


@pytest.fixture
def management(lab: Lab) -> Iterator[Lab]:
    """The lab, with the test's own sockets in the management network, where the elements and the daemon are."""
    with lab.inside(MANAGEMENT):
        yield lab
