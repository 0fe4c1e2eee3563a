"""Statements that are built once: their text, and how each value goes to the database and comes back from it.

SQLAlchemy makes a context, parameters and a result for every execution, which costs several times what the database does for a
row by its key. What is done for every order is worth saying without; everything else stays with SQLAlchemy.
"""

import json
import re
from collections import namedtuple
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from pydantic_core import from_json, to_json
from sqlalchemy import JSON, ColumnElement, Connection, Delete, Insert, Select, Update, bindparam, func, select
from sqlalchemy import any_ as any_of
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import Boolean, LargeBinary, String, TypeDecorator, TypeEngine

from inventory.db import UtcDateTime

Convert = Callable[[Any], Any]
Values = Mapping[str, Any]
Found = Sequence[tuple[Any, ...]]


class Prepared:
    """A statement whose parameters are all named: by `bindparam`, or in an insert by its `columns`.

    None is NULL, in a JSON column as well. Defaults of columns are the caller's. Runs in the transaction of the connection, and
    raises what SQLAlchemy raises.
    """

    def __init__(
        self, statement: Select[*tuple[Any, ...]] | Insert | Update | Delete, columns: Collection[str] | None = None
    ) -> None:
        returns = isinstance(statement, Select) or bool(statement.exported_columns)
        self._statement = statement if returns else cast("UpdateBase", statement)
        if isinstance(statement, Insert) and not returns:
            self._statement = statement.inline()  # else it would be made to return its key
        self._columns = None if columns is None else list(columns)
        self._named: Convert | None = None
        self._forms: dict[str, _Form] = {}
        """By name of the dialect: all engines of one kind are made alike (`inventory.db`)."""

    def rows(self, connection: Connection, values: Values) -> Found:
        form = self._form(connection.dialect)
        found = _run(connection, form.text, form.sent(values))
        return list(map(form.read, found)) if form.read else found

    def named(self, connection: Connection, values: Values) -> list[Any]:
        """The rows as tuples whose places are called as the columns are."""
        if self._named is None:
            places = cast("Any", namedtuple)("Named", [column.key for column in self._statement.exported_columns])  # noqa: PYI024  they are known here only
            self._named = places._make
        return list(map(self._named, self.rows(connection, values)))

    def first(self, connection: Connection, values: Values) -> tuple[Any, ...] | None:
        return next(iter(self.rows(connection, values)), None)

    def run(self, connection: Connection, values: Values) -> None:
        """What is changed without an answer."""
        form = self._form(connection.dialect)
        _run(connection, form.text, form.sent(values))

    def run_all(self, connection: Connection, rows: Iterable[Values]) -> None:
        """The same with each of several, no two of them about the same row of the table."""
        form, several = self._form(connection.dialect), list(rows)
        if len(several) > 1 and form.many:
            _run(connection, form.many, form.listed(several))
        elif len(several) > 1:
            _run(connection, form.text, [form.sent(values) for values in several])
        elif several:
            _run(connection, form.text, form.sent(several[0]))

    def _form(self, dialect: Dialect) -> "_Form":
        form = self._forms.get(dialect.name)
        if form is None:
            form = self._forms[dialect.name] = _Form.of(self._statement, self._columns, dialect)
        return form


class among(ColumnElement[bool]):  # noqa: N801  a word of the language, as SQLAlchemy's own
    """`column` is one of the texts of the parameter `name`, a sequence: one statement for any number of them."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, column: Any, name: str) -> None:  # noqa: ANN401  a column, or an attribute that stands for one
        self.column, self.name = column, name

    def self_group(self, against: OperatorType | None = None) -> ColumnElement[bool]:
        del against  # SQLAlchemy would compare it with 1, and SQLite would look for that without an index
        return self


class _Listed(TypeDecorator[Sequence[str]]):
    """Texts as one JSON array."""

    impl = String()
    cache_ok = True

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> str | None:
        del dialect
        return None if value is None else _json_text(list(value))


class _Array(TypeDecorator[Sequence[str]]):
    """Texts as PostgreSQL's array."""

    impl = ARRAY(String)
    cache_ok = True

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> list[str] | None:
        del dialect
        return None if value is None else list(value)


@compiles(among, "sqlite")
def _among_on_sqlite(element: among, compiler: SQLCompiler, **kept: Any) -> str:  # noqa: ANN401  what compilers hand on
    listed = func.json_each(bindparam(element.name, type_=_Listed)).table_valued("value").alias(f"{element.name}_listed")
    return compiler.process(element.column.in_(select(listed.c.value)), **kept)


@compiles(among, "postgresql")
def _among_on_postgresql(element: among, compiler: SQLCompiler, **kept: Any) -> str:  # noqa: ANN401  as above
    return compiler.process(element.column == any_of(bindparam(element.name, type_=_Array)), **kept)


@dataclass(frozen=True, slots=True)
class _Form:
    """As one dialect has it."""

    text: str
    sending: tuple[tuple[str, str, Convert | None, Any], ...]
    """Of each parameter, in the order in which they stand in the text where they stand by position: its name there; its name among
    the values, "" for what the statement itself says; how it is written; and what it is then."""
    positional: bool
    read: Convert | None
    """Makes of a row what it stands for, where columns come back as something else."""
    many: str = ""
    """The same for any number of rows, where the database can be told them as one JSON array."""
    documents: frozenset[str] = frozenset()
    """Parameters that are JSON themselves."""
    plain: Callable[[Values], tuple[Any, ...]] | None = None
    """Takes all that stands by position from the values, where the statement itself says none of it."""

    @classmethod
    def of(cls, statement: Select[*tuple[Any, ...]] | UpdateBase, columns: list[str] | None, dialect: Dialect) -> "_Form":
        compiled = statement.compile(dialect=dialect, column_keys=columns, compile_kwargs={"render_postcompile": True})
        sending = []
        for name in compiled.positiontup or compiled.binds:
            bind = compiled.binds[name]
            convert = _sending(bind.type, dialect)
            fixed = bind.value if bind.value is None or convert is None or bind.required else convert(bind.value)
            sending.append((name, bind.key if bind.required else "", convert, fixed))
        readers = [_reading(column.type, dialect) for column in statement.exported_columns]
        documents = frozenset(name for name, bind in compiled.binds.items() if isinstance(bind.type, JSON))
        many = _many(compiled) if dialect.name == "postgresql" and isinstance(statement, UpdateBase) and not any(readers) else ""
        positional, named = compiled.positiontup is not None, [(key, convert) for _, key, convert, _ in sending if key]
        plain = _taking(named) if positional and len(named) == len(sending) else None
        return cls(str(compiled), tuple(sending), positional, _making(readers), many, documents, plain)

    def sent(self, values: Values) -> Any:  # noqa: ANN401  a tuple or a mapping, as the driver wants it
        if self.plain is not None:
            return self.plain(values)
        said = [
            fixed if not key else value if (value := values[key]) is None or convert is None else convert(value)
            for _, key, convert, fixed in self.sending
        ]
        return tuple(said) if self.positional else {each[0]: value for each, value in zip(self.sending, said, strict=True)}

    def listed(self, rows: Iterable[Values]) -> dict[str, str]:
        """What is sent with `many`."""
        said = [
            {
                name: value if (value := values[key]) is None or convert is None or name in self.documents else convert(value)
                for name, key, convert, _ in self.sending
                if key
            }
            for values in rows
        ]
        fixed = {name: fixed for name, key, _, fixed in self.sending if not key}
        return {**fixed, _ROWS: _json_text(said)}


def _taking(told: Sequence[tuple[str, Convert | None]]) -> Callable[[Values], tuple[Any, ...]]:
    """Takes the values by name, each written as it is to be; made as text, for a loop costs three times as much with each row."""
    taken = [
        f"values[{key!r}]" if convert is None else f"None if (said := values[{key!r}]) is None else convert[{position}](said)"
        for position, (key, convert) in enumerate(told)
    ]
    made = eval(f"lambda values: ({''.join(each + ', ' for each in taken)})", {"convert": [convert for _, convert in told]})  # noqa: S307  names of columns and parameters of our own statements
    return cast("Callable[[Values], tuple[Any, ...]]", made)


def _making(readers: Sequence[Convert | None]) -> Convert | None:
    """Makes a row of what the driver has read; as text, too."""
    if not any(readers):
        return None
    made = [
        f"row[{position}]" if read is None else f"None if (said := row[{position}]) is None else read[{position}](said)"
        for position, read in enumerate(readers)
    ]
    return cast("Convert", eval(f"lambda row: ({', '.join(made)},)", {"read": list(readers)}))  # noqa: S307  positions only


def _sending(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    """How a value is written, if not as it is: as the type says, without its layers for what every statement has on SQLite."""
    if dialect.name == "sqlite" and isinstance(kind, UtcDateTime):
        return _to_text(kind, dialect)
    if dialect.name == "sqlite" and isinstance(kind, JSON):
        return _json_text
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _reading(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    """How a value comes back, if not as it is; see `_sending`."""
    if dialect.name == "sqlite" and isinstance(kind, UtcDateTime):
        return _instant_of
    if dialect.name == "sqlite" and isinstance(kind, JSON):
        return _json_of
    return kind.dialect_impl(dialect).result_processor(dialect, None)


def _to_text(kind: UtcDateTime, dialect: Dialect) -> Convert:
    """Instants as SQLAlchemy writes them on SQLite."""

    def text_of(value: datetime) -> str:
        utc = value if value.tzinfo is UTC else cast("datetime", kind.process_bind_param(value, dialect))
        # `isoformat` spends more on the zone than on all the rest
        return _INSTANT % (utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond)

    return text_of


def _instant_of(text: str) -> datetime:
    return datetime.fromisoformat(text + "+00:00")  # a tenth of what it costs to give it its zone afterwards


def _json_of(text: str) -> Any:  # noqa: ANN401  what JSON may be
    if text in _EMPTY:
        return [] if text == "[]" else {}
    try:
        return from_json(text)
    except ValueError:  # half of a surrogate pair; see `_json_text`
        return json.loads(text)


def _json_text(value: object) -> str:
    """Instants as ISO 8601 has them."""
    try:
        return to_json(value).decode()
    except ValueError:  # half of a surrogate pair, as in what an element said that was no UTF-8
        return json.dumps(value, default=datetime.isoformat)


_EMPTY = frozenset({"[]", "{}"})
_INSTANT = "%04d-%02d-%02d %02d:%02d:%02d.%06d"


def _many(compiled: SQLCompiler) -> str:
    """For PostgreSQL, which else plans, carries out and answers once for each row. "" where values have no place in JSON."""
    text = str(compiled)
    varying = {name: compiled.binds[name].type for name in dict.fromkeys(_PLACE.findall(text)) if compiled.binds[name].required}
    if not varying or any(isinstance(kind, (LargeBinary, ARRAY, _Array)) for kind in varying.values()):
        return ""
    columns = ", ".join(f'"{name}" {kind.compile(compiled.dialect)}' for name, kind in varying.items())
    rows = f"json_to_recordset(%({_ROWS})s::json) AS said({columns})"
    text = _PLACE.sub(lambda place: f'said."{place[1]}"' if place[1] in varying else place[0], text)
    if isinstance(compiled.statement, Insert):
        insertion = _INSERTION.fullmatch(text)
        return f"{insertion[1]} SELECT {insertion[2]} FROM {rows}{insertion[3]}" if insertion else ""  # noqa: S608  as compiled
    change, _, condition = text.partition(" WHERE ")
    return f"{change} {'USING' if isinstance(compiled.statement, Delete) else 'FROM'} {rows} WHERE {condition}"


_ROWS = "every_row"
_PLACE = re.compile(r"%\((\w+)\)s")
_INSERTION = re.compile(r"(INSERT INTO .+?) VALUES \((.+?)\)((?: ON CONFLICT .+)?)", re.DOTALL)


def _run(connection: Connection, text: str, sent: Any) -> Found:  # noqa: ANN401  what the driver takes
    """What it answers; () when it answers nothing."""
    if connection.dispatch.before_cursor_execute:  # somebody listens: what is not told past SQLAlchemy
        told = connection.exec_driver_sql(text, sent)
        return [tuple(row) for row in told] if told.returns_rows else ()
    cursor = connection.connection.cursor()
    try:
        if isinstance(sent, list):
            cursor.executemany(text, sent)
        else:
            cursor.execute(text, sent)
        return cursor.fetchall() if cursor.description else ()
    except connection.dialect.loaded_dbapi.Error as error:
        raise _told(connection, text, error) from error
    finally:
        cursor.close()


def _told(connection: Connection, text: str, error: Exception) -> BaseException:
    """In SQLAlchemy's words; a connection that was lost goes back to nobody."""
    dialect = connection.dialect
    lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)  # type: ignore[arg-type]
    if lost:
        connection.invalidate(error)
    return DBAPIError.instance(
        text,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=lost,
        dialect=dialect,
    )
