"""The tables in the code, those that the migrations make, and what a backup carries are one and the same, on both databases."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import JSON, BigInteger, Boolean, Column, Double, Integer, LargeBinary, Row, Table, UniqueConstraint, select
from sqlalchemy.engine import URL
from sqlalchemy.types import TypeEngine

from agent import storage
from agent.tables import metadata
from inventory.db import Database, Exact, Unsigned64, UtcDateTime

INSTANT = datetime(2026, 3, 29, 0, 59, 59, 999_999, tzinfo=UTC)  # a moment before clocks are changed
TABLES = metadata.sorted_tables
ROWS = 3
"""Per table."""
EDGES: dict[type[TypeEngine[Any]], Callable[[int], object]] = {
    UtcDateTime: lambda number: INSTANT + timedelta(microseconds=number),
    Exact: lambda number: Decimal("12345678901234567890.000000000001") + number,
    Unsigned64: lambda number: 2**64 - 1 - number,
    Boolean: lambda number: bool(number % 2),
    Double: lambda number: 0.1 + number / 3,
    BigInteger: lambda number: 2**63 - 1 - number,
    Integer: lambda number: 7 + number,
    LargeBinary: lambda number: b"\x00\xff block " + bytes([number]),
    JSON: lambda number: {"text": "é ☃ \U0001f6f0", "number": number, "nested": [None, {"a": 1.5}]},
}
"""By type, the more special one first."""


@pytest.fixture
def migrated(database: Database) -> Database:
    """Of the kind under test, made by the migrations alone."""
    metadata.drop_all(database.engine)
    storage.upgrade(database)
    return database


@pytest.fixture
def sqlite(tmp_path) -> Iterator[list[Database]]:
    """Two SQLite databases that are not there yet."""
    databases = [Database(URL.create("sqlite", database=str(tmp_path / f"{name}.db"))) for name in ("first", "last")]
    yield databases
    for each in databases:
        each.close()


def test_the_migrations_make_what_the_code_says(migrated):
    with migrated.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_every_column_of_every_table_survives_the_way_there_and_back(sqlite, database, tmp_path):
    first, last = sqlite
    metadata.drop_all(database.engine)
    fill(first)
    there, back = tmp_path / "there.backup", tmp_path / "back.backup"
    count = storage.backup(first, there)
    assert count == ROWS * len(metadata.tables)
    assert storage.restore(database, there) == storage.backup(database, back) == storage.restore(last, back) == count
    assert contents(database) == contents(first)
    assert contents(last) == contents(first)
    assert [storage.check(each).problems for each in (database, last)] == [(), ()]


def test_a_restored_database_goes_on_counting_where_it_was(sqlite, database, tmp_path):
    """Keys that the database gives itself do not meet those that came with the backup."""
    first, _ = sqlite
    metadata.drop_all(database.engine)
    counted = [table for table in TABLES if table.autoincrement_column is not None]
    assert counted
    fill(first)
    storage.backup(first, tmp_path / "there.backup")
    storage.restore(database, tmp_path / "there.backup")
    with database.engine.begin() as connection:
        for table in counted:
            key = table.autoincrement_column
            assert key is not None
            given = {name: value for name, value in row_of(table, ROWS).items() if name != key.name}
            (new,) = connection.execute(table.insert().values(given)).inserted_primary_key
            assert new > row_of(table, ROWS - 1)[key.name]


def contents(database: Database) -> dict[str, dict[tuple[object, ...], tuple[object, ...]]]:
    """Table → key → row."""
    with database.read() as session:
        return {table.name: {_key(row, table): tuple(row) for row in session.execute(select(table))} for table in TABLES}


def _key(row: Row[Any], table: Table) -> tuple[object, ...]:
    return tuple(row._mapping[column] for column in table.primary_key)


def fill(database: Database) -> None:
    """Every table. Of rows that refer to their own table each names the next one, so that their order matters."""
    storage.upgrade(database)
    with database.engine.begin() as connection:
        for table in TABLES:
            for number in reversed(range(ROWS)):
                connection.execute(table.insert(), row_of(table, number))


def row_of(table: Table, number: int) -> dict[str, Any]:
    return {column.name: value_of(column, number) for column in table.columns}


def value_of(column: Column[Any], number: int) -> Any:
    """Different in every row, and at the edges of what the type can hold."""
    for foreign in column.foreign_keys:
        if foreign.column.table is column.table:
            return value_of(foreign.column, number + 1) if number + 1 < ROWS else None
        return value_of(foreign.column, number if is_unique(column) else 0)
    return next((make(number) for kind, make in EDGES.items() if isinstance(column.type, kind)), f"{column.name} {number} é ☃")


def is_unique(column: Column[Any]) -> bool:
    unique = [constraint for constraint in column.table.constraints if isinstance(constraint, UniqueConstraint)]
    indexed = [index for index in column.table.indexes if index.unique]
    return column.primary_key or any(column.name in constraint.columns for constraint in [*unique, *indexed])
