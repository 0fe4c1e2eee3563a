"""`fabd db`: the database's life."""

import sqlite3

from sqlalchemy import select

from agent.security.tables import AuditRow
from agent.storage import head_revision


def test_a_database_is_made_once(fabd, folder):
    assert fabd.ok("db", "upgrade").out == f"the database is at {head_revision()}, new\n"
    assert (folder / "fabd-data").stat().st_mode & 0o077 == 0
    assert fabd.ok("db", "upgrade").out == f"the database is at {head_revision()} already\n"
    assert fabd.ok("db", "check").out == f"the database is sound, at {head_revision()}\n"
    with fabd.database().read() as session:
        (row,) = session.scalars(select(AuditRow)).all()
    assert (row.action, row.object, row.source) == ("upgrade", "database", "local")
    assert row.after == {"schema": head_revision()}
    assert row.actor.startswith("cli:")


def test_looking_at_a_database_that_is_not_there_does_not_make_it(fabd, folder):
    (folder / "fabd-data").mkdir()
    for words in (["db", "check"], ["db", "backup", "b.gz"], ["token", "list"], ["inventory", "show"]):
        said = fabd(*words)
        assert said.code == 1
        assert said.complaint.startswith("there is no database at fabd-data/fabd.db; make it with `fabd db upgrade`")
    assert list((folder / "fabd-data").iterdir()) == []


def test_a_database_of_a_newer_version_is_refused_and_left_alone(prepared, folder):
    with sqlite3.connect(folder / "fabd-data" / "fabd.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for words in (["db", "upgrade"], ["token", "list"]):
        said = prepared(*words)
        assert said.code == 1
        assert "was written by a newer fabd (schema 9999" in said.complaint
        assert "install that version" in said.complaint
    check = prepared("db", "check", "--json")
    assert check.code == 1
    assert check.json["revision"] == "9999"
    assert "install the fabd that wrote it" in check.json["problems"][0]


def test_a_backup_restores_into_a_new_database(prepared, folder):
    prepared.ok("token", "create", "noc")
    assert "rows written to b.gz" in prepared.ok("db", "backup", "b.gz").out
    assert (folder / "b.gz").stat().st_mode & 0o777 == 0o600
    (folder / "other.toml").write_text('data_dir = "other"\n')
    assert "rows restored from b.gz" in prepared.ok("db", "restore", "b.gz", "--config", "other.toml").out
    (token,) = prepared.ok("token", "list", "--json", "--config", "other.toml").json
    assert token["name"] == "noc"


def test_a_backup_replaces_nothing(prepared, folder):
    (folder / "b.gz").write_text("mine")
    said = prepared("db", "backup", "b.gz")
    assert (said.code, said.complaint) == (1, "b.gz exists already; name another file")
    assert (folder / "b.gz").read_text() == "mine"


def test_only_backups_restore_and_only_into_nothing(prepared, folder):
    (folder / "no.gz").write_bytes(b"not gzip")
    (folder / "other.toml").write_text('data_dir = "other"\n')
    assert "no.gz cannot be restored" in prepared("db", "restore", "no.gz", "--config", "other.toml").complaint
    prepared.ok("db", "backup", "b.gz")
    assert "is not empty; restore into a new one" in prepared("db", "restore", "b.gz").complaint


def test_a_damaged_database_is_a_sentence(prepared, folder):
    (folder / "fabd-data" / "fabd.db").write_bytes(b"this is no database at all, only words" * 100)
    said = prepared("token", "list")
    assert said.code == 1
    assert "database" in said.complaint
    assert "Traceback" not in said.err
