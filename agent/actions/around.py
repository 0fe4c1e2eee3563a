"""What stands around an action at one instant, read for its guards; and whose turn it is to begin one."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from agent.actions.deeds.deed import Target
from agent.actions.tables import ActionRow
from agent.assurance.tables import MarkRow
from agent.fulfillment.freezes import WeeklyFreeze, frozen
from agent.fulfillment.tables import ElementHoldRow
from crm_bridge.once import insert_once
from inventory.elements import LOCKED
from inventory.maintenance import Calendar
from inventory.tables import ElementRow
from policies.acting.guards import Around, Past

TURN = "actions"
REMEMBERED = timedelta(days=7)
"""As far as any limit or pause reaches back."""


def take_turn(session: Session) -> None:
    """Nobody else begins an action until the transaction ends: so what guards see stays as it is."""
    insert_once(session, MarkRow, {"name": TURN, "value": 0})
    session.execute(select(MarkRow.value).where(MarkRow.name == TURN).with_for_update())


def around(session: Session, target: Target, weekly: Iterable[WeeklyFreeze], at: datetime) -> Around:
    """For one action; its own row has not begun yet."""
    names = sorted(target.elements)
    holds = select(ElementHoldRow.element, ElementHoldRow.plan_id, ElementHoldRow.in_doubt).where(ElementHoldRow.element.in_(names))
    locked = select(ElementRow.name).where(ElementRow.name.in_(names), ElementRow.administrative == LOCKED)
    freeze = frozen(session, weekly, at, urgent=False)
    return Around(
        at=at,
        maintenance=_maintenance(session, target, at),
        holders=[(element, plan, in_doubt) for element, plan, in_doubt in session.execute(holds)],
        locked=list(session.scalars(locked)),
        freeze=None if freeze is None else (freeze.reason, freeze.until),
        past=_past(session, at),
    )


def _maintenance(session: Session, target: Target, at: datetime) -> Sequence[tuple[str, datetime]]:
    """Over any of its elements (with their sites), its port, its services or their customers."""
    calendar = Calendar(session, at)
    element, _, port = target.object.partition("/")
    asked = [(name, port if name == element else "") for name in sorted(target.elements)] or [("", "")]
    windows = {window.maintenance_id: window for one in asked for window in calendar.holding(*one, target.services)}
    return [(window.reason, window.span.end) for window in windows.values()]


def _past(session: Session, at: datetime) -> list[Past]:
    columns = (
        ActionRow.id,
        ActionRow.rule,
        ActionRow.object,
        ActionRow.elements,
        ActionRow.began_at,
        ActionRow.acted_at,
        ActionRow.undoes,
    )
    recent = or_(ActionRow.began_at > at - REMEMBERED, ActionRow.acted_at.is_(None))
    rows = session.execute(select(*columns).where(ActionRow.began_at.is_not(None), recent))
    return [
        Past(row.rule, row.object, frozenset(row.elements), row.began_at, row.acted_at, row.id, bool(row.undoes))
        for row in rows
        if row.began_at is not None
    ]
