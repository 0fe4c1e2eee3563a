"""The database is kept: upgraded, checked, backed up and brought back, the same on both kinds."""

import contextlib
import gzip
import json
import sqlite3
import stat
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import inspect, select, text
from sqlalchemy.engine import URL

from agent import storage
from agent.errors import BackupError, DatabaseUnusable, DatabaseVersionError
from agent.security import tokens
from agent.security.roles import Role
from agent.tables import metadata
from crm_bridge.tables import UsageRecordRow
from inventory.db import Database
from inventory.tables import SiteRow

LOOK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT * FROM site").fetchall()
connection.close()
"""


@pytest.fixture
def fresh(database):
    """An empty database of the kind under test."""
    metadata.drop_all(database.engine)
    return database


@pytest.fixture
def other(tmp_path):
    """A second, empty one: SQLite, whatever the first is."""
    database = Database(URL.create("sqlite", database=str(tmp_path / "new" / "fabd.db")))
    yield database
    database.close()


@pytest.fixture
def kept(fresh, clock):
    """Upgraded, with rows of every difficult type."""
    storage.upgrade(fresh)
    with fresh.write() as session:
        tokens.create(session, "noc", Role.VIEWER, clock.now())
        session.add(SiteRow(id="ste-9", name="parent", attributes={"lat": 51.05, "é": None}))
        session.flush()
        session.add(SiteRow(id="ste-1", name="child", parent_id="ste-9"))
        session.add(
            UsageRecordRow(
                id="use-1",
                source="s",
                source_id="1",
                digest="d",
                usage_type="octets",
                status="received",
                start=clock.now(),
                end=clock.now() + timedelta(minutes=5),
                octets_in=2**64 - 1,
                octets_out=0,
                quality="measured",
                evidence={"readings": ["rdg-1"]},
                received_at=clock.now(),
            )
        )
    return fresh


def test_a_table_or_column_that_is_not_there_is_named(kept):
    with kept.engine.begin() as connection:
        connection.execute(text("DROP TABLE usage_bin"))
        connection.execute(text("ALTER TABLE site RENAME COLUMN address TO addres"))
    [problem] = storage.check(kept).problems
    assert problem.startswith("schema: usage_bin, site.address missing")


def rows(database):
    with database.read() as session:
        return {table.name: sorted(map(str, session.execute(select(table)).all())) for table in metadata.sorted_tables}


def test_an_upgrade_makes_every_table_and_nothing_the_second_time(fresh):
    assert storage.current_revision(fresh) is None
    assert storage.upgrade(fresh) == storage.head_revision() == storage.current_revision(fresh)
    assert storage.upgrade(fresh) == storage.head_revision()
    assert set(metadata.tables) <= set(inspect(fresh.engine).get_table_names())
    storage.require_current(fresh)
    assert storage.check(fresh).problems == ()


def test_a_database_without_tables_is_not_current(fresh):
    with pytest.raises(DatabaseVersionError, match="run: fabd db upgrade"):
        storage.require_current(fresh)
    assert storage.check(fresh).problems == (f"schema is missing, this fabd needs {storage.head_revision()}; run: fabd db upgrade",)


def test_a_newer_database_is_left_alone(kept):
    with kept.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for keep in (storage.upgrade, storage.require_current):
        with pytest.raises(DatabaseVersionError, match="written by a newer fabd \\(schema 9999"):
            keep(kept)
    assert "install the fabd that wrote it" in storage.check(kept).problems[0]


def test_a_database_that_cannot_be_opened_is_named_without_its_password():
    database = Database("postgresql+psycopg://fabd:hunter2@127.0.0.1:1/fabd?connect_timeout=2")
    with pytest.raises(DatabaseUnusable, match="cannot be opened") as caught:
        storage.current_revision(database)
    assert "127.0.0.1:1" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    database.close()


def test_a_row_that_names_a_missing_one_is_found(other):
    storage.upgrade(other)
    with contextlib.closing(sqlite3.connect(other.url.database)) as connection, connection:
        connection.execute("INSERT INTO site VALUES ('ste-1', 'lab', 'gone', '', '{}')")  # SQLite alone asks for foreign keys
    assert storage.check(other).problems == ("foreign key: row 1 of site names a missing site",)


def test_a_backup_brings_everything_back(kept, other, tmp_path):
    file = tmp_path / "fabd.backup"
    count = storage.backup(kept, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert storage.restore(other, file) == count
    assert rows(other) == rows(kept)
    assert count == sum(len(each) for each in rows(kept).values()) == 4
    assert storage.check(other).problems == ()
    with other.read() as session:
        usage = session.scalars(select(UsageRecordRow)).one()
    assert (usage.octets_in, Decimal(usage.octets_out)) == (2**64 - 1, 0)


def test_nobody_else_can_read_a_new_database(other):
    storage.upgrade(other)
    with other.write() as session:
        session.add(SiteRow(id="ste-1", name="lab"))
    files = list((Path(other.url.database).parent).iterdir())
    assert len(files) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.parametrize("again", [storage.upgrade, storage.make_file])
def test_who_looks_beside_a_running_daemon_takes_no_journal_from_it(other, again):
    storage.make_file(other)
    assert storage.current_revision(other) is None
    storage.upgrade(other)
    again(other)
    path = other.url.database
    subprocess.run([sys.executable, "-c", LOOK, path], check=True)
    assert Path(f"{path}-wal").exists()
    with other.write() as session:
        session.add(SiteRow(id="ste-1", name="lab"))
    with contextlib.closing(sqlite3.connect(path)) as beside:
        assert beside.execute("SELECT name FROM site").fetchall() == [("lab",)]


def test_a_backup_goes_through_no_name_that_others_can_prepare(kept, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "fabd.backup.partial").symlink_to(precious)
    storage.backup(kept, tmp_path / "fabd.backup")
    assert precious.read_text() == "precious"
    assert not (tmp_path / "fabd.backup").is_symlink()


def test_a_backup_never_replaces_a_file(kept, tmp_path):
    file = tmp_path / "fabd.backup"
    file.write_text("precious")
    with pytest.raises(BackupError, match="exists already"):
        storage.backup(kept, file)
    assert (file.read_text(), list(tmp_path.glob("*.partial"))) == ("precious", [])


def test_a_backup_that_cannot_be_written_leaves_nothing(kept, tmp_path):
    with pytest.raises(BackupError, match="failed"):
        storage.backup(kept, tmp_path / "gone" / "fabd.backup")


def test_a_database_that_holds_something_is_not_restored_into(kept, tmp_path):
    file = tmp_path / "fabd.backup"
    storage.backup(kept, file)
    before = rows(kept)
    with pytest.raises(BackupError, match="not empty; restore into a new one"):
        storage.restore(kept, file)
    assert rows(kept) == before


def squeezed(content: bytes) -> bytes:
    """The same bytes at any time: they name a test, and every worker must know it by the same name."""
    return gzip.compress(content, mtime=0)


def spoiled(header=None, *lines) -> bytes:
    good = {"format": storage.FORMAT, "revision": storage.head_revision(), "at": "2026-01-05T09:00:00+00:00"}
    return squeezed("\n".join(json.dumps(line) for line in (good | (header or {}), *lines)).encode())


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (None, BackupError, "No such file or directory; name a whole file"),
        (b"", BackupError, "is not a fabd backup"),
        (b"not gzip", BackupError, "cannot be restored"),
        (squeezed(b"x" * 100)[:12] + b"\xff" * 40, BackupError, "cannot be restored"),
        (squeezed(b"[]"), BackupError, "is not a fabd backup"),
        (spoiled({}, {"a": 1}), BackupError, "cannot be restored"),
        (spoiled({}, ["nonsense", {"id": "x"}]), BackupError, "rows of a table that its schema has not: 'nonsense'"),
        (spoiled({}, ["site", {"id": "x"}]), BackupError, "the database takes no row of table site: NOT NULL constraint failed"),
        (squeezed(b"{"), BackupError, "cannot be restored"),
        (spoiled({"format": "tar"}), BackupError, "is not a fabd backup"),
        (spoiled({"revision": "9999"}), DatabaseVersionError, "comes from a newer fabd"),
        (spoiled({}, ["site", {"id": "x"}])[:-12], BackupError, "cannot be restored"),
    ],
)
def test_what_is_no_backup_is_refused_and_leaves_nothing(other, tmp_path, content, error, said):
    file = tmp_path / "fabd.backup"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(error, match=said):
        storage.restore(other, file)
    assert storage.current_revision(other) is None
