from collections.abc import Iterator

import pytest

from drivers.port import Target
from drivers.ssh.driver import SshDriver
from tests.drivers.simulated import Simulated


@pytest.fixture
def driver() -> Iterator[SshDriver]:
    found = SshDriver()
    yield found
    found.close()


@pytest.fixture
def target(clean: Simulated, request: pytest.FixtureRequest) -> Target:
    """The element that the module is about."""
    return clean.target(request.module.ELEMENT)
