import pytest

from tests.agent.api.office import Office


@pytest.fixture
def office(database, clock) -> Office:
    return Office(database, clock)
