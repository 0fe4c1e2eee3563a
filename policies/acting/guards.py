"""What stands against an action now: every reason at once, each with its remedy. Pure.

Whoever asks has to see to it that nobody begins another action between the answer and the beginning.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from policies.acting.rules import Guards


@dataclass(frozen=True, slots=True)
class Limits:
    """Over all rules."""

    most: int = 20
    """Actions within `within`."""
    within: timedelta = timedelta(hours=1)
    elements_at_once: int = 8


@dataclass(frozen=True, slots=True)
class Past:
    """An action that began, by whatever rule."""

    rule: str
    object: str
    elements: frozenset[str]
    began_at: datetime
    ended_at: datetime | None
    """None while it is under way."""
    id: str = ""
    is_return: bool = False
    """It took another one back."""


@dataclass(frozen=True, slots=True)
class Wanted:
    rule: str
    object: str
    """What it is about: `element`, `element/port`, `service:<id>`."""
    elements: frozenset[str]
    """That it changes; none when it changes nothing."""
    reverse: str
    """How it is taken back; "" when nobody knows."""
    undoes: str = ""
    """The action that it takes back."""


@dataclass(frozen=True, slots=True)
class Around:
    """How things are at one instant."""

    at: datetime
    maintenance: Sequence[tuple[str, datetime]] = ()
    """What is over the elements, port and services: reason, and end."""
    holders: Sequence[tuple[str, str, bool]] = ()
    """Element, the plan that holds it, and whether it is in doubt."""
    locked: Collection[str] = ()
    """Elements that nothing is configured on."""
    freeze: tuple[str, datetime] | None = None
    past: Sequence[Past] = ()


@dataclass(frozen=True, slots=True)
class Objection:
    guard: str
    """Stable: maintenance, held, locked, freeze, ruleLimit, objectLimit, limit, pause, ruleElements, elements, irreversible."""
    message: str
    until: datetime | None = None
    """When it ends by itself, where that is known."""

    @property
    def final(self) -> bool:
        """No waiting helps."""
        return self.guard == IRREVERSIBLE


IRREVERSIBLE = "irreversible"


def objections(wanted: Wanted, guards: Guards, limits: Limits, around: Around) -> tuple[Objection, ...]:
    """Everything that stands against it; () when it may begin."""
    return (
        *_reversible(wanted),
        *_surroundings(wanted, around),
        *_rates(wanted, guards, limits, around),
        *_pause(wanted, guards, around),
        *_elements(wanted, guards, limits, around),
    )


def _reversible(wanted: Wanted) -> Iterator[Objection]:
    if wanted.elements and not wanted.reverse:
        yield Objection(IRREVERSIBLE, f"nobody knows how to take it back on {', '.join(sorted(wanted.elements))}")


def _surroundings(wanted: Wanted, around: Around) -> Iterator[Objection]:
    for reason, end in around.maintenance:
        yield Objection("maintenance", f"maintenance until {_told(end)}: {reason}", end)
    if not wanted.elements:
        return
    for element, plan, in_doubt in around.holders:
        yield Objection("held", f"{element} is {'in doubt after' if in_doubt else 'held by'} plan {plan}")
    for element in sorted(around.locked):
        yield Objection("locked", f"{element} is locked: nothing is configured there")
    if around.freeze is not None:
        reason, end = around.freeze
        yield Objection("freeze", f"change freeze until {_told(end)}: {reason}", end)


def _rates(wanted: Wanted, guards: Guards, limits: Limits, around: Around) -> Iterator[Objection]:
    """Ways back are counted by themselves: else the one way there that a rule may go would keep it from coming back."""
    within = timedelta(seconds=guards.within_s)
    alike = [past for past in around.past if past.rule == wanted.rule and past.is_return == bool(wanted.undoes)]
    own = [past.began_at for past in alike]
    here = [past.began_at for past in alike if past.object == wanted.object]
    everywhere = [past.began_at for past in around.past]
    for guard, began, most, span, whose in (
        ("objectLimit", here, guards.per_object, within, f"rule {wanted.rule} on {wanted.object}"),
        ("ruleLimit", own, guards.in_all, within, f"rule {wanted.rule}"),
        ("limit", everywhere, limits.most, limits.within, "all rules together"),
    ):
        recent = sorted(at for at in began if at > around.at - span)
        if len(recent) >= most:
            free = recent[len(recent) - most] + span
            yield Objection(
                guard, f"{whose}: {len(recent)} of {most} in {span.total_seconds() / 3600:g} h; not before {_told(free)}", free
            )


def _pause(wanted: Wanted, guards: Guards, around: Around) -> Iterator[Objection]:
    """What is taken back need not have rested first; whatever else was there has to."""
    pause = timedelta(seconds=guards.pause_s)
    for past in around.past:
        if past.object != wanted.object or (wanted.undoes and past.id == wanted.undoes):
            continue
        if past.ended_at is None:
            yield Objection("pause", f"another action on {past.object} is under way ({past.rule})")
        elif past.ended_at + pause > around.at:
            free = past.ended_at + pause
            yield Objection(
                "pause", f"{past.rule} was at {past.object} until {_told(past.ended_at)}; not before {_told(free)}", free
            )


def _elements(wanted: Wanted, guards: Guards, limits: Limits, around: Around) -> Iterator[Objection]:
    if not wanted.elements:
        return
    busy = [past for past in around.past if past.ended_at is None]
    for guard, under_way, most in (
        ("ruleElements", [past for past in busy if past.rule == wanted.rule], guards.elements_at_once),
        ("elements", busy, limits.elements_at_once),
    ):
        others = frozenset[str]().union(*(past.elements for past in under_way))
        if len(others | wanted.elements) > most:
            whose = f"rule {wanted.rule}" if guard == "ruleElements" else "all rules together"
            beside = f"under way on {', '.join(sorted(others))}" if others else "it is about too many by itself"
            message = f"{whose}: at most {most} elements at once, this is about {len(wanted.elements)}; {beside}"
            yield Objection(guard, message)


def _told(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
