from collections.abc import Generator, Iterator

import pytest
from alembic import command

from agent import storage
from drivers.sim.thread import SimThread
from inventory.db import Database
from tests.agent.chaos import results
from tests.agent.chaos.client import NETWORK, Client
from tests.agent.chaos.mortal import Cradles, Mortal
from tests.agent.chaos.truth import Twin
from tests.agent.installation import Installation, simulated_network

CALLED = pytest.StashKey[bool]()
"""Whether the test itself passed."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What comes after a test is part of it: daemons that do not end there have not passed either."""
    report = yield
    if report.when == "call":
        item.stash[CALLED] = report.passed
    if report.when == "teardown":
        results.ended(item.nodeid, passed=report.passed and item.stash.get(CALLED, False))
    return report


@pytest.fixture(scope="module")
def twin(tmp_path_factory, host_keys) -> Iterator[Twin]:
    with simulated_network(1, host_keys, NETWORK) as thread:
        twin = Twin(thread, tmp_path_factory.mktemp("twin"))
        yield twin
        twin.close()


@pytest.fixture
def sim(host_keys) -> Iterator[SimThread]:
    """A network that outlives the daemons in front of it, with an element of every way to commit."""
    with simulated_network(0, host_keys, NETWORK) as thread:
        yield thread


@pytest.fixture
def more_settings() -> str:
    return ""


@pytest.fixture
def installation(tmp_path, sim, database: Database, more_settings: str) -> Iterator[Installation]:
    """On the kind of database under test."""
    say_it_is_current(database)
    with Installation(tmp_path / "fabd", sim, more=more_settings, url=database.url) as installation:
        yield installation


@pytest.fixture
def client(installation, twin) -> Client:
    return Client(installation, twin)


@pytest.fixture(scope="session")
def cradles() -> Iterator[Cradles]:
    cradles = Cradles()
    yield cradles
    cradles.close()


@pytest.fixture
def mortal(installation, cradles) -> Iterator[Mortal]:
    mortal = Mortal(installation.config, cradles)
    yield mortal
    mortal.end()


def say_it_is_current(database: Database) -> None:
    """Of one that has every table already: upgrading an empty one takes as long as a daemon's life."""
    config = storage._config()
    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.stamp(config, "head")
        connection.commit()
