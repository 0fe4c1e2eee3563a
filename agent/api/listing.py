"""Lists out of the database: what an index can answer is asked of the database, the rest is looked at in bounded numbers."""

import difflib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import ColumnElement, SQLColumnExpression, func, not_, or_, select
from sqlalchemy.orm import Session

from agent.api.errors import BadRequest
from agent.api.query import Document, Filter, Page, Query, has, page
from agent.api.query import select as choose
from agent.api.shapes import Shape, is_closed, is_instant, names, says
from inventory.db import Base

SCAN_LIMIT = 5_000
"""Objects that one request may have rendered to filter or sort them by what is not a column."""

SCAN_SECONDS = 2.0
ALWAYS = frozenset({"id", "href", "none"})
"""What may be asked for of anything: the first two are given anyway, and `none` is nothing beside them (TMF630)."""

Row = TypeVar("Row", bound=Base)


class Listed(Protocol):
    """Resources of one kind, wherever they are kept."""

    def find(self, session: Session, identity: str) -> Document | None: ...

    def fetch(self, session: Session, query: Query) -> Page: ...


class Part(Listed, Protocol):
    """Some of the resources of one kind, to be listed with others of the kind."""

    @property
    def shape(self) -> Shape | None: ...

    def answers(self, query: Query) -> bool: ...

    def candidates(self, session: Session, query: Query) -> list[Document]: ...

    def knows(self, path: Sequence[str]) -> bool: ...

    def shape_names(self) -> list[str]: ...


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
    shape: Shape | None = None
    """What a resource is said to have; asking for anything else, that no resource has either, is a mistake."""
    words: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Attribute → the only values it can have; asking for another one is a mistake, too."""

    def only(self, *conditions: ColumnElement[bool]) -> "Listing[Row]":
        return replace(self, where=(*self.where, *conditions))

    def find(self, session: Session, identity: str) -> Document | None:
        row = session.scalars(select(self.row).where(self.key == identity, *self.where)).first()
        return None if row is None else self.render(session, [row])[0]

    def fetch(self, session: Session, query: Query) -> Page:
        """Raises `BadRequest` when too much would have to be looked at, or for what there cannot be."""
        self.check_fields(query)
        ordering = self._ordering(query)
        if self.answers(query) and ordering is not None:
            return self._cut(session, ordering, query)
        if self.shape is not None and is_closed(self.shape):
            check_known(query, (), [self])  # before anything is looked through
        documents = self.candidates(session, query)
        check_known(query, documents, [self])
        return page(_in_time(documents), query)

    def check_fields(self, query: Query) -> None:
        """Raises `BadRequest` where attributes are asked for that no resource of a closed shape can have."""
        if self.shape is None or not is_closed(self.shape):
            return
        for name in query.fields:
            if name not in ALWAYS and not says(self.shape, name.split(".")):
                raise _unknown(name, self.shape_names())

    def answers(self, query: Query) -> bool:
        """Whether the database can tell by itself what the filters let through."""
        return all(self._condition(rule) is not None for rule in query.filters)

    def count(self, session: Session, query: Query) -> int:
        """Of what the filters let through, when the database answers them."""
        return session.scalar(select(func.count()).select_from(self.row).where(*self._where(query))) or 0

    def candidates(self, session: Session, query: Query) -> list[Document]:
        """All that the filters can let through. Raises `BadRequest` for too many."""
        return self._scan(session, self._where(query))

    def knows(self, path: Sequence[str]) -> bool:
        dotted = ".".join(path)
        return dotted in self.texts or dotted in self.instants or (self.shape is not None and says(self.shape, path))

    def shape_names(self) -> list[str]:
        """Of its attributes."""
        return names(self.shape or {})

    def _where(self, query: Query) -> list[ColumnElement[bool]]:
        self._check_words(query)
        conditions = (self._condition(rule) for rule in query.filters)
        return [*self.where, *(condition for condition in conditions if condition is not None)]

    def _check_words(self, query: Query) -> None:
        for rule in query.filters:
            name = ".".join(rule.path)
            known = self.words.get(name)
            if known is None or rule.operator not in {"eq", "ne"}:
                continue
            for stranger in (value for value in rule.values if value not in known):
                raise BadRequest("unknownState", f"there is no {name} {stranger[:40]!r}; use one of {', '.join(known)}")

    def _cut(self, session: Session, ordering: Sequence[Any], query: Query) -> Page:
        total = self.count(session, query)
        cut = select(self.row).where(*self._where(query)).order_by(*ordering).offset(query.offset).limit(query.limit)
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
            return _compared(self.instants[path], rule.operator, rule.instants())
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


@dataclass(frozen=True, slots=True)
class Fixed:
    """A few resources that are known without the database, such as what the catalog ships."""

    documents: tuple[Document, ...]
    shape: Shape | None = None

    def find(self, session: Session, identity: str) -> Document | None:
        del session
        return next((document for document in self.documents if document["id"] == identity), None)

    def fetch(self, session: Session, query: Query) -> Page:
        del session
        check_known(query, self.documents, [self])
        return page(self.documents, query)

    def answers(self, query: Query) -> bool:
        return all(self.knows(rule.path) for rule in query.filters)

    def candidates(self, session: Session, query: Query) -> list[Document]:
        del session, query
        return [*self.documents]

    def knows(self, path: Sequence[str]) -> bool:
        return self.shape is not None and says(self.shape, path)

    def shape_names(self) -> list[str]:
        return names(self.shape or {})


@dataclass(frozen=True, slots=True)
class Joined:
    """Resources of one kind that are kept in several places; without a sort they follow one another place by place."""

    parts: tuple[Part, ...]

    def find(self, session: Session, identity: str) -> Document | None:
        return next((found for part in self.parts if (found := part.find(session, identity)) is not None), None)

    def fetch(self, session: Session, query: Query) -> Page:
        """Raises `BadRequest` when too much would have to be looked at."""
        if not query.sort and all(part.answers(query) for part in self.parts):
            return self._in_turn(session, query)
        documents = [document for part in self.parts for document in part.candidates(session, query)]
        check_known(query, documents, self.parts)
        return page(_in_time(documents), query)

    def _in_turn(self, session: Session, query: Query) -> Page:
        items: list[dict[str, Any]] = []
        total = 0
        for part in self.parts:
            offset, limit = max(0, query.offset - total), query.limit - len(items)
            found = part.fetch(session, replace(query, offset=offset, limit=limit))
            items += found.items
            total += found.total
        return Page(items, total, query.offset)


def check_known(query: Query, documents: Sequence[Document], listings: Sequence[Part]) -> None:
    """Raises `BadRequest` for a filter or a sort by what no resource is said to have, and none has."""
    shapes = [listing.shape for listing in listings if listing.shape is not None]
    for rule in query.filters:
        if rule.pattern is None and any(is_instant(shape, rule.path) for shape in shapes):
            rule.instants()  # raises for what is none, which would else be compared as text
    if len(shapes) < len(listings):
        return
    for path in (*(rule.path for rule in query.filters), *(path for path, _ in query.sort)):
        if not any(listing.knows(path) for listing in listings) and not any(has(document, path) for document in documents):
            raise _unknown(".".join(path), sorted({name for listing in listings for name in listing.shape_names()}))


def _unknown(path: str, known: Sequence[str]) -> BadRequest:
    return BadRequest("unknownAttribute", f"nothing here has an attribute {path!r}{meant(path.partition('.')[0], known)}")


def meant(name: str, known: Sequence[str]) -> str:
    """What it may have been meant to be, and what there is."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}? There is {', '.join(known)}" if close else f"; there is {', '.join(known)}"


def _in_time(documents: Iterable[Document]) -> Iterator[Document]:
    """Stops when looking at them takes too long, as with a pattern that nearly matches everywhere."""
    until = time.monotonic() + SCAN_SECONDS
    for document in documents:
        if time.monotonic() > until:
            raise BadRequest("queryTooCostly", f"the filters took more than {SCAN_SECONDS:.0f} s; ask for less, or more plainly")
        yield document


def _compared(column: SQLColumnExpression[Any], operator: str, values: Sequence[str | datetime]) -> ColumnElement[bool]:
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
