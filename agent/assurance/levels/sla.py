"""Objectives over periods that have ended: what was known becomes verdicts, violations and credits, once."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from agent.assurance.levels.accounts import Account, Spell, accounts
from agent.assurance.levels.impact import DOWN
from agent.assurance.tables import ObjectiveResultRow
from crm_bridge.book import PolicyBook
from crm_bridge.once import insert_all_once
from crm_bridge.promises import Promise, Promises
from crm_bridge.tables import TicketRow, TicketServiceRow
from crm_bridge.violations import Assessment, Outage, Settling, settle
from inventory.tables import ServiceRow
from policies.intervals import common
from policies.values import Interval, derived_id
from policies.verdicts import AVAILABILITY, CHRONIC, Case, Verdict, verdicts

MAX_PERIODS = 1000
"""Of one service in one run; the rest is judged in the next."""

FORGOTTEN_AFTER = timedelta(days=92)
"""Services that ended longer ago are not looked at again."""

LOOK_ANEW = timedelta(hours=1)
"""How long it is believed when a service's period ends: an agreement may get a new version."""

_BATCH = 500
_NEVER = datetime.max.replace(tzinfo=UTC)

CasesOf = Callable[[Session, Promise, Interval], Mapping[str, Sequence[Case]]]
"""The cases of one service that were due in a period, by rule."""


@dataclass(frozen=True, slots=True)
class Judged:
    service_id: str
    period: Interval
    assessment: Assessment


def no_cases(_session: Session, _promise: Promise, _period: Interval) -> Mapping[str, Sequence[Case]]:
    return {}


class Judge:
    """Keeps in mind when the next period of each service ends, so that most runs ask the database one question."""

    def __init__(self, book: PolicyBook, cases_of: CasesOf = no_cases) -> None:
        self._book, self._cases_of = book, cases_of
        self._promises = Promises(book)
        self._ends: dict[str, datetime] = {}
        """Service → end of the period that is to be judged next."""
        self._known: datetime | None = None

    def run(self, session: Session, at: datetime, *, grace: timedelta = timedelta(), limit: int | None = None) -> list[Judged]:
        """Judge every period that ended before `at - grace` and has not been judged; a second time finds nothing to do.

        `grace` leaves time to learn of what happened in the last seconds of a period. `limit`: when so
        much was judged, leave the rest to another run, in another transaction.
        """
        if self._known is None or at - self._known >= LOOK_ANEW or at < self._known:
            self._ends, self._known = {}, at
        until = at - grace
        wanted = [service_id for service_id in _services(session, at) if self._ends.get(service_id, until) <= until]
        judged: list[Judged] = []
        for some in _batches(wanted):
            judged += self._catch_up(session, some, until, at)
            if limit is not None and len(judged) >= limit:
                break
        return judged

    def _catch_up(self, session: Session, services: Sequence[str], until: datetime, at: datetime) -> Iterator[Judged]:
        """From the first period that is not judged to the last that has ended, each under the agreement of its beginning."""
        rows = {row.id: row for row in session.scalars(select(ServiceRow).where(ServiceRow.id.in_(services)))}
        judged = _cursors(session, services)
        begun = {service_id: judged.get(service_id, row.started_at) for service_id, row in rows.items()}
        cursors = {service_id: cursor for service_id, cursor in begun.items() if cursor is not None}
        for _ in range(MAX_PERIODS):
            due = self._due(session, rows, cursors, until)
            if not due:
                return
            for period, promises in due.items():
                yield from self._judge_all(session, rows, promises, period, at=at)
            cursors = {service_id: period.end for period, promises in due.items() for service_id in promises}

    def _due(
        self, session: Session, rows: Mapping[str, ServiceRow], cursors: Mapping[str, datetime], until: datetime
    ) -> dict[Interval, dict[str, Promise]]:
        """Period that has ended → the services whose next one it is; of the others it is noted when theirs ends."""
        gone = {key for key, cursor in cursors.items() if (end := rows[key].ended_at) is not None and cursor >= end}
        self._ends.update(dict.fromkeys(gone, _NEVER))
        left = {key: cursor for key, cursor in cursors.items() if key not in gone}
        promises = self._promises.at(session, left)
        self._ends.update(dict.fromkeys(left.keys() - promises.keys(), until + LOOK_ANEW))  # nothing was promised
        due: dict[Interval, dict[str, Promise]] = defaultdict(dict)
        for key, promise in promises.items():
            period = promise.sla.period_at(left[key])
            if period.end > until:
                self._ends[key] = period.end
            else:
                due[period][key] = promise
        return due

    def _judge_all(
        self,
        session: Session,
        rows: Mapping[str, ServiceRow],
        promises: Mapping[str, Promise],
        period: Interval,
        *,
        at: datetime,
    ) -> Iterator[Judged]:
        begin = min(period.end - (each.sla.chronic.within if each.sla.chronic else period.duration) for each in promises.values())
        known = accounts(session, promises, Interval(min(begin, period.start), period.end))
        kept: list[dict[str, Any]] = []
        for key, account in known.items():
            yield from self._judge(session, rows[key], account, period, kept=kept, at=at)
        insert_all_once(session, ObjectiveResultRow, kept)

    def _judge(
        self,
        session: Session,
        service: ServiceRow,
        account: Account,
        period: Interval,
        *,
        kept: list[dict[str, Any]],
        at: datetime,
    ) -> Iterator[Judged]:
        promise = account.promise
        cases = self._cases_of(session, promise, period) if promise.sla.cases else {}
        case = Settling(promise.agreement, service, promise.sla, period, account.excuses(period))
        outages: list[Outage] | None = None
        for verdict in verdicts(promise.sla, period, account.facts(period, cases)):
            counted: Sequence[Outage] = ()
            if not verdict.kept:
                outages = outages_of(session, service.id, account.spells_of(DOWN)) if outages is None else outages
                counted = _counted(verdict, account, period, outages)
            evidence = _evidence(verdict, account, period, cases)
            found = settle(session, case, verdict, outages=counted, evidence=evidence, at=at, book=self._book)
            kept.append(_result(case, found, at))
            yield Judged(service.id, period, found)


def judged_until(session: Session, service_id: str) -> datetime | None:
    """End of its last period that was judged."""
    return _cursors(session, [service_id]).get(service_id)


def outages_of(session: Session, service_id: str, spells: Sequence[Spell]) -> list[Outage]:
    """Stretches of downtime, each with what it is known from; of the tickets those that name the service."""
    problems = {problem for spell in spells for problem in spell.evidence.get("problems", [])}
    tickets: dict[str, list[str]] = defaultdict(list)
    if problems:
        own = (TicketServiceRow.service_id == service_id, TicketRow.problem_id.in_(problems))
        statement = select(TicketRow.problem_id, TicketRow.id).join(TicketServiceRow).where(*own).order_by(TicketRow.id)
        for problem, ticket in session.execute(statement):
            tickets[str(problem)].append(ticket)
    return [_outage(spell, tickets) for spell in spells]


def _outage(spell: Spell, tickets: Mapping[str, Sequence[str]]) -> Outage:
    problems = spell.evidence.get("problems", [])
    return Outage(
        spell.span,
        problem_id=problems[-1] if problems else None,
        alarm_ids=tuple(spell.evidence.get("alarms", ())),
        observation_ids=tuple(spell.evidence.get("observations", ())),
        ticket_ids=tuple(ticket for problem in problems for ticket in tickets.get(problem, ())),
    )


def _counted(verdict: Verdict, account: Account, period: Interval, outages: Sequence[Outage]) -> list[Outage]:
    """The outages behind a verdict: of availability those within agreed time, of the chronic clause those that it counts."""
    if verdict.rule == CHRONIC:
        return [each for each in outages if common([each.span], verdict.outages)]
    if verdict.rule != AVAILABILITY:
        return []
    agreed = account.agreed(period)
    within = ((each, each.span.intersect(period)) for each in outages)
    return [_clipped(each, part) for each, part in within if part is not None and common([part], agreed)]


def _clipped(outage: Outage, part: Interval) -> Outage:
    return Outage(part, outage.problem_id, outage.alarm_ids, outage.observation_ids, outage.ticket_ids)


def _evidence(verdict: Verdict, account: Account, period: Interval, cases: Mapping[str, Sequence[Case]]) -> dict[str, Any]:
    goal = account.promise.sla.indicator(verdict.rule)
    if goal is not None:
        bad = common(account.minutes(goal.metric, period).bad, account.agreed(period))
        return {"promised": str(goal), "bad": [{"start": each.start.isoformat(), "end": each.end.isoformat()} for each in bad]}
    late = [each for each in cases.get(verdict.rule, ()) if not each.in_time]
    return {"late": [{"id": each.id, "due": each.due.isoformat()} for each in late]} if verdict.cases else {}


def _result(case: Settling, found: Assessment, at: datetime) -> dict[str, Any]:
    verdict, time = found.verdict, found.verdict.time
    return {
        "id": derived_id("obj", case.service.id, verdict.rule, case.period.start.isoformat()),
        "service_id": case.service.id,
        "agreement_id": case.agreement.id,
        "rule": verdict.rule,
        "period_start": case.period.start,
        "period_end": case.period.end,
        "objective": verdict.objective,
        "measured": verdict.measured,
        "agreed_s": _seconds(time.agreed if time else timedelta()),
        "down_s": _seconds(time.down if time else timedelta()),
        "unknown_s": _seconds(time.unknown if time else timedelta()),
        "violation_id": None if found.violation is None else found.violation.id,
        "judged_at": at,
        "detail": {
            "unknown_counts_as": case.sla.unknown,
            "said": verdict.reason,
            **({"in_time": verdict.in_time, "cases": verdict.cases} if verdict.cases else {}),
            **case.excuses.as_evidence(),
        },
    }


def _services(session: Session, at: datetime) -> list[str]:
    statement = select(ServiceRow.id).where(
        ServiceRow.started_at.is_not(None), or_(ServiceRow.ended_at.is_(None), ServiceRow.ended_at > at - FORGOTTEN_AFTER)
    )
    return list(session.scalars(statement.order_by(ServiceRow.id)))


def _cursors(session: Session, services: Sequence[str]) -> dict[str, datetime]:
    """Service → up to when its periods are judged."""
    mine = ObjectiveResultRow.service_id.in_(services)
    last = select(ObjectiveResultRow.service_id, func.max(ObjectiveResultRow.period_end)).where(mine)
    return dict(session.execute(last.group_by(ObjectiveResultRow.service_id)).all())


def _batches(services: Sequence[str]) -> Iterator[Sequence[str]]:
    """Databases bound the parameters of a statement."""
    return (services[begin : begin + _BATCH] for begin in range(0, len(services), _BATCH))


def _seconds(span: timedelta) -> Decimal:
    return Decimal(span // timedelta(microseconds=1)).scaleb(-6)
