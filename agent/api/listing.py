"""Lists out of the database: what an index can answer is asked of the database, the rest is looked at in bounded numbers."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, SQLColumnExpression, func, not_, or_, select
from sqlalchemy.orm import Session

from agent.api.errors import BadRequest
from agent.api.query import Document, Filter, Page, Query, instant, page
from agent.api.query import select as choose
from inventory.db import Base

SCAN_LIMIT = 5_000
"""Objects that one request may have rendered to filter or sort them by what is not a column."""

SCAN_SECONDS = 2.0

Row = TypeVar("Row", bound=Base)


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """How one kind of object is listed. `texts` and `instants`: attribute path → what holds exactly its value."""

    row: type[Row]
    render: Callable[[Session, Sequence[Row]], list[Document]]
    texts: Mapping[str, SQLColumnExpression[Any]]
    instants: Mapping[str, SQLColumnExpression[Any]]
    order: tuple[SQLColumnExpression[Any], ...]
    """Unless the request says otherwise; total, so that pages do not overlap."""
    key: SQLColumnExpression[Any]
    """What one is asked for by."""
    where: tuple[ColumnElement[bool], ...] = ()

    def only(self, *conditions: ColumnElement[bool]) -> "Listing[Row]":
        return replace(self, where=(*self.where, *conditions))

    def find(self, session: Session, identity: str) -> Document | None:
        row = session.scalars(select(self.row).where(self.key == identity, *self.where)).first()
        return None if row is None else self.render(session, [row])[0]

    def fetch(self, session: Session, query: Query) -> Page:
        """Raises `BadRequest` when too much would have to be looked at."""
        pushed = {rule: condition for rule in query.filters if (condition := self._condition(rule)) is not None}
        where = [*self.where, *pushed.values()]
        ordering = self._ordering(query)
        if len(pushed) == len(query.filters) and ordering is not None:
            return self._cut(session, where, ordering, query)
        rest = replace(query, filters=tuple(rule for rule in query.filters if rule not in pushed))
        return page(_in_time(self._scan(session, where)), rest)

    def _cut(self, session: Session, where: Sequence[ColumnElement[bool]], ordering: Sequence[Any], query: Query) -> Page:
        total = session.scalar(select(func.count()).select_from(self.row).where(*where)) or 0
        cut = select(self.row).where(*where).order_by(*ordering).offset(query.offset).limit(query.limit)
        rows = session.scalars(cut).all()
        return Page([choose(document, query.fields) for document in self.render(session, rows)], total, query.offset)

    def _scan(self, session: Session, where: Sequence[ColumnElement[bool]]) -> list[Document]:
        rows = session.scalars(select(self.row).where(*where).order_by(*self.order).limit(SCAN_LIMIT + 1)).all()
        if len(rows) > SCAN_LIMIT:
            better = ", ".join(sorted([*self.texts, *self.instants]))
            raise BadRequest("queryTooBroad", f"more than {SCAN_LIMIT} objects would have to be looked at; narrow it by {better}")
        return self.render(session, rows)

    def _condition(self, rule: Filter) -> ColumnElement[bool] | None:
        """None when only the rendered object can tell."""
        path = ".".join(rule.path)
        if rule.pattern is None and path in self.instants:
            instants = [instant(value) for value in rule.values]
            return None if None in instants else _compared(self.instants[path], rule.operator, instants)
        if rule.operator in {"eq", "ne"} and path in self.texts:
            return _compared(self.texts[path], rule.operator, rule.values)
        return None

    def _ordering(self, query: Query) -> list[SQLColumnExpression[Any]] | None:
        """None when only the rendered objects can be sorted. Missing values come first, as `query.page` has it."""
        wanted: list[SQLColumnExpression[Any]] = []
        for path, descending in query.sort:
            column = self.instants.get(".".join(path))
            if column is None:
                return None
            wanted.append(column.desc().nulls_last() if descending else column.asc().nulls_first())
        return [*wanted, *self.order]


def _in_time(documents: Iterable[Document]) -> Iterator[Document]:
    """Stops when looking at them takes too long, as with a pattern that nearly matches everywhere."""
    until = time.monotonic() + SCAN_SECONDS
    for document in documents:
        if time.monotonic() > until:
            raise BadRequest("queryTooCostly", f"the filters took more than {SCAN_SECONDS:.0f} s; ask for less, or more plainly")
        yield document


def _compared(column: SQLColumnExpression[Any], operator: str, values: Sequence[str | datetime | None]) -> ColumnElement[bool]:
    match operator:
        case "eq":
            return column.in_(values)
        case "ne":
            return or_(column.is_(None), not_(column.in_(values)))
        case "gt":
            return or_(*(column > value for value in values))
        case "gte":
            return or_(*(column >= value for value in values))
        case "lt":
            return or_(*(column < value for value in values))
    return or_(*(column <= value for value in values))
