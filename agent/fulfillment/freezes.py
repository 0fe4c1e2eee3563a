"""The change-freeze calendar: times in which no plan begins to change the network, announced one by one or every week."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from agent.fulfillment.errors import FreezeMalformed, Missing, Refusal, StateRefused
from agent.fulfillment.tables import FreezeRow
from inventory.prepared import Prepared
from policies.calendar import ServiceHours
from policies.values import Interval, new_id

LONGEST = timedelta(days=92)
"""A freeze that somebody forgot must not hold the network for ever."""
MOST_REASON = 500
"""Characters."""
_WEEK = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class WeeklyFreeze:
    """The same hours every week, by the settings."""

    reason: str
    hours: ServiceHours
    urgent_passes: bool = False


@dataclass(frozen=True, slots=True)
class NewFreeze:
    start: datetime
    end: datetime
    reason: str
    urgent_passes: bool = False
    """Whether orders of the most urgent priority go on."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """No plan begins before `until`."""

    until: datetime
    reason: str


def frozen(session: Session, weekly: Iterable[WeeklyFreeze], at: datetime, *, urgent: bool) -> Frozen | None:
    """What holds a plan back now, with those that follow upon it without a gap. Rows are locked against being ended meanwhile."""
    rows = session.info.get(_LOOKED_UP)
    if rows is None:
        rows = _AHEAD.named(session.connection(), {"at": at})
    announced = [(Interval(row.start, row.end), row.reason) for row in rows if not (urgent and row.urgent_passes)]
    return _until([*announced, *_of_week(weekly, at, urgent=urgent)], at)


def look_ahead(session: Session, at: datetime) -> None:
    """Several plans will be asked about in this transaction: look once for all. What is locked cannot be ended in its course."""
    session.info[_LOOKED_UP] = _AHEAD.named(session.connection(), {"at": at})


def add_freeze(session: Session, freeze: NewFreeze, at: datetime, *, by: str) -> FreezeRow:
    """`FreezeMalformed` names everything that cannot be meant."""
    wrong = list(_mistakes(freeze, at))
    if wrong:
        raise FreezeMalformed(*wrong)
    row = FreezeRow(
        id=new_id("frz", at),
        reason=freeze.reason.strip(),
        start=freeze.start,
        end=freeze.end,
        urgent_passes=freeze.urgent_passes,
        created_by=by,
        created_at=at,
        ended_by="",
    )
    session.add(row)
    session.flush()
    return row


def end_freeze(session: Session, freeze_id: str, at: datetime, *, by: str) -> FreezeRow:
    """Now, or before it begins. `Missing`, or `StateRefused` when it is over."""
    row = session.scalars(select(FreezeRow).where(FreezeRow.id == freeze_id).with_for_update()).first()
    if row is None:
        raise Missing("freeze", freeze_id)
    if row.end <= at:
        message = f"freeze {freeze_id} ended at {row.end.isoformat(timespec='seconds')}"
        raise StateRefused(Refusal("freezeOver", freeze_id, message, "nothing is to end; see `fabd freeze list`"))
    row.start, row.end, row.ended_by = min(row.start, at), at, by
    session.flush()
    return row


def _mistakes(freeze: NewFreeze, at: datetime) -> Iterator[Refusal]:
    start, end, reason = freeze.start, freeze.end, freeze.reason
    if end <= start:
        yield Refusal("freezeOrder", "/end", "the freeze ends before it starts", "give an end after the start")
    elif end <= at:
        yield Refusal("freezeOver", "/end", f"the freeze would have ended at {end.isoformat()}", "give an end in the future")
    elif end - start > LONGEST:
        yield Refusal("freezeTooLong", "/end", f"a freeze lasts {LONGEST.days} days at the most", "announce several")
    if not reason.strip() or len(reason) > MOST_REASON:
        message = f"a reason of 1 to {MOST_REASON} characters is needed"
        yield Refusal("freezeReason", "/reason", message, "say why nothing is to be changed: whoever waits reads it")


def _of_week(weekly: Iterable[WeeklyFreeze], at: datetime, *, urgent: bool) -> Iterator[tuple[Interval, str]]:
    span = Interval(at - timedelta(days=1), at + _WEEK)
    for freeze in weekly:
        if not (urgent and freeze.urgent_passes):
            yield from ((hours, freeze.reason) for hours in freeze.hours.within(span))


def _until(windows: Sequence[tuple[Interval, str]], at: datetime) -> Frozen | None:
    until, reasons = at, dict[str, None]()
    while following := [(window, reason) for window, reason in windows if window.start <= until < window.end]:
        until = max(window.end for window, _ in following)
        reasons |= dict.fromkeys(reason for _, reason in following)
    return Frozen(until, "; ".join(reasons)) if until > at else None


_LOOKED_UP = "announced freezes"
_AHEAD = Prepared(
    select(FreezeRow.start, FreezeRow.end, FreezeRow.reason, FreezeRow.urgent_passes)
    .where(FreezeRow.end > bindparam("at"))
    .with_for_update(read=True)
)
