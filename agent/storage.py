"""Keeping the database: upgrade, check, backup and restore, the same on SQLite and PostgreSQL.

A backup is one gzip file of JSON lines: a header (format, schema revision, instant), then every row of every table in an order
that satisfies the foreign keys. It can be restored into an empty database of either kind, so it also moves an installation.
"""

import base64
import gzip
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, Dialect, MetaData, RowMapping, Table, func, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from agent.errors import AgentError, BackupError, DatabaseUnusable, DatabaseVersionError
from agent.tables import metadata
from inventory.db import AT_LENGTH, Database, Exact, Unsigned64

FORMAT = "fabd-backup-1"
BATCH = 500


@dataclass(frozen=True, slots=True)
class StorageReport:
    """What `check` found. `problems` is empty when the database is sound and of this program's version."""

    revision: str | None
    head: str
    problems: tuple[str, ...]


def upgrade(database: Database) -> str:
    """Bring the schema to this program's version; returns its revision. Raises `DatabaseVersionError` when it is newer."""
    make_file(database)
    _refuse_newer(database)
    with database.engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    return head_revision()


def require_current(database: Database) -> None:
    """Raise `DatabaseVersionError` unless the schema is this program's."""
    _refuse_newer(database)
    if (found := current_revision(database)) != head_revision():
        raise DatabaseVersionError(
            f"database {_name(database)} has schema {found or 'none'}, this fabd needs {head_revision()}; run: fabd db upgrade"
        )


def check(database: Database) -> StorageReport:
    """Version, tables and columns, integrity, foreign keys."""
    revision, head = current_revision(database), head_revision()
    problems: list[str] = []
    if revision != head:
        newer = revision is not None and revision not in _known_revisions()
        remedy = "install the fabd that wrote it" if newer else "run: fabd db upgrade"
        problems.append(f"schema is {revision or 'missing'}, this fabd needs {head}; {remedy}")
    elif missing := _missing(database):
        problems.append(f"schema: {', '.join(missing)} missing although the version is right; restore a backup into a new database")
    if database.is_sqlite and revision is not None:
        with database.engine.connect() as connection:
            problems += [f"integrity: {row[0]}" for row in connection.execute(text("PRAGMA integrity_check")) if row[0] != "ok"]
            problems += [
                f"foreign key: row {row[1]} of {row[0]} names a missing {row[2]}"
                for row in connection.execute(text("PRAGMA foreign_key_check"))
            ]
    return StorageReport(revision, head, tuple(problems))


def _missing(database: Database) -> list[str]:
    """Tables, and columns as table.column."""
    schema = inspect(database.engine)
    found = {table: {column["name"] for column in schema.get_columns(table)} for table in schema.get_table_names()}
    tables = [table.name for table in metadata.sorted_tables if table.name not in found]
    columns = [
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        if table.name in found
        for column in table.columns
        if column.name not in found[table.name]
    ]
    return sorted(tables) + sorted(columns)


def current_revision(database: Database) -> str | None:
    """None when there is no schema, or no file. Raises `DatabaseUnusable`."""
    if database.is_sqlite and not _file_exists(database):
        return None
    try:
        with database.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        reason = _reason(error)
        raise DatabaseUnusable(
            f"database {_name(database)} cannot be opened: {reason}; look at database.url and data_dir"
        ) from error


def head_revision() -> str:
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise DatabaseVersionError("this installation carries no migrations; install fabd again")
    return head


def backup(database: Database, file: Path) -> int:
    """Write every row to `file` (mode 0600) from one consistent snapshot; returns how many. An existing file is never replaced."""
    require_current(database)
    if file.exists():
        raise BackupError(f"{file} exists already; name another file")
    try:
        # a name that nobody can foresee, mode 0600: the folder may be one where everybody writes
        with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", suffix=".partial") as raw:
            with gzip.open(raw, "wt", encoding="utf-8") as out:
                rows = _dump(database, out)
            raw.flush()
            os.fsync(raw.fileno())
            os.link(raw.name, file)
    except FileExistsError:
        raise BackupError(f"{file} exists already; name another file") from None
    except OSError as error:
        raise BackupError(
            f"backup to {file} failed: {error.strerror}; name a file where there is room and you may write"
        ) from error
    return rows


def restore(database: Database, file: Path) -> int:
    """Fill an empty database from `file`, then upgrade it; returns how many rows. All or nothing."""
    try:
        with gzip.open(file, "rt", encoding="utf-8") as source:
            rows = _load(database, _revision_of(file, source.readline()), source)
    except AgentError:
        raise
    except (OSError, EOFError, ValueError, TypeError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise BackupError(f"{file} cannot be restored: {reason}; name a whole file that `fabd db backup` wrote") from error
    upgrade(database)
    return rows


def _revision_of(file: Path, first_line: str) -> str:
    header = json.loads(first_line or "{}")
    if not isinstance(header, dict) or header.get("format") != FORMAT or "revision" not in header:
        raise BackupError(f"{file} is not a fabd backup; name a file that `fabd db backup` wrote")
    revision = str(header["revision"])
    if revision not in _known_revisions():
        raise DatabaseVersionError(f"{file} comes from a newer fabd (schema {revision}); install that version")
    return revision


def _dump(database: Database, out: IO[str]) -> int:
    isolation = {} if database.is_sqlite else {"isolation_level": "REPEATABLE READ"}
    rows = 0
    with database.engine.connect().execution_options(**isolation) as connection, connection.begin():
        if not database.is_sqlite:
            connection.execute(AT_LENGTH)
        header = {"format": FORMAT, "revision": head_revision(), "at": datetime.now(UTC).isoformat()}
        out.write(json.dumps(header) + "\n")
        for table in metadata.sorted_tables:
            for row in _parents_first(table, connection.execute(select(table)).mappings()):
                plain = {column.name: _plain(column, row[column.name], connection.dialect) for column in table.columns}
                out.write(json.dumps([table.name, plain]) + "\n")
                rows += 1
    return rows


def _load(database: Database, revision: str, source: IO[str]) -> int:
    make_file(database)
    with database.engine.begin() as connection:
        if [name for name in inspect(connection).get_table_names() if name != "alembic_version"]:
            raise BackupError(f"database {_name(database)} is not empty; restore into a new one")
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        reflected = MetaData()
        reflected.reflect(connection)
        rows = _insert(connection, reflected, source, naive=database.is_sqlite)
        if not database.is_sqlite:
            _restart_sequences(connection, reflected)
    return rows


def _insert(connection: Connection, reflected: MetaData, source: IO[str], *, naive: bool) -> int:
    rows = 0
    for table, batch in _batches(reflected, source, naive=naive):
        try:
            connection.execute(table.insert(), batch)
        except SQLAlchemyError as error:
            raise BackupError(f"nothing was restored: the database takes no row of table {table.name}: {_reason(error)}") from error
        rows += len(batch)
    return rows


def _batches(reflected: MetaData, source: IO[str], *, naive: bool) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    name = ""
    batch: list[dict[str, Any]] = []
    for line in source:
        table, row = json.loads(line)
        if table not in reflected.tables:
            raise BackupError(f"nothing was restored: the file has rows of a table that its schema has not: {table!r}")
        if batch and (table != name or len(batch) == BATCH):
            yield reflected.tables[name], batch
            batch = []
        name = table
        batch.append({key: _value(value, naive=naive) for key, value in row.items()})
    if batch:
        yield reflected.tables[name], batch


def _restart_sequences(connection: Connection, reflected: MetaData) -> None:
    for table in reflected.tables.values():
        column = table.autoincrement_column
        if column is None:
            continue
        sequence = connection.scalar(select(func.pg_get_serial_sequence(table.name, column.name)))
        if sequence is not None:
            highest = connection.scalar(select(func.max(column)))
            connection.execute(select(func.setval(sequence, highest or 1, highest is not None)))


def _parents_first(table: Table, rows: Iterable[RowMapping]) -> Iterable[RowMapping]:
    """Rows of a table that refers to itself, each after the row it names."""
    own = next((fk.parent.name for fk in table.foreign_keys if fk.column.table is table), None)
    if own is None:
        return rows
    waiting = list(rows)
    done: set[object] = {None}
    ordered: list[RowMapping] = []
    while waiting:
        ready = [row for row in waiting if row[own] in done]
        if not ready:
            raise BackupError(f"table {table.name} has a cycle among: {', '.join(str(row['id']) for row in waiting)}")
        ordered += ready
        done |= {row["id"] for row in ready}
        waiting = [row for row in waiting if row["id"] not in done]
    return ordered


def _plain(column: Column[Any], value: object, dialect: Dialect) -> object:
    """The value as JSON; what the database keeps as text in a form of its own (exact numbers) stays in that form."""
    if isinstance(value, datetime):
        return {"$at": value.isoformat()}
    if isinstance(value, dict):
        return {"$json": value}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if isinstance(value, Decimal):
        return Exact().process_bind_param(value, dialect)
    if isinstance(value, int) and isinstance(column.type, Unsigned64):
        return Unsigned64().process_bind_param(value, dialect)
    return value


def _value(value: object, *, naive: bool) -> object:
    if isinstance(value, dict):
        if "$at" in value:
            at = datetime.fromisoformat(value["$at"])
            return at.replace(tzinfo=None) if naive else at
        if "$bytes" in value:
            return base64.b64decode(value["$bytes"])
        return value["$json"]
    return value


def _refuse_newer(database: Database) -> None:
    found = current_revision(database)
    if found is not None and found not in _known_revisions():
        raise DatabaseVersionError(
            f"database {_name(database)} was written by a newer fabd (schema {found}, this one knows up to {head_revision()}); "
            "install that version or restore a backup into a new database"
        )


def _known_revisions() -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def make_file(database: Database) -> None:
    """Of an SQLite file, and the file itself, that nobody else can read: it holds customers. Raises `DatabaseUnusable`."""
    if database.is_sqlite and database.url.database and database.url.database != ":memory:":
        file = Path(database.url.database)
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise DatabaseUnusable(
                f"folder {file.parent} cannot be made: {error.strerror}; set data_dir to one that fabd may write"
            ) from error
        _make_private(file.resolve())


def _make_private(file: Path) -> None:
    """One that is there is not opened: closing it would take from SQLite every lock that this process has on it, and the next
    command that reads beside the daemon would think itself the last one, and remove the journal (`-wal`) the daemon writes into.
    """
    remedy = "look at who owns it"
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if file.is_dir() or not os.access(file, os.R_OK | os.W_OK):
            raise DatabaseUnusable(f"database {file} cannot be written by fabd; {remedy}") from None
    except OSError as error:
        raise DatabaseUnusable(f"database {file} cannot be written: {error.strerror}; {remedy}") from error


def _file_exists(database: Database) -> bool:
    """A look at an SQLite file that is not there would make it."""
    path = database.url.database
    return not path or path == ":memory:" or Path(path).exists()


def _reason(error: SQLAlchemyError) -> str:
    """The database's own words, without the statement and its values."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


def _name(database: Database) -> str:
    return database.url.render_as_string(hide_password=True)
