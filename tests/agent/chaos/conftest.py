from collections.abc import Iterator

import pytest

from tests.agent.chaos.truth import Twin
from tests.agent.installation import simulated_network


@pytest.fixture(scope="module")
def twin(tmp_path_factory, host_keys) -> Iterator[Twin]:
    with simulated_network(1, host_keys) as thread:
        twin = Twin(thread, tmp_path_factory.mktemp("twin"))
        yield twin
        twin.close()
