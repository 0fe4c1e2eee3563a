"""A report before it has a format: titled parts with facts and tables, all of them text. Every format prints just that."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str = ""
    """What is said in the place of no rows."""


@dataclass(frozen=True, slots=True)
class Part:
    """A page's worth about one thing."""

    title: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Report:
    title: str
    subtitle: str
    parts: Sequence[Part]
