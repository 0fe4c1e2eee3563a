"""Who holds which element: one plan at a time, and nobody else while it is in doubt."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import BindParameter, Integer, Table, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from agent.fulfillment.errors import ElementsHeld
from agent.fulfillment.plan import PlanState
from agent.fulfillment.tables import ChangeSetRow, ElementHoldRow, PlanRow


def take(session: Session, plan_id: str, fence: int, elements: Iterable[str], at: datetime) -> None:
    """Hold the elements for the plan, in sorted order, so that no two plans can wait for each other. All or `ElementsHeld`."""
    wanted = sorted(elements)
    rows = [
        {"element": element, "plan_id": plan_id, "fence": fence, "since": at, "in_doubt": False, "reason": ""} for element in wanted
    ]
    sqlite_ = session.get_bind().dialect.name == "sqlite"
    fresh = sum(session.connection().execute(_TAKE_ON_SQLITE if sqlite_ else _TAKE, row).rowcount for row in rows)
    if fresh < len(wanted):
        refuse_if_held(session, plan_id, wanted)
        session.execute(update(ElementHoldRow).where(ElementHoldRow.plan_id == plan_id).values(fence=fence))


def refuse_if_held(session: Session, plan_id: str, elements: Collection[str]) -> None:
    """`ElementsHeld` says of each element that another plan holds: who, since when, and what ends it."""
    held = of_others(session, plan_id, elements)
    if held:
        raise ElementsHeld([_why(row) for row in held], f"{held[0].element} is {'in doubt' if held[0].in_doubt else 'held'}")


def of_others(session: Session, plan_id: str, elements: Collection[str]) -> Sequence[ElementHoldRow]:
    """Which of the elements other plans hold, by name."""
    asked = {"elements": list(elements), "plan": plan_id}
    if session.connection().execute(_OTHERS, asked).first() is None:
        return ()
    others = select(ElementHoldRow).where(ElementHoldRow.element.in_(elements), ElementHoldRow.plan_id != plan_id)
    return session.scalars(others.order_by(ElementHoldRow.element)).all()


def release(session: Session, plan_id: str, *, keep: Collection[str] = ()) -> frozenset[str]:
    """Let go of the plan's elements, but for those in `keep`; the names of those that are free now."""
    return frozenset(session.connection().scalars(_RELEASE, {"plan": plan_id, "keep": list(keep)}))


def doubt(session: Session, plan_id: str, reasons: dict[str, str]) -> None:
    """Element → why nobody knows what is on it."""
    for element, reason in reasons.items():
        held = (ElementHoldRow.plan_id == plan_id, ElementHoldRow.element == element)
        session.execute(update(ElementHoldRow).where(*held).values(in_doubt=True, reason=reason))


def waiting_for(session: Session, plan_id: str, elements: Collection[str], *, behind: bool = False) -> list[str]:
    """Other plans that have begun, wait and want one of the elements, the oldest first; no more than can go on at once.

    What no worker has claimed yet waits for its day or for other items of its order, not for an element. `behind`: only
    those younger than the plan.
    """
    if not elements:
        return []
    session.flush()
    asked = {"plan": plan_id, "elements": list(elements), "most": len(elements)}
    return list(session.connection().scalars(_YOUNGER if behind else _WAITING, asked))


def _why(row: ElementHoldRow) -> str:
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
_TAKE = postgresql.insert(_HOLDS).values(_NEW).on_conflict_do_nothing()
_TAKE_ON_SQLITE = sqlite.insert(_HOLDS).values(_NEW).on_conflict_do_nothing()
_OTHERS = select(ElementHoldRow.element).where(
    ElementHoldRow.element.in_(bindparam("elements", expanding=True)), ElementHoldRow.plan_id != bindparam("plan")
)
_RELEASE = (
    delete(_HOLDS)
    .where(ElementHoldRow.plan_id == bindparam("plan"), ElementHoldRow.element.not_in(bindparam("keep", expanding=True)))
    .returning(ElementHoldRow.element)
)
_WANTING = select(ChangeSetRow.plan_id).where(ChangeSetRow.element.in_(bindparam("elements", expanding=True)))
_LINE = (
    select(PlanRow.id)
    .where(PlanRow.state == PlanState.WAITING, PlanRow.fence > 0, PlanRow.id.in_(_WANTING))
    .order_by(PlanRow.id)
    .limit(bindparam("most", type_=Integer))
)
_WAITING = _LINE.where(PlanRow.id != bindparam("plan"))
_YOUNGER = _LINE.where(PlanRow.id > bindparam("plan"))
