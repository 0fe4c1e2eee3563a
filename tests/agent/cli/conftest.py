import os

import pytest

from agent.storage import upgrade
from inventory.db import Database
from tests.agent.api.office import Office
from tests.agent.cli.daemon import ServedOffice
from tests.agent.cli.terminal import Terminal


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working directory, and nothing of fabd in the environment."""
    for name in [name for name in os.environ if name.startswith("FABD_") and name != "FABD_TEST_DATABASE"]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fabd(folder) -> Terminal:  # noqa: ARG001  it is the working directory
    return Terminal()


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Migrating takes longer than most tests; copying a file does not."""
    path = tmp_path_factory.mktemp("made") / "fabd.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.close()
    return path


@pytest.fixture
def prepared(fabd, folder, made) -> Terminal:
    """With a database."""
    (folder / "fabd-data").mkdir(mode=0o700)
    (folder / "fabd-data" / "fabd.db").write_bytes(made.read_bytes())
    return fabd


@pytest.fixture
def served(fabd, database, clock, monkeypatch):  # noqa: ARG001  its folder is the working directory
    """A small operator behind a real socket, found by the environment."""
    with ServedOffice(Office(database, clock)) as served:
        monkeypatch.setenv("FABD_URL", served.url)
        monkeypatch.setenv("FABD_TOKEN", served.token)
        yield served
