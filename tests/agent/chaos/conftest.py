from collections.abc import Iterator

import pytest

from agent.tables import metadata
from inventory.db import Database
from tests.agent.chaos.truth import Twin
from tests.agent.installation import Installation, simulated_network


@pytest.fixture(scope="module")
def twin(tmp_path_factory, host_keys) -> Iterator[Twin]:
    with simulated_network(1, host_keys) as thread:
        twin = Twin(thread, tmp_path_factory.mktemp("twin"))
        yield twin
        twin.close()


@pytest.fixture
def installation(tmp_path, sim, database: Database) -> Iterator[Installation]:
    """On the kind of database under test."""
    metadata.drop_all(database.engine)
    with Installation(tmp_path / "fabd", sim, url=database.url) as installation:
        yield installation
