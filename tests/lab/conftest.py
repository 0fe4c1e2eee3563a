"""The lab for tests that carry the `lab` mark. Where it cannot be built these fail: a skipped proof proves nothing."""

import os
from collections.abc import Iterator

import ncclient.transport.session
import pytest

from tests.lab import lock, requirements
from tests.lab.lab import Lab
from tests.lab.topology import MANAGEMENT


@pytest.fixture(scope="package", autouse=True)
def _quick_client() -> Iterator[None]:
    """The stock client looks every 0.1 s whether it has something to send, which is most of what a short exchange takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ncclient.transport.session, "TICK", 0.005)
        yield


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A lab built anew for this session, and gone after it, also when the session is killed."""
    if found := requirements.missing():
        pytest.fail(requirements.report(found), pytrace=False)
    built = Lab()
    with lock.held():
        built.down()
        try:
            built.up(owner=os.getpid())
            yield built
        finally:
            built.down()


@pytest.fixture
def management(lab: Lab) -> Iterator[Lab]:
    """The lab, with the test's own sockets in the management network, where the elements and the daemon are."""
    with lab.inside(MANAGEMENT):
        yield lab
