"""How a running configuration stands against what was before and what should be after."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from drivers.port import Standing

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Comparison:
    """`missing` and `leftover` in the operator's words; `standing` for recovery."""

    missing: tuple[str, ...]
    leftover: tuple[str, ...]
    standing: Standing


def compare(
    before: Iterable[Item],
    after: Iterable[Item],
    *,
    holds: Callable[[Item], bool],
    neutral: Callable[[Item], bool],
    name: Callable[[Item], str],
) -> Comparison:
    """`neutral` items hold with and without the service (defaults, `no shutdown`): they can be missing, but tell no side."""
    old, new = dict.fromkeys(before), dict.fromkeys(after)
    gone = [item for item in old if item not in new and not neutral(item)]
    gained = [item for item in new if item not in old and not neutral(item)]
    missing = [item for item in new if not holds(item)]
    leftover = [item for item in gone if holds(item)]
    return Comparison(
        missing=tuple(name(item) for item in missing),
        leftover=tuple(name(item) for item in leftover),
        standing=_standing(
            after=not leftover and all(holds(item) for item in gained),
            before=len(leftover) == len(gone) and not any(holds(item) for item in gained),
        ),
    )


def _standing(*, after: bool, before: bool) -> Standing:
    if after:
        return Standing.AFTER
    return Standing.BEFORE if before else Standing.MIXED
