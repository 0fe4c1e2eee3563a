"""Trouble tickets: one per problem and affected customer, however often and by whatever alarms the problem shows itself.

The key is (customer, root object, problem class), never an alarm. While a ticket can still be re-opened it holds the key alone, by
a unique constraint; a problem that comes back within the window is a note and a count on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_bridge.errors import IllegalTransition, UnknownTicket
from crm_bridge.once import insert_once
from crm_bridge.priority import Priority, priority
from crm_bridge.tables import TicketChangeRow, TicketNoteRow, TicketRow, TicketServiceRow
from crm_bridge.ticket_events import CHANGED, CREATED, RESOLVED, STATUS_CHANGED, tell
from crm_bridge.ticketstates import ENDED, STEPS, WORKED_ON, StatusChange, TicketStatus
from policies.values import Interval, Severity, new_id

MACHINE = "fabd"
"""Who acts where no person does."""


@dataclass(frozen=True, slots=True)
class TicketReport:
    """A problem as one customer is affected by it."""

    customer_id: str
    problem_id: str
    root_object: str
    problem_class: str
    service_ids: tuple[str, ...]
    severity: Severity
    name: str
    description: str
    due_at: datetime | None
    """When its repair has to begin at the latest; see `policies.breach`."""
    expected_at: datetime | None = None
    """When it is expected to be over."""
    remaining_budget: Fraction | None = None
    """The smallest share left among the SLAs of the services, 0..1 (`Forecast.remaining_share`)."""
    reopen_window: timedelta = timedelta(hours=24)
    since: datetime | None = None
    """When the services went down, as far as it is known."""

    @property
    def key(self) -> str:
        return f"{self.customer_id}|{self.root_object}|{self.problem_class}"


def report(session: Session, problem: TicketReport, at: datetime) -> TicketRow:
    """The ticket of this problem: a new one, or the one that is there, with what is new added to it."""
    ticket = _held_by(session, problem.key)
    if ticket is not None and _window_passed(ticket, problem.reopen_window, at):
        _step(ticket, TicketStatus.CLOSED, "the time to re-open it has passed", MACHINE, at)
        session.flush()
        tell(session, ticket, STATUS_CHANGED, at)
        ticket = None
    if ticket is None:
        ticket, created = _open(session, problem, at)
        if created:
            return ticket
    return _repeat(session, ticket, problem, at)


def recovered(session: Session, problem_id: str, outages: Mapping[str, Sequence[Interval]], at: datetime) -> list[TicketRow]:
    """The problem is over: its tickets are resolved, with the downtime of each service (service id → intervals) on them."""
    statement = select(TicketRow).where(TicketRow.problem_id == problem_id).order_by(TicketRow.id).with_for_update()
    rows = session.scalars(statement.execution_options(populate_existing=True))
    resolved = [ticket for ticket in rows if TicketStatus(ticket.status) in WORKED_ON]
    for ticket in resolved:
        for service in ticket.services:
            _note_downtime(ticket, service, outages.get(service.service_id, ()), at)
        if ticket.status != TicketStatus.IN_PROGRESS:
            _step(ticket, TicketStatus.IN_PROGRESS, "recovery seen", MACHINE, at)
        _step(ticket, TicketStatus.RESOLVED, "all services are up again", MACHINE, at)
        session.flush()
        tell(session, ticket, STATUS_CHANGED, at)
        tell(session, ticket, RESOLVED, at)
    return resolved


@dataclass(frozen=True, slots=True)
class Urgency:
    """What has become known of the budget of a service since its tickets were opened."""

    remaining: Fraction
    """Share of the budget that is left, 0..1."""
    due_at: datetime | None
    why: str
    pressing: bool = False
    """Whether it is at least of high priority, whatever is left of the budget."""


def hasten(session: Session, service_id: str, urgency: Urgency, at: datetime) -> list[TicketRow]:
    """Bring the tickets that are being worked on for this service up to what its budget asks for; those that changed."""
    statement = (
        select(TicketRow)
        .join(TicketServiceRow, TicketServiceRow.ticket_id == TicketRow.id)
        .where(TicketServiceRow.service_id == service_id, TicketRow.status.in_(WORKED_ON))
        .order_by(TicketRow.id)
        .with_for_update()
    )
    rows = session.scalars(statement.execution_options(populate_existing=True)).all()
    return [ticket for ticket in rows if _hasten(session, ticket, urgency, at)]


def _hasten(session: Session, ticket: TicketRow, urgency: Urgency, at: datetime) -> bool:
    before = ticket.priority
    _raise_priority(ticket, priority(Severity(ticket.severity), urgency.remaining))
    if urgency.pressing:
        _raise_priority(ticket, Priority.HIGH)
    due_at = _nearer(ticket.due_at, urgency.due_at)
    if before == ticket.priority and (due_at == ticket.due_at or ticket.due_at is not None):
        return False
    ticket.due_at, ticket.updated_at = due_at, at
    _note(ticket, MACHINE, f"Priority {ticket.priority}: {urgency.why}.", at)
    session.flush()
    tell(session, ticket, CHANGED, at)
    return True


def transition(session: Session, ticket_id: str, status: TicketStatus, *, actor: str, reason: str, at: datetime) -> TicketRow:
    """A step of a person or another system; raises `UnknownTicket` or `IllegalTransition`."""
    ticket = _locked(session, ticket_id)
    _step(ticket, status, reason, actor, at)
    session.flush()
    tell(session, ticket, STATUS_CHANGED, at)
    if status is TicketStatus.RESOLVED:
        tell(session, ticket, RESOLVED, at)
    return ticket


def annotate(session: Session, ticket_id: str, *, author: str, text: str, at: datetime) -> TicketRow:
    ticket = _locked(session, ticket_id)
    _note(ticket, author, text, at)
    ticket.updated_at = at
    session.flush()
    tell(session, ticket, CHANGED, at)
    return ticket


def close_resolved(session: Session, *, close_after: timedelta, at: datetime, limit: int = 500) -> list[TicketRow]:
    """Close what was resolved long enough ago without the customer's objection, at most `limit` at once."""
    rows = session.scalars(
        select(TicketRow)
        .where(TicketRow.status == TicketStatus.RESOLVED, TicketRow.resolved_at <= at - close_after)
        .order_by(TicketRow.resolved_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for ticket in rows:
        _step(ticket, TicketStatus.CLOSED, "no objection since it was resolved", MACHINE, at)
        session.flush()
        tell(session, ticket, STATUS_CHANGED, at)
    return list(rows)


def status_log(ticket: TicketRow) -> list[StatusChange]:
    """What `ticketstates.clocks` folds over."""
    return [StatusChange(change.at, TicketStatus(change.status)) for change in ticket.changes]


def _open(session: Session, problem: TicketReport, at: datetime) -> tuple[TicketRow, bool]:
    created = insert_once(
        session,
        TicketRow,
        {
            "id": new_id("tkt", at),
            "key": problem.key,
            "open_key": problem.key,
            "customer_id": problem.customer_id,
            "problem_id": problem.problem_id,
            "root_object": problem.root_object,
            "name": problem.name,
            "description": problem.description,
            "status": TicketStatus.ACKNOWLEDGED.value,
            "severity": problem.severity.value,
            "priority": priority(problem.severity, problem.remaining_budget).value,
            "due_at": problem.due_at,
            "expected_at": problem.expected_at,
            "created_at": at,
            "updated_at": at,
        },
    )
    ticket = _held_by(session, problem.key)
    if ticket is None:
        raise UnknownTicket(problem.key)  # the row has just been written or waited for
    if created:
        _log(ticket, TicketStatus.ACKNOWLEDGED, f"problem {problem.problem_id}", MACHINE, at)
        _add_services(ticket, problem)
        session.flush()
        tell(session, ticket, CREATED, at)
    return ticket, created


def _repeat(session: Session, ticket: TicketRow, problem: TicketReport, at: datetime) -> TicketRow:
    """What the report adds to a ticket that is there; the same report again adds nothing."""
    resolved = ticket.status == TicketStatus.RESOLVED
    again = resolved or ticket.problem_id != problem.problem_id
    added = _add_services(ticket, problem)
    if resolved:
        ticket.due_at = ticket.expected_at = None  # of the outage that is over
    worse = _worsen(ticket, problem)
    if not (again or added or worse):
        return ticket
    if again:
        ticket.repeats += 1
        ticket.problem_id = problem.problem_id
        _note(ticket, MACHINE, f"The problem is back ({problem.problem_id}), for the {ticket.repeats}. time.", at)
    if added:
        _note(ticket, MACHINE, f"Also affected: {', '.join(added)}.", at)
    if resolved:
        _step(ticket, TicketStatus.IN_PROGRESS, f"problem {problem.problem_id}", MACHINE, at)
    ticket.updated_at = at
    session.flush()
    tell(session, ticket, STATUS_CHANGED if resolved else CHANGED, at)
    return ticket


def _worsen(ticket: TicketRow, problem: TicketReport) -> bool:
    """Severity and priority only rise by a report, a due time only comes nearer; people lower them."""
    before = (ticket.severity, ticket.priority, ticket.due_at, ticket.expected_at)
    ticket.severity = min(Severity(ticket.severity), problem.severity, key=lambda each: each.rank).value
    _raise_priority(ticket, priority(problem.severity, problem.remaining_budget))
    ticket.due_at = _nearer(ticket.due_at, problem.due_at)
    ticket.expected_at = ticket.expected_at or problem.expected_at
    return before != (ticket.severity, ticket.priority, ticket.due_at, ticket.expected_at)


def _raise_priority(ticket: TicketRow, wanted: Priority) -> None:
    order = list(Priority)
    ticket.priority = min(Priority(ticket.priority), wanted, key=order.index).value


def _nearer(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _add_services(ticket: TicketRow, problem: TicketReport) -> list[str]:
    """The ids that were not on the ticket; one that went down again counts from its new outage."""
    known = {service.service_id: service for service in ticket.services}
    for service_id in problem.service_ids:
        if service_id not in known:
            ticket.services.append(TicketServiceRow(service_id=service_id, down_from=problem.since, down_to=None))
        elif known[service_id].down_to is not None:
            known[service_id].down_from, known[service_id].down_to = problem.since, None
    return [service_id for service_id in problem.service_ids if service_id not in known]


def _note_downtime(ticket: TicketRow, service: TicketServiceRow, outages: Sequence[Interval], at: datetime) -> None:
    if not outages:
        return
    service.down_from, service.down_to = outages[0].start, outages[-1].end
    seconds = sum((outage.duration for outage in outages), timedelta())
    spans = ", ".join(f"{outage.start.isoformat()} .. {outage.end.isoformat()}" for outage in outages)
    _note(ticket, MACHINE, f"Service {service.service_id} was down for {seconds} ({spans}).", at)


def _step(ticket: TicketRow, status: TicketStatus, reason: str, actor: str, at: datetime) -> None:
    possible = STEPS[TicketStatus(ticket.status)]
    if status not in possible:
        raise IllegalTransition("ticket", ticket.id, ticket.status, status, possible)
    ticket.status = status.value
    ticket.updated_at = at
    if status is TicketStatus.RESOLVED:
        ticket.resolved_at = at
    elif status is TicketStatus.IN_PROGRESS:
        ticket.resolved_at = None
    if status in ENDED:
        ticket.open_key = None
    _log(ticket, status, reason, actor, at)


def _log(ticket: TicketRow, status: TicketStatus, reason: str, actor: str, at: datetime) -> None:
    """Numbered, because two steps may be taken at one instant."""
    number = f"{ticket.id}.s{len(ticket.changes):04d}"
    ticket.changes.append(TicketChangeRow(id=number, at=at, status=status.value, reason=reason, actor=actor))


def _note(ticket: TicketRow, author: str, text: str, at: datetime) -> None:
    ticket.notes.append(TicketNoteRow(id=f"{ticket.id}.n{len(ticket.notes):04d}", at=at, author=author, text=text))


def _window_passed(ticket: TicketRow, window: timedelta, at: datetime) -> bool:
    return ticket.status == TicketStatus.RESOLVED and ticket.resolved_at is not None and ticket.resolved_at + window <= at


def _held_by(session: Session, key: str) -> TicketRow | None:
    statement = select(TicketRow).where(TicketRow.open_key == key).with_for_update().execution_options(populate_existing=True)
    return session.scalars(statement).one_or_none()


def _locked(session: Session, ticket_id: str) -> TicketRow:
    statement = select(TicketRow).where(TicketRow.id == ticket_id).with_for_update()
    ticket = session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    if ticket is None:
        raise UnknownTicket(ticket_id)
    return ticket
