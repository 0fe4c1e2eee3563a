"""An action under way: its plan or orders end, then it is measured whether it helped."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.actions import book
from agent.actions.deciding import ACTION_WORK
from agent.actions.deeds.deed import Begun, Ended
from agent.actions.figures import compared, down, figures
from agent.actions.returning import returns
from agent.actions.state import BY_HAND, State
from agent.actions.tables import ActionRow
from agent.assurance.tables import AlarmRow
from agent.fulfillment.plan import PlanState
from agent.fulfillment.states import FINAL, ItemState
from agent.fulfillment.tables import OrderRow, PlanRow
from inventory.work import Work, WorkQueue
from policies.acting.rules import Deed, Rule

TIMELY = timedelta(seconds=300)
"""For an action whose rule is gone."""


Rules = Mapping[str, Rule]


def note_begun(  # noqa: PLR0917  as `acted`
    session: Session, queue: WorkQueue, rules: Rules, row: ActionRow, begun: Begun, at: datetime
) -> None:
    """The deed is on its way, or done already."""
    row.plan_id, row.orders, row.kept = begun.plan_id, list(begun.orders), dict(begun.kept)
    if begun.ended is not None:
        acted(session, queue, rules, row, begun.ended, at)


def acted(  # noqa: PLR0917  the action, and what its end is told to
    session: Session, queue: WorkQueue, rules: Rules, row: ActionRow, ended: Ended, at: datetime
) -> None:
    """The deed is done, or could not be."""
    row.acted_at = at
    if not ended.done:
        row.after = figures(session, row.alarm_id, row.services, at)
        book.move(session, row, State.FAILED, at, ended.words)
        book.write_down(session, row, f"Failed: {ended.words}.", at)
        return
    row.outcome, row.returns = ended.words, returns(rules.get(row.rule), row)
    if row.undoes:
        left, how = ("", "") if ended.whole and len(row.orders) in {0, len(row.services)} else (BY_HAND, " in part")
        book.stands(session, row.undoes, left, at, f"taken back{how} by action {row.id}: {ended.words}")
    book.move(session, row, State.MEASURING, at, ended.words)
    queue.submit(session, Work(ACTION_WORK, row.id), at)


def follow(session: Session, queue: WorkQueue, rules: Rules, row: ActionRow, at: datetime) -> None:
    """A running one: whether what it began has ended."""
    ended = _of_plan(session, row) if row.plan_id else _of_orders(session, row) if row.orders else None
    if ended is not None:
        acted(session, queue, rules, row, ended, at)


def measure(session: Session, rules: Rules, row: ActionRow, at: datetime) -> None:
    """One whose deed is done: whether it helped, as soon as that is certain."""
    rule = rules.get(row.rule)
    within = timedelta(seconds=rule.clears_within_s) if rule else TIMELY
    acted_at = row.acted_at or at
    found = figures(session, row.alarm_id, row.services, at)
    over = at >= acted_at + within
    if row.alarm_id is not None and not row.undoes and (rule is None or rule.measured_by == "alarm"):
        state, words = _by_alarm(session, row, acted_at, within, at)
    else:
        state, words = _by_services(row, found, at - acted_at)
    may_change = state is State.INEFFECTIVE or (row.undoes and row.services)
    if over or not may_change:
        _judge(session, row, state, found, words, at)


def _by_alarm(session: Session, row: ActionRow, acted_at: datetime, within: timedelta, at: datetime) -> tuple[State, str]:
    cleared = _cleared(session, row)
    if cleared is None:
        return State.INEFFECTIVE, f"the alarm stands, {_seconds(at - acted_at)} after it"
    state = State.EFFECTIVE if cleared <= acted_at + within else State.INEFFECTIVE
    return state, f"the alarm cleared {_seconds(cleared - acted_at)} after it"


def _by_services(row: ActionRow, found: dict[str, Any], since: timedelta) -> tuple[State, str]:
    """Where there is no alarm to measure it by, or the rule says so. A test without an alarm is a measurement itself."""
    if row.deed == Deed.TEST and row.alarm_id is None:
        return State.DONE, row.outcome
    before, left = down(row.before), down(found)
    if left:
        verb = "still down" if before else "down, and was not before"
        return State.INEFFECTIVE, f"{verb}: {', '.join(left)}, {_seconds(since)} after it"
    if before:
        return State.EFFECTIVE, "no service is down any more"
    if row.undoes and row.services:
        return State.DONE, f"no service is down, {_seconds(since)} after it"
    why = "no service was down" if row.services else "it is for no service"
    return State.DONE, f"not measured: {why if row.alarm_id else f'no alarm was there to be measured by, and {why}'}"


def _judge(  # noqa: PLR0917  the verdict with all it stands on
    session: Session, row: ActionRow, state: State, found: dict[str, Any], words: str, at: datetime
) -> None:
    row.after = found
    done = row.outcome
    text = words if words == done else f"{words} ({done})" if done else words
    book.move(session, row, state, at, text)
    change = compared(row.before, found)
    book.write_down(session, row, f"{_TOLD[state]}: {text}.{f' {change}.' if change else ''}", at)


def _of_plan(session: Session, row: ActionRow) -> Ended | None:
    plan = session.get(PlanRow, row.plan_id, populate_existing=True)
    if plan is None:
        return Ended(False, f"plan {row.plan_id} is gone")
    if plan.finished_at is None:
        return None
    if plan.state == PlanState.DONE:
        return Ended(True, f"plan {plan.id} was carried out")
    why = "; ".join(failure["message"] for failure in (plan.error or {}).get("failures", [])) or plan.state
    return Ended(False, f"plan {plan.id}: {why}; everything is as it was")


def _of_orders(session: Session, row: ActionRow) -> Ended | None:
    orders = session.execute(select(OrderRow.id, OrderRow.state).where(OrderRow.id.in_(row.orders)).order_by(OrderRow.id)).all()
    if any(state not in FINAL for _, state in orders):
        return None
    good = [order_id for order_id, state in orders if state == ItemState.COMPLETED]
    bad = [f"order {order_id} is {state}" for order_id, state in orders if state != ItemState.COMPLETED]
    said = "; ".join([*([f"{len(good)} of {len(row.orders)} services moved"] if good else []), *bad])
    return Ended(bool(good), said or "its orders are gone", whole=not bad)


def _cleared(session: Session, row: ActionRow) -> datetime | None:
    """When, if it has since the action began and does not stand again; an alarm that is forgotten had cleared."""
    alarm = session.get(AlarmRow, row.alarm_id, populate_existing=True)
    if alarm is None:
        return row.acted_at
    began = row.began_at
    return alarm.cleared_at if alarm.cleared_at is not None and (began is None or alarm.cleared_at >= began) else None


def _seconds(span: timedelta) -> str:
    return f"{max(span.total_seconds(), 0.0):.0f} s"


_TOLD = {
    State.EFFECTIVE: "It helped",
    State.INEFFECTIVE: "It did not help",
    State.DONE: "Done",
}
