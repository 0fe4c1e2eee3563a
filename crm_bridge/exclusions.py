"""Time that no objective counts, by somebody's word: force majeure, and what the customer brought about.

Each has an author and a reason, and is told. A period that was judged is settled: what is learned of it later is a matter of an
adjustment on a bill, not of another figure for the same month.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_bridge.errors import ExclusionRefused, UnknownExclusion
from crm_bridge.outbox import publish
from crm_bridge.tables import ExclusionRow, ViolationRow
from inventory.errors import UnknownObject
from inventory.tables import ServiceRow
from policies.values import Interval, new_id

Kind = Literal["forceMajeure", "customerCaused"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LONGEST = timedelta(days=92)
MOST_REASON = 500
"""Characters."""
_BATCH = 500

JudgedUntil = Callable[[Session, str], datetime | None]
"""Service (id) → end of its last period that has been judged."""


@dataclass(frozen=True, slots=True)
class NewExclusion:
    service_id: str
    kind: Kind
    span: Interval
    reason: str


def nothing_judged(_session: Session, _service_id: str) -> datetime | None:
    return None


def exclude(
    session: Session, new: NewExclusion, at: datetime, *, by: str, judged_until: JudgedUntil = nothing_judged
) -> ExclusionRow:
    """Raises `ExclusionRefused`, or `UnknownObject` for a service that is not there."""
    if session.get(ServiceRow, new.service_id) is None:
        raise UnknownObject("service", new.service_id, "list them with `fabd inventory show services`")
    for mistake in _mistakes(session, new, judged_until(session, new.service_id)):
        raise ExclusionRefused(mistake)
    row = ExclusionRow(
        id=new_id("exc", at),
        service_id=new.service_id,
        kind=new.kind,
        start=new.span.start,
        end=new.span.end,
        reason=new.reason.strip(),
        author=by,
        created_at=at,
        withdrawn_at=None,
    )
    session.add(row)
    session.flush()
    _tell(session, row, "slaExclusionCreateEvent", at)
    return row


def withdraw(
    session: Session, exclusion_id: str, at: datetime, *, by: str, judged_until: JudgedUntil = nothing_judged
) -> ExclusionRow:
    """The time counts again, but for what has been judged with it: that stays excused, and the exclusion then ends there.

    Raises `UnknownExclusion`, or `ExclusionRefused` when it was withdrawn already, or all of its time is judged.
    """
    statement = select(ExclusionRow).where(ExclusionRow.id == exclusion_id).with_for_update()
    row = session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise UnknownExclusion(exclusion_id)
    if row.withdrawn_at is not None:
        raise ExclusionRefused(f"exclusion {row.id} was withdrawn at {row.withdrawn_at.isoformat(timespec='seconds')}")
    judged = judged_until(session, row.service_id)
    if judged is not None and row.end <= judged:
        raise ExclusionRefused(
            f"exclusion {row.id} excused time of a period that has been judged (up to {judged.isoformat(timespec='seconds')}), and "
            "that stands; put it right by an adjustment on a bill"
        )
    if judged is not None and row.start < judged:
        row.end = judged
    else:
        row.withdrawn_at, row.withdrawn_by = at, by
    session.flush()
    _tell(session, row, "slaExclusionStateChangeEvent", at)
    return row


def exclusions(session: Session, services: Collection[str], span: Interval) -> dict[str, list[ExclusionRow]]:
    """Service (id) → what holds for time in `span`, in order; absent where there is none."""
    found: dict[str, list[ExclusionRow]] = defaultdict(list)
    wanted = sorted(set(services))
    for begin in range(0, len(wanted), _BATCH):
        rows = session.scalars(
            select(ExclusionRow)
            .where(
                ExclusionRow.service_id.in_(wanted[begin : begin + _BATCH]),
                ExclusionRow.withdrawn_at.is_(None),
                ExclusionRow.start < span.end,
                ExclusionRow.end > span.start,
            )
            .order_by(ExclusionRow.start, ExclusionRow.id)
        )
        for row in rows:
            found[row.service_id].append(row)
    return dict(found)


def _mistakes(session: Session, new: NewExclusion, judged: datetime | None) -> Iterator[str]:
    """`judged`: end of the last period of the service that has been judged."""
    span = new.span
    if span.start == span.end:
        yield "the excluded time is empty; give an end after the start"
    if span.duration > LONGEST:
        yield f"at most {LONGEST.days} days are excluded at once; name the time more closely"
    if not new.reason.strip() or len(new.reason) > MOST_REASON:
        yield f"a reason of 1 to {MOST_REASON} characters is needed: the customer reads it on the report"
    settled = session.scalars(
        select(ViolationRow.id).where(
            ViolationRow.service_id == new.service_id, ViolationRow.period_start < span.end, ViolationRow.period_end > span.start
        )
    ).first()
    if settled is not None:
        yield f"the period is settled by violation {settled}; what is learned of it now is put right by an adjustment on a bill"
    elif judged is not None and span.start < judged:
        until = judged.isoformat(timespec="seconds")
        rest = f"; excuse what comes after with a start of {until}" if judged < span.end else ""
        yield (
            f"periods of service {new.service_id} have been judged up to {until}, and that stands: put right what lies before "
            f"by an adjustment on a bill{rest}"
        )


def _tell(session: Session, row: ExclusionRow, event: str, at: datetime) -> None:
    resource: dict[str, Any] = {
        "id": row.id,
        "serviceId": row.service_id,
        "kind": row.kind,
        "validFor": {"startDateTime": row.start.isoformat(), "endDateTime": row.end.isoformat()},
        "reason": row.reason,
        "author": row.author,
        "state": "withdrawn" if row.withdrawn_at else "active",
    }
    payload = {"slaExclusion": resource}
    publish(session, aggregate=f"service:{row.service_id}", type=event, payload=payload, correlation_id=row.id, at=at)
