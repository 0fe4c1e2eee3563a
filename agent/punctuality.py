"""What had to be done by some time, and whether it was: orders, first responses and repairs, as cases of a service's objectives.

Here, because orders are fulfilment's and tickets the bridge's, and the two know nothing of each other.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.tables import OrderItemRow, OrderRow
from crm_bridge.promises import Promise
from crm_bridge.tables import TicketRow, TicketServiceRow
from crm_bridge.tickets import status_log
from crm_bridge.ticketstates import Clocks, clocks
from policies.breach import walk
from policies.sla import Sla
from policies.values import Interval
from policies.verdicts import Case

FORESEEN = timedelta(days=62)
"""How far service hours are walked for a due time; beyond, the calendar's."""
_CALLED_OFF = frozenset({"cancelled", "rejected"})


def cases_of(session: Session, promise: Promise, period: Interval) -> Mapping[str, Sequence[Case]]:
    """Of one service, by rule; each case belongs to the period in which it was due."""
    tickets = list(_tickets(session, promise.service.id, period))
    wanted = {goal.rule for goal in promise.sla.cases}
    found: dict[str, list[Case]] = {}
    if "ordersOnTime" in wanted:
        found["ordersOnTime"] = list(_orders(session, promise.service.id, period))
    if "firstResponse" in wanted:
        found["firstResponse"] = list(_answered(tickets, promise.sla, period))
    if "repairOnTime" in wanted:
        found["repairOnTime"] = list(_repaired(tickets, promise.sla, period))
    return found


def _orders(session: Session, service_id: str, period: Interval) -> Iterator[Case]:
    """Those with a day on which they were wanted, and that nobody called off."""
    wanted = OrderRow.requested_completion
    statement = (
        select(OrderRow.id, OrderRow.state, wanted, OrderRow.completed_at)
        .join(OrderItemRow, OrderItemRow.order_id == OrderRow.id)
        .where(OrderItemRow.service_id == service_id, wanted >= period.start, wanted < period.end)
        .distinct()
        .order_by(OrderRow.id)
    )
    for order_id, state, due, completed_at in session.execute(statement):
        if due is not None and state not in _CALLED_OFF:
            yield Case(order_id, due, in_time=state == "completed" and completed_at is not None and completed_at <= due)


def _tickets(session: Session, service_id: str, period: Interval) -> Iterator[TicketRow]:
    statement = (
        select(TicketRow)
        .join(TicketServiceRow, TicketServiceRow.ticket_id == TicketRow.id)
        .where(
            TicketServiceRow.service_id == service_id,
            TicketRow.created_at < period.end,
            TicketRow.created_at >= period.start - FORESEEN,
            TicketRow.status.not_in(_CALLED_OFF),
        )
        .order_by(TicketRow.id)
    )
    yield from session.scalars(statement)


def _answered(tickets: Sequence[TicketRow], sla: Sla, period: Interval) -> Iterator[Case]:
    for ticket in tickets:
        if (due := _due(sla, ticket.created_at, sla.first_response)) in period:
            yield Case(ticket.id, due, in_time=_clocks(ticket, sla, period.end).first_response <= sla.first_response)


def _repaired(tickets: Sequence[TicketRow], sla: Sla, period: Interval) -> Iterator[Case]:
    """While the customer was waited for, the clock stood still."""
    for ticket in tickets:
        if (due := _due(sla, ticket.created_at, sla.target_repair)) in period:
            yield Case(ticket.id, due, in_time=_clocks(ticket, sla, period.end).resolution <= sla.target_repair)


def _clocks(ticket: TicketRow, sla: Sla, until: datetime) -> Clocks:
    """As they stood at the end of the period."""
    log = [change for change in status_log(ticket) if change.at <= until]
    return clocks(log or status_log(ticket)[:1], sla.service_hours, until)


def _due(sla: Sla, since: datetime, target: timedelta) -> datetime:
    return walk(sla.service_hours.within(Interval(since, since + FORESEEN)), target) or since + target
