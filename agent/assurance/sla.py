"""Objectives over periods that have ended: states become outages, outages become violations and credits, once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from agent.assurance.health import clip, history, rests
from agent.assurance.impact import DOWN, UNKNOWN
from agent.assurance.tables import ObjectiveResultRow, ServiceStateRow
from crm_bridge.agreements import agreement_of
from crm_bridge.book import PolicyBook, agreed_sla
from crm_bridge.once import insert_once
from crm_bridge.tables import AgreementRow, TicketRow
from crm_bridge.violations import AVAILABILITY, Assessment, Outage, assess
from inventory.tables import ServiceRow
from policies.sla import Sla
from policies.values import Interval, derived_id

MAX_PERIODS = 1000
"""Of one service in one run; the rest is judged in the next."""

FORGOTTEN_AFTER = timedelta(days=92)
"""Services that ended longer ago are not looked at again."""


@dataclass(frozen=True, slots=True)
class Judged:
    service_id: str
    period: Interval
    assessment: Assessment


def evaluate(session: Session, book: PolicyBook, at: datetime, *, grace: timedelta = timedelta()) -> list[Judged]:
    """Judge every period that ended before `at - grace` and has not been judged; a second time finds nothing to do.

    `grace` leaves time to learn of what happened in the last seconds of a period.
    """
    return [
        _judge(session, book, service, promise, at=at)
        for service in _services(session, at)
        for promise in _promises(session, book, service, at - grace)
    ]


def outages(session: Session, service_id: str, span: Interval) -> list[Outage]:
    """The service's downtime within `span`, each stretch with what it is known from."""
    return [
        _outage(session, row, part)
        for row in history(session, service_id, span)
        if row.state == DOWN and (part := clip(row, span)) is not None
    ]


@dataclass(frozen=True, slots=True)
class _Promise:
    agreement: AgreementRow
    sla: Sla
    period: Interval


def _judge(session: Session, book: PolicyBook, service: ServiceRow, promise: _Promise, *, at: datetime) -> Judged:
    agreement, period = promise.agreement, promise.period
    down = outages(session, service.id, period)
    rows = history(session, service.id, period)
    unknown = [part for row in rows if row.state == UNKNOWN and (part := clip(row, period)) is not None]
    found = assess(
        session, agreement, service.id, period, down=down, unknown=unknown, at=at, book=book, excluded=rests(rows, period)
    )
    measured = found.availability
    insert_once(
        session,
        ObjectiveResultRow,
        {
            "id": derived_id("obj", service.id, AVAILABILITY, period.start.isoformat()),
            "service_id": service.id,
            "agreement_id": agreement.id,
            "rule": AVAILABILITY,
            "period_start": period.start,
            "period_end": period.end,
            "objective": promise.sla.availability,
            "measured": measured.percent,
            "agreed_s": _seconds(measured.agreed),
            "down_s": _seconds(measured.down),
            "unknown_s": _seconds(measured.unknown),
            "violation_id": None if found.violation is None else found.violation.id,
            "judged_at": at,
        },
    )
    return Judged(service.id, period, found)


def _services(session: Session, at: datetime) -> Sequence[ServiceRow]:
    statement = select(ServiceRow).where(
        ServiceRow.started_at.is_not(None), or_(ServiceRow.ended_at.is_(None), ServiceRow.ended_at > at - FORGOTTEN_AFTER)
    )
    return session.scalars(statement.order_by(ServiceRow.id)).all()


def _promises(session: Session, book: PolicyBook, service: ServiceRow, until: datetime) -> Iterator[_Promise]:
    """From the first that is not judged to the last that has ended, each under the agreement of its beginning."""
    mine = ObjectiveResultRow.service_id == service.id
    cursor = session.scalar(select(func.max(ObjectiveResultRow.period_end)).where(mine)) or service.started_at
    for _ in range(MAX_PERIODS):
        if cursor is None or (service.ended_at is not None and cursor >= service.ended_at):
            return
        try:
            agreement = agreement_of(session, service, cursor)
            sla = agreed_sla(book, agreement)
        except LookupError:
            return  # nothing was promised
        period = sla.period_at(cursor)
        if period.end > until:
            return
        yield _Promise(agreement, sla, period)
        cursor = period.end


def _outage(session: Session, row: ServiceStateRow, span: Interval) -> Outage:
    problems = row.evidence.get("problems", [])
    tickets = session.scalars(select(TicketRow.id).where(TicketRow.problem_id.in_(problems)).order_by(TicketRow.id))
    return Outage(
        span,
        problem_id=problems[-1] if problems else None,
        alarm_ids=tuple(row.evidence.get("alarms", ())),
        observation_ids=tuple(row.evidence.get("observations", ())),
        ticket_ids=tuple(tickets),
    )


def _seconds(span: timedelta) -> Decimal:
    return Decimal(span // timedelta(microseconds=1)).scaleb(-6)
