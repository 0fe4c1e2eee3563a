"""Statements that are built once say, find and refuse what SQLAlchemy's own executions would."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Table, bindparam, delete, event, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from inventory.db import Database
from inventory.prepared import Prepared, _json_of, _json_text
from inventory.storing import new_row, store, write
from inventory.tables import WorkItemRow
from policies.values import new_id
from tests.clock import EPOCH

_WORK = cast("Table", WorkItemRow.__table__)
_COLUMNS = ["id", "kind", "key", "payload", "state", "priority", "run_at", "fence", "attempts", "last_error", "created_at"]
_ADD = Prepared(insert(_WORK), _COLUMNS)
_LIKE = Prepared(
    select(WorkItemRow.key, WorkItemRow.payload, WorkItemRow.run_at, WorkItemRow.lease_until)
    .where(WorkItemRow.kind == bindparam("kind"), WorkItemRow.state == "ready")
    .order_by(WorkItemRow.key)
)


def work(key: str, **more: object) -> dict[str, object]:
    return {
        "id": new_id("wrk"),
        "kind": "plan",
        "key": key,
        "payload": {"ä": [1, None]},
        "state": "ready",
        "priority": 100,
        "run_at": EPOCH,
        "fence": 0,
        "attempts": 0,
        "last_error": "",
        "created_at": EPOCH,
    } | more


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.write() as session:
        yield session


@pytest.fixture
def connection(session: Session) -> Connection:
    return session.connection()


def test_values_go_and_come_back_as_their_columns_say(connection: Connection) -> None:
    _ADD.run(connection, work("a"))
    assert _LIKE.rows(connection, {"kind": "plan"}) == [("a", {"ä": [1, None]}, EPOCH, None)]


INSTANTS = [
    EPOCH,
    EPOCH + timedelta(microseconds=1),
    EPOCH.astimezone(timezone(timedelta(hours=-5, minutes=-30))),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
]
DOCUMENTS: list[dict[str, object]] = [
    {},
    {"a": []},
    {"a": {}, "b": [[], {}]},
    {"ä\n☃\u2028": 'x"\\'},
    {"n": 1.5, "t": True, "z": None, "large": 10**30, "small": 1e-7, "whole": -3},
]


def _read(stored: object) -> object:
    """SQLite keeps documents as texts, in which blanks mean nothing."""
    return json.loads(stored) if isinstance(stored, str) else stored


@pytest.mark.parametrize("at", INSTANTS)
@pytest.mark.parametrize("payload", DOCUMENTS)
def test_what_is_written_is_what_sqlalchemy_writes_and_what_is_read_what_it_reads(
    connection: Connection, at: datetime, payload: dict[str, object]
) -> None:
    _ADD.run(connection, work("a", payload=payload, run_at=at))
    connection.execute(insert(_WORK), work("b", payload=payload, run_at=at))
    ours, theirs = connection.exec_driver_sql("SELECT payload, run_at FROM work_item ORDER BY key").all()
    assert ours.run_at == theirs.run_at
    assert _read(ours.payload) == _read(theirs.payload) == payload
    assert [row[1:3] for row in _LIKE.rows(connection, {"kind": "plan"})] == [(payload, at)] * 2
    assert {row[2].tzinfo for row in _LIKE.rows(connection, {"kind": "plan"})} == {UTC}


def test_a_naive_instant_is_refused(connection: Connection) -> None:
    with pytest.raises(ValueError, match="attach a time zone"):
        _ADD.run(connection, work("a", run_at=EPOCH.replace(tzinfo=None)))


def test_an_hour_that_the_clocks_show_twice_is_two_hours(connection: Connection) -> None:
    twice = [datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Zurich"), fold=fold) for fold in (0, 1)]
    _ADD.run_all(connection, [work(key, run_at=at) for key, at in zip("ab", twice, strict=True)])
    hours = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1)]
    assert [row[2] for row in _LIKE.rows(connection, {"kind": "plan"})] == hours


def test_several_rows_are_one_statement(connection: Connection) -> None:
    _ADD.run_all(connection, [work("a"), work("b"), work("c")])
    assert [row[0] for row in _LIKE.rows(connection, {"kind": "plan"})] == ["a", "b", "c"]


def test_no_rows_are_no_statement(connection: Connection) -> None:
    _ADD.run_all(connection, [])
    assert _LIKE.first(connection, {"kind": "plan"}) is None


def test_what_the_statement_says_itself_need_not_be_given(connection: Connection) -> None:
    _ADD.run(connection, work("a", state="done"))
    assert _LIKE.first(connection, {"kind": "plan"}) is None


def test_changes_can_return_what_they_changed(connection: Connection) -> None:
    _ADD.run_all(connection, [work("a"), work("b")])
    moved = Prepared(
        update(_WORK).where(_WORK.c.key == bindparam("of")).values(priority=bindparam("now")).returning(_WORK.c.run_at)
    )
    gone = Prepared(delete(_WORK).where(_WORK.c.kind == bindparam("kind")).returning(_WORK.c.priority))
    assert moved.rows(connection, {"of": "b", "now": 7}) == [(EPOCH,)]
    assert sorted(gone.rows(connection, {"kind": "plan"})) == [(7,), (100,)]


def test_none_is_null_in_a_json_column_as_well(session: Session) -> None:
    with pytest.raises(IntegrityError):
        _ADD.run(session.connection(), work("a", payload=None))
    session.rollback()


def test_what_an_element_said_that_was_no_utf_8_is_written_and_read_as_well() -> None:
    written = _json_text({"said": "\udc80"})
    assert json.loads(written) == _json_of(written) == {"said": "\udc80"}


def test_a_refusal_is_sqlalchemys_and_shows_no_values(session: Session) -> None:
    _ADD.run(session.connection(), work("a", id="one"))
    with pytest.raises(IntegrityError) as caught:
        _ADD.run(session.connection(), work("b", id="one", last_error="secret"))
    assert isinstance(caught.value, DBAPIError)
    assert not caught.value.connection_invalidated
    assert "INSERT INTO work_item" in str(caught.value)
    assert "secret" not in str(caught.value)
    session.rollback()


def test_whoever_listens_to_statements_is_told(database: Database, connection: Connection) -> None:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        _ADD.run_all(connection, [work("a"), work("b")])
        found = _LIKE.rows(connection, {"kind": "plan"})
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    assert [row[0] for row in found] == ["a", "b"]
    assert [statement.split()[0] for statement in seen] == ["INSERT", "SELECT"]


def test_rows_are_written_with_their_defaults(session: Session) -> None:
    write(session, WorkItemRow, [{"id": "one", "kind": "plan", "key": "a", "run_at": EPOCH, "created_at": EPOCH}])
    row = session.get_one(WorkItemRow, "one")
    assert (row.state, row.payload, row.attempts, row.finished_at) == ("ready", {}, 0, None)


def test_an_object_that_was_stored_is_the_sessions_and_its_changes_are_kept(session: Session) -> None:
    row = new_row(WorkItemRow, id="one", kind="plan", key="a", run_at=EPOCH, created_at=EPOCH)
    assert (row.state, row.payload, row.lease_until) == ("ready", {}, None)
    store(session, [row])
    assert session.get(WorkItemRow, "one") is row
    row.last_error = "changed"
    session.flush()
    session.expire_all()
    assert session.get_one(WorkItemRow, "one").last_error == "changed"


def test_many_rows_are_changed_and_taken_away_as_each_would_be(connection: Connection) -> None:
    keys = ["a", 'b"\\', "c\n%(key)s", "d"]
    rows = [work(key, last_error="%s", payload={"deep": [key, None, 1.5]}) for key in keys]
    _ADD.run_all(connection, rows)
    assert [found[0:2] for found in _LIKE.rows(connection, {"kind": "plan"})] == [
        (row["key"], row["payload"]) for row in sorted(rows, key=lambda row: row["key"])
    ]
    changed = Prepared(
        update(_WORK)
        .where(_WORK.c.id == bindparam("key_"))
        .values(priority=_WORK.c.priority + 1, lease_until=bindparam("until"), finished_at=bindparam("ended"))
    )
    changed.run_all(connection, [{"key_": row["id"], "until": EPOCH, "ended": None} for row in rows[:3]])
    found = connection.execute(
        select(_WORK.c.key, _WORK.c.priority, _WORK.c.lease_until, _WORK.c.finished_at).order_by(_WORK.c.key)
    )
    assert found.all() == [(key, 101, EPOCH, None) for key in keys[:3]] + [("d", 100, None, None)]
    gone = Prepared(delete(_WORK).where(_WORK.c.id == bindparam("key_"), _WORK.c.priority == bindparam("at")))
    gone.run_all(connection, [{"key_": row["id"], "at": 101} for row in rows])
    assert [key for (key,) in connection.execute(select(_WORK.c.key))] == ["d"]
