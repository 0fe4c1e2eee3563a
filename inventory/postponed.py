"""Rows that a transaction writes when it must, at the latest at its end: those of many pieces of work by one statement each.

Where several pieces of work share a transaction (`Database.together`) most of what one writes is read by none of the others. So it
is kept back here. Whoever reads past the session says of which tables (`settle`); whoever asks the session itself, or flushes it,
finds everything written. When a piece of work is taken back, so is what it has told and nobody has written.
"""

from collections.abc import Hashable, Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import Connection, Table
from sqlalchemy.orm import Session

from inventory.db import Base
from inventory.prepared import Prepared, Values
from inventory.unit import POSTPONED


class _Told(NamedTuple):
    table: Table
    statement: Prepared
    values: Values
    key: Hashable
    """Of those with one key and statement only the last counts; None: all do."""


class Postponed:
    def __init__(self) -> None:
        self.remembered: dict[Hashable, object] = {}
        """What was looked up and is the same for all that share the transaction, by whom and what."""
        self._told: list[_Told] = []
        self._of: dict[Prepared, list[Values]] = {}
        self._tables: set[Table] = set()
        """Both of what is told: who asks would else go through all of it each time."""
        self._older = 0
        """How many of these the piece of work at hand has found here."""
        self._written: list[_Told] = []
        """The older ones that were written since it began: to be written again if it is taken back."""

    def tell(self, table: Table, statement: Prepared, rows: Iterable[Values], key: Hashable) -> None:
        told = [_Told(table, statement, values, key) for values in rows]
        if told:
            self._told += told
            self._of.setdefault(statement, []).extend([each.values for each in told])
            self._tables.add(table)

    def of(self, statement: Prepared) -> Iterator[Values]:
        """What is to be written by it."""
        return iter(self._of.get(statement, ()))

    def about(self, tables: Iterable[Table]) -> bool:
        return not self._tables.isdisjoint(tables)

    def begin(self) -> None:
        """A piece of work begins."""
        self._older, self._written = len(self._told), []

    def take_back(self) -> None:
        """The piece of work was, and the database has forgotten what was written since it began."""
        told = [*self._written, *self._told[: self._older]]
        self._take()
        self._note(told)
        self.remembered.clear()
        self.begin()

    def write(self, connection: Connection) -> None:
        told = self._take()
        self._written += told[: self._older]
        self._older = 0
        groups: dict[tuple[int, Prepared], dict[Hashable, Values]] = {}
        for number, each in enumerate(told):
            rows = groups.setdefault((_rank(each.table), each.statement), {})
            rows[number if each.key is None else each.key] = each.values
        try:
            for (_, statement), rows in sorted(groups.items(), key=lambda group: group[0][0]):
                statement.run_all(connection, rows.values())
        except BaseException:
            self._note(told)  # whoever goes on in spite of it meets it again, at the latest as the transaction ends
            raise

    def _note(self, told: list[_Told]) -> None:
        self._told += told
        for each in told:
            self._of.setdefault(each.statement, []).append(each.values)
            self._tables.add(each.table)

    def _take(self) -> list[_Told]:
        """All that is told, which is not any more."""
        told, self._told, self._of, self._tables = self._told, [], {}, set()
        return told


def later(session: Session, table: Table, statement: Prepared, rows: Iterable[Values], *, key: Hashable = None) -> None:
    """Write the rows by the statement, which changes `table` and answers nothing: at once, where nobody shares the transaction.

    At once, too, inside a savepoint of the session (`begin_nested`), before which all is written that was told.
    `key`: these come instead of what was told under the same key.
    """
    postponed: Postponed | None = session.info.get(POSTPONED)
    if postponed is None or session.in_nested_transaction():  # what a savepoint may take back must not outlive it
        statement.run_all(session.connection(), rows)
        return
    if session._new:  # noqa: SLF001  `new` makes a set each time, and this is asked for every row
        session.flush()  # what is told may name it
    postponed.tell(table, statement, rows, key)


def untold(session: Session, statement: Prepared) -> Iterator[Values]:
    """What is still to be written by it."""
    postponed: Postponed | None = session.info.get(POSTPONED)
    return iter(()) if postponed is None else postponed.of(statement)


def settle(session: Session, *tables: Table) -> None:
    """Before these are read past the session: what there is to write of them is written."""
    postponed: Postponed | None = session.info.get(POSTPONED)
    if postponed is None or postponed.about(tables) or not session._is_clean():  # noqa: SLF001  as above, three of them
        session.flush()


def shared(session: Session) -> bool:
    """Whether others may come after in the same transaction."""
    return POSTPONED in session.info


def remembered(session: Session) -> dict[Hashable, object]:
    """For what is looked up once for all that share the transaction; empty, and of no use to others, where nobody does.

    So it is inside a savepoint of the session: what is found there may be taken back.
    """
    postponed: Postponed | None = session.info.get(POSTPONED)
    return {} if postponed is None or session.in_nested_transaction() else postponed.remembered


_ranks: dict[Table, int] = {}


def _rank(table: Table) -> int:
    """Tables that others name come before those."""
    if table not in _ranks:
        _ranks.update({each: number for number, each in enumerate(Base.metadata.sorted_tables)})
    return _ranks[table]
