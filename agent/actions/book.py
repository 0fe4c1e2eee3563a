"""Every step of an action: its row, its history, its event, and what is written on the alarm and on tickets."""

from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.actions.state import BY_HAND, ENDED, IN_VAIN, State
from agent.actions.tables import ActionChangeRow, ActionRow
from agent.assurance.alarms import handling
from agent.assurance.alarms.handling import Word
from agent.assurance.errors import UnknownAlarm
from agent.assurance.tables import AlarmRow
from agent.security.audit import DAEMON, Actor, record
from crm_bridge import outbox
from crm_bridge.tables import TicketRow
from crm_bridge.tickets import annotate
from crm_bridge.ticketstates import ENDED as TICKET_ENDED

log = structlog.get_logger(__name__)

CREATED, CHANGED = "actionCreateEvent", "actionStateChangeEvent"
ITSELF = "fabd"
MOST_TICKETS = 50
"""That one action is written on."""


def enter(session: Session, row: ActionRow, actor: Actor, at: datetime, detail: str = "") -> None:
    """A new action."""
    session.add(row)
    session.flush()
    _note(session, row, actor.name, at, detail)
    _tell(session, row, CREATED, at)
    record(session, actor, "ask", f"action {row.id}", at, after=_short(row))


def move(session: Session, row: ActionRow, state: State, at: datetime, detail: str = "", *, by: Actor = DAEMON) -> None:
    """To another state; ended ones say in `outcome` why."""
    before = row.state
    row.state = state
    if state in ENDED:
        row.ended_at, row.due_at = at, None
        row.outcome = detail
    session.flush()
    _note(session, row, by.name, at, detail)
    if row.undoes and state in IN_VAIN:
        stands(session, row.undoes, BY_HAND, at, f"not taken back by action {row.id}: {detail or state}")
    _tell(session, row, CHANGED, at)
    record(session, by, state.value, f"action {row.id}", at, before={"state": before}, after=_short(row))
    log.info("action", action=row.id, rule=row.rule, object=row.object, state=str(state), detail=detail)


def stands(session: Session, action_id: str, returns: str, at: datetime, detail: str) -> None:
    """By what an action that is done is taken back from now on, and why; "" when nothing of it stands any more."""
    row = session.get(ActionRow, action_id, populate_existing=True)
    if row is not None:  # it may have been forgotten
        row.returns = returns
        session.flush()
        _note(session, row, ITSELF, at, detail)


def write_down(session: Session, row: ActionRow, text: str, at: datetime) -> None:
    """On the alarm, and on the tickets of its problem that are open."""
    if row.alarm_id is None:
        return
    text = f"{text} (action {row.id}, rule {row.rule})"
    with suppress(UnknownAlarm):  # it has been forgotten
        handling.comment(session, [row.alarm_id], Word(ITSELF, text), at)
    problem = select(AlarmRow.problem_id).where(AlarmRow.id == row.alarm_id).scalar_subquery()
    open_ones = select(TicketRow.id).where(
        TicketRow.problem_id == problem, TicketRow.status.not_in([status.value for status in TICKET_ENDED])
    )
    for ticket_id in session.scalars(open_ones.order_by(TicketRow.id).limit(MOST_TICKETS)).all():
        annotate(session, ticket_id, author=ITSELF, text=text, at=at)


def resource(row: ActionRow) -> dict[str, Any]:
    """As events carry it."""
    found: dict[str, Any] = {
        "id": row.id,
        "rule": row.rule,
        "deed": row.deed,
        "mode": row.mode,
        "state": row.state,
        "object": row.object,
        "elements": row.elements,
        "services": row.services,
        "alarm": row.alarm_id,
        "askedBy": row.asked_by,
        "approvedBy": row.approved_by or None,
        "objections": row.objections,
        "plan": row.plan_id or None,
        "orders": row.orders,
        "undoes": row.undoes or None,
        "returns": row.returns or None,
        "outcome": row.outcome or None,
        "createdAt": row.created_at.isoformat(),
        "beganAt": row.began_at.isoformat() if row.began_at else None,
        "endedAt": row.ended_at.isoformat() if row.ended_at else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _short(row: ActionRow) -> dict[str, Any]:
    names = ("rule", "deed", "mode", "state", "object", "alarm_id", "plan_id", "orders", "note", "outcome", "reverse", "undoes")
    return {name: value for name in names if (value := getattr(row, name))}


def _note(session: Session, row: ActionRow, by: str, at: datetime, detail: str) -> None:
    session.add(ActionChangeRow(action_id=row.id, at=at, state=row.state, by=by, detail=detail))


def _tell(session: Session, row: ActionRow, event: str, at: datetime) -> None:
    outbox.publish(
        session, aggregate=f"action:{row.id}", type=event, payload={"action": resource(row)}, correlation_id=row.id, at=at
    )
