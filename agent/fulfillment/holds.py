"""Who holds which element: one plan at a time, and nobody else while it is in doubt."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, cast

from sqlalchemy import BindParameter, Integer, Table, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from agent.fulfillment.errors import ElementsHeld, Interrupted
from agent.fulfillment.plan import PlanState
from agent.fulfillment.tables import ChangeSetRow, ElementHoldRow, PlanRow
from inventory.prepared import Prepared, among

TRIES = 10
"""To take what somebody else lets go of at the same moment."""


class Holder(NamedTuple):
    """Which plan holds an element."""

    element: str
    plan_id: str
    fence: int
    since: datetime
    in_doubt: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """The elements that a plan is to hold."""

    plan_id: str
    fence: int
    elements: Collection[str]


def take(session: Session, plan_id: str, fence: int, elements: Collection[str], at: datetime) -> None:
    """Hold the elements for the plan. All or `ElementsHeld`."""
    refused = take_all(session, [Wanted(plan_id, fence, elements)], at)
    if plan_id in refused:
        raise refused[plan_id]


def take_all(session: Session, wanted: Sequence[Wanted], at: datetime) -> dict[str, ElementsHeld]:
    """Hold the elements of several plans; plan → why it holds none of its own.

    In sorted order, so that no two can wait for each other; where two of them want the same element the first has it.
    """
    held = _claim(session, wanted, at)
    refused = {each.plan_id: _refusal(others) for each in wanted if (others := _others(held, each.plan_id, each.elements))}
    leave(session, [each for each in wanted if each.plan_id in refused])
    connection = session.connection()
    for each in wanted:
        if each.plan_id not in refused and any(held[element].fence != each.fence for element in each.elements):
            connection.execute(_REFENCE, {"plan": each.plan_id, "held": each.fence})
    return refused


def leave(session: Session, wanted: Sequence[Wanted]) -> None:
    """Take back what this transaction has taken; what a plan held before it keeps."""
    if wanted:
        _LEAVE.run_all(session.connection(), [{"plan": each.plan_id, "held": each.fence} for each in wanted])


def of_others(session: Session, plan_id: str, elements: Collection[str]) -> Sequence[Holder]:
    """Who else holds which of the elements, by name."""
    return _others(holders(session, elements), plan_id, elements)


def refusal(held: Mapping[str, Holder], plan_id: str, elements: Collection[str]) -> ElementsHeld | None:
    """Of each of the elements that another plan holds: who, since when, and what ends it."""
    others = _others(held, plan_id, elements)
    return _refusal(others) if others else None


def holders(session: Session, elements: Collection[str]) -> dict[str, Holder]:
    """Element → who holds it, of those that are held."""
    rows = _HOLDERS.rows(session.connection(), {"elements": sorted(elements)})
    return {row[0]: Holder(*row) for row in rows}


def release(session: Session, plan_id: str, *, keep: Collection[str] = ()) -> frozenset[str]:
    """Let go of the plan's elements, but for those in `keep`; the names of those that are free now."""
    return release_all(session, [plan_id], keep=keep)


def release_all(session: Session, plans: Collection[str], *, keep: Collection[str] = ()) -> frozenset[str]:
    """As `release`, of several plans."""
    if not keep:
        return frozenset(name for (name,) in _RELEASE_ALL.rows(session.connection(), {"plans": plans}))
    return frozenset(session.connection().scalars(_RELEASE, {"plans": list(plans), "keep": list(keep)}))


def doubt(session: Session, plan_id: str, reasons: dict[str, str]) -> None:
    """Element → why nobody knows what is on it."""
    for element, reason in reasons.items():
        held = (ElementHoldRow.plan_id == plan_id, ElementHoldRow.element == element)
        session.execute(update(ElementHoldRow).where(*held).values(in_doubt=True, reason=reason))


def waiting_for(session: Session, plans: Collection[str], elements: Collection[str]) -> list[str]:
    """Plans other than these that have begun, wait and want one of the elements, the oldest first; no more than can go on at once.

    What no worker has claimed yet waits for its day or for other items of its order, not for an element.
    """
    return _waiting(session, _WAITING, elements, plans=list(plans))


def waiting_behind(session: Session, plan_id: str, elements: Collection[str]) -> list[str]:
    """As `waiting_for`, of those younger than the plan."""
    return _waiting(session, _YOUNGER, elements, plan=plan_id)


def _waiting(session: Session, which: Prepared, elements: Collection[str], **plans: object) -> list[str]:
    if not elements:
        return []
    return [plan for (plan,) in which.rows(session.connection(), {"elements": elements, "most": len(elements), **plans})]


def _claim(session: Session, wanted: Sequence[Wanted], at: datetime) -> dict[str, Holder]:
    """Element → who holds it, now that nobody's is free."""
    fresh = {"since": at, "in_doubt": False, "reason": ""}
    rows = [{"element": name, "plan_id": each.plan_id, "fence": each.fence, **fresh} for each in wanted for name in each.elements]
    rows.sort(key=lambda row: str(row["element"]))
    statement = _TAKE_ON_SQLITE if session.get_bind().dialect.name == "sqlite" else _TAKE
    names = sorted({name for each in wanted for name in each.elements})
    connection = session.connection()
    held: dict[str, Holder] = {}
    for _ in range(TRIES):
        if not rows:
            return held
        statement.run_all(connection, rows)
        held = holders(session, names)
        rows = [row for row in rows if row["element"] not in held]  # it was let go of between the two
    raise Interrupted(f"{rows[0]['element']} is taken and let go of again and again; tried {TRIES} times")


def _others(held: Mapping[str, Holder], plan_id: str, elements: Collection[str]) -> list[Holder]:
    return [held[name] for name in sorted(elements) if name in held and held[name].plan_id != plan_id]


def _refusal(others: Sequence[Holder]) -> ElementsHeld:
    first = others[0]
    return ElementsHeld([_why(holder) for holder in others], f"{first.element} is {'in doubt' if first.in_doubt else 'held'}")


def _why(row: Holder) -> str:
    since = row.since.isoformat(timespec="seconds")
    if row.in_doubt:
        return (
            f"{row.element} is in doubt since {since} (plan {row.plan_id}: {row.reason}); it is tried again until it answers, "
            f"or resolve it with `fabd element resolve {row.element}`"
        )
    return f"{row.element} is held by plan {row.plan_id} since {since}"


_HOLDS = cast("Table", ElementHoldRow.__table__)
_NEW: dict[str, BindParameter[object]] = {
    name: bindparam(name) for name in ("element", "plan_id", "fence", "since", "in_doubt", "reason")
}
_TAKE = Prepared(postgresql.insert(_HOLDS).values(_NEW).on_conflict_do_nothing())
_TAKE_ON_SQLITE = Prepared(sqlite.insert(_HOLDS).values(_NEW).on_conflict_do_nothing())
_HELD = (_HOLDS.c.plan_id == bindparam("plan"), _HOLDS.c.fence == bindparam("held"))
_LEAVE = Prepared(delete(_HOLDS).where(*_HELD))
_REFENCE = update(_HOLDS).where(_HOLDS.c.plan_id == bindparam("plan")).values(fence=bindparam("held"))
_HOLDERS = Prepared(
    select(_HOLDS.c.element, _HOLDS.c.plan_id, _HOLDS.c.fence, _HOLDS.c.since, _HOLDS.c.in_doubt, _HOLDS.c.reason).where(
        among(_HOLDS.c.element, "elements")
    )
)
_RELEASE_ALL = Prepared(delete(_HOLDS).where(among(_HOLDS.c.plan_id, "plans")).returning(_HOLDS.c.element))
_RELEASE = (
    delete(_HOLDS)
    .where(_HOLDS.c.plan_id.in_(bindparam("plans", expanding=True)), _HOLDS.c.element.not_in(bindparam("keep", expanding=True)))
    .returning(_HOLDS.c.element)
)
_WANTS = (  # of each plan that waits, for there are few: all that ever wanted the elements are more with each order
    select(ChangeSetRow.id).where(ChangeSetRow.plan_id == PlanRow.id, among(ChangeSetRow.element, "elements")).exists()
)
_LINE = (
    select(PlanRow.id)
    .where(PlanRow.state == PlanState.WAITING, PlanRow.fence > 0, _WANTS)
    .order_by(PlanRow.id)
    .limit(bindparam("most", type_=Integer))
)
_WAITING = Prepared(_LINE.where(~among(PlanRow.id, "plans")))
_YOUNGER = Prepared(_LINE.where(PlanRow.id > bindparam("plan")))
