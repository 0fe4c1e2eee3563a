import pytest

from tests.agent.api.office import Office
from tests.agent.api.story import Story


@pytest.fixture
def office(database, clock) -> Office:
    return Office(database, clock)


@pytest.fixture
def story(office) -> Story:
    return Story(office)
