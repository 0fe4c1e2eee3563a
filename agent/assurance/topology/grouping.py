"""What belongs together though no way through the network says so: within one hop and 75 s of each other (union-find). Pure."""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

WITHIN = timedelta(seconds=75)


@dataclass(frozen=True, slots=True)
class Member:
    id: str
    element: str
    raised_at: datetime
    leads: bool
    """A failure of the network, which others come of rather than the other way round."""


def groups(members: Iterable[Member], neighbours: Callable[[str], AbstractSet[str]]) -> Mapping[str, tuple[str, ...]]:
    """Head → the others of its group. The head leads, if any does, and is the oldest of those. Alone is no group."""
    ordered = sorted(members, key=lambda each: (each.raised_at, each.id))
    parent = {each.id: each.id for each in ordered}
    by_element: dict[str, list[Member]] = {}
    for each in ordered:
        for element in {each.element, *neighbours(each.element)}:
            for other in reversed(by_element.get(element, ())):
                if each.raised_at - other.raised_at > WITHIN:
                    break
                _join(parent, each.id, other.id)
        by_element.setdefault(each.element, []).append(each)
    together: dict[str, list[Member]] = {}
    for each in ordered:
        together.setdefault(_find(parent, each.id), []).append(each)
    return dict(_led(group) for group in together.values() if len(group) > 1)


def _led(group: list[Member]) -> tuple[str, tuple[str, ...]]:
    head = next((each for each in group if each.leads), group[0])
    return head.id, tuple(each.id for each in group if each is not head)


def _find(parent: dict[str, str], member: str) -> str:
    while parent[member] != member:
        parent[member] = parent[parent[member]]
        member = parent[member]
    return member


def _join(parent: dict[str, str], one: str, other: str) -> None:
    parent[_find(parent, one)] = _find(parent, other)
