"""Orders whose promised day is in danger, noticed when something about them changes and, by a periodic look, when time passes."""

from datetime import datetime, timedelta

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from agent.fulfillment.events import Announcer
from agent.fulfillment.milestones import Jeopardy, endanger, endangered_by
from agent.fulfillment.pace import Pace
from agent.fulfillment.states import FINAL
from agent.fulfillment.tables import OrderRow
from inventory.db import Database

AT_ONCE = 200
"""Orders in one transaction of the periodic look; the others are its next turns'."""
LOOK_AHEAD = timedelta(hours=1)


def alarm_if_late(session: Session, announcer: Announcer, order: OrderRow, at: datetime) -> bool:
    """Whether a new alert was raised: expected too late, or late already."""
    kind = danger(order, at)
    if kind is None or order.requested_completion is None:
        return False
    promised = _told(order.requested_completion)
    message = f"it was to be completed at {promised}"
    if kind is Jeopardy.HAZARD and order.expected_completion is not None:
        message = f"expected at {_told(order.expected_completion)}, to be completed at {promised}"
    open_items = [item for item in order.items if item.state not in FINAL]
    words = "; ".join(dict.fromkeys(error["message"] for item in open_items for error in item.errors or ()))
    endanger(order, kind, message, words, open_items, at)
    session.flush()
    announcer.order(session, order, at, event="Jeopardy")
    return True


def danger(order: OrderRow, at: datetime) -> Jeopardy | None:
    """The kind of alert that is due and was not raised yet."""
    promised, expected = order.requested_completion, order.expected_completion
    if promised is None or order.state in FINAL:
        return None
    if promised <= at:
        kind = Jeopardy.CRITICAL
    elif expected is not None and expected > promised:
        kind = Jeopardy.HAZARD
    else:
        return None
    return None if kind.value in endangered_by(order) else kind


class Lookout:
    """The periodic look."""

    def __init__(self, database: Database, announcer: Announcer, pace: Pace) -> None:
        self._database, self._announcer, self._pace = database, announcer, pace

    def look(self, at: datetime) -> int:
        """How many orders were found in danger."""
        with self._database.read() as session:
            ids = [order.id for order in session.scalars(_threatened(at)) if danger(order, at) or _overdue(order, at)]
        if not ids:
            return 0
        with self._database.write() as session:
            rows = session.scalars(select(OrderRow).where(OrderRow.id.in_(ids)).order_by(OrderRow.id).with_for_update()).all()
            return sum(self._alarmed(session, order, at) for order in rows)

    def _alarmed(self, session: Session, order: OrderRow, at: datetime) -> bool:
        if _overdue(order, at):
            order.expected_completion = self._pace.expected(session, order, at)
        return alarm_if_late(session, self._announcer, order, at)


def _overdue(order: OrderRow, at: datetime) -> bool:
    """It takes longer than was expected: that is expected anew."""
    return order.expected_completion is not None and order.expected_completion <= at and order.state not in FINAL


def _threatened(at: datetime) -> Select[OrderRow]:
    """The nearest to their day first: those that are long past it have had their alert."""
    promised, expected = OrderRow.requested_completion, OrderRow.expected_completion
    return (
        select(OrderRow)
        .where(
            OrderRow.state.not_in([str(state) for state in FINAL]),
            promised <= at + LOOK_AHEAD,
            or_(promised <= at, expected <= at, expected > promised),
        )
        .order_by(promised.desc())
        .limit(AT_ONCE)
    )


def _told(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
