"""Budgets of objectives, watched while their periods go on: who burns them, who has spent how much, of whom too little is known.

Nothing is reckoned for services that are well. One is looked at when its states have changed, and otherwise no sooner than anything
that anybody is told could change (`policies.budget.Review.next_look`): ten thousand healthy services cost one query.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from agent.assurance.alarms.alarm import OF_SERVICE
from agent.assurance.alarms.conditions import take
from agent.assurance.findings import AlarmType, Finding, Meaning, Source, Transition
from agent.assurance.levels.accounts import Account, accounts
from agent.assurance.levels.impact import DOWN, UNKNOWN
from agent.assurance.tables import AlarmRow, ServiceStateRow
from crm_bridge.promises import Promise, Promises
from crm_bridge.tickets import Urgency, hasten
from inventory.tables import ServiceRow
from policies.breach import RATE_WINDOWS, repair_due
from policies.budget import LATEST, Goal, Review, review
from policies.burn import MONTH
from policies.sla import Sla
from policies.values import Interval, Severity
from policies.verdicts import AVAILABILITY

BURN, BUDGET, BLIND = "slaBudgetBurn", "slaBudgetSpent", "slaIndicatorBlind"
CAUSES = (BURN, BUDGET, BLIND)
CROSSED = "thresholdCrossed"
LATE = timedelta(hours=1)
"""How long after its end a state may still be corrected."""
MEASURED_EVERY = timedelta(minutes=5)
"""How often services with measured indicators are looked at, for what was not measured leaves no trace."""
FRESH = timedelta(minutes=2)
"""A bad minute that ended longer ago says nothing of now."""

Told = tuple[str, str]
"""Cause and objective of an alarm."""
Trace = frozenset[tuple[datetime, datetime | None]]
"""Beginning and end of troubled states."""


@dataclass(frozen=True, slots=True)
class Word:
    """What an alarm says; the text names nothing that changes by the minute, so that it is said once."""

    text: str
    severity: Severity
    review: Review


@dataclass(frozen=True, slots=True)
class Looked:
    services: int
    """That were reckoned."""
    raised: int
    cleared: int


@dataclass(slots=True)
class _Watched:
    due: datetime
    trace: Trace = frozenset()
    told: dict[Told, str] = field(default_factory=dict)
    """What stands, in its own words."""


class BudgetWatch:
    """Keeps its state in memory; after a failed transaction build a new one, which begins with what the alarms say."""

    def __init__(self, promises: Promises) -> None:
        self._promises = promises
        self._watched: dict[str, _Watched] = {}
        self._since: datetime | None = None
        self._measured_at: datetime | None = None

    def look(self, session: Session, at: datetime) -> Looked:
        """One run, in the caller's transaction."""
        self._note_changes(session, at)
        self._recall(session, at)
        due = [service_id for service_id, known in self._watched.items() if known.due <= at]
        known = self._accounts(session, due, at)
        orphans = [finding for service_id in due if service_id not in known for finding in self._forget(service_id, at)]
        judged = [(account, each) for account in known.values() for each in self._judge(account, at)]
        findings = [*orphans, *(finding for _, (finding, _) in judged)]
        take(session, findings, at)
        for account, (_, pressing) in judged:  # after the turn of writing alarms: all who write both take them in this order
            if pressing is not None:
                _press(session, account.promise, pressing, at)
        self._since = at
        raised = sum(finding.meaning.raises for finding in findings if finding.meaning)
        return Looked(len(due), raised, len(findings) - raised)

    def _note_changes(self, session: Session, at: datetime) -> None:
        for service_id, trace in _traces(session, at - MONTH if self._since is None else self._since - LATE).items():
            known = self._watched.setdefault(service_id, _Watched(at))
            if not trace <= known.trace:
                known.due = at
            known.trace = trace
        if self._measured_at is None or at - self._measured_at >= MEASURED_EVERY:
            self._measured_at = at
            for service_id in self._measured(session, at):
                self._watched.setdefault(service_id, _Watched(at)).due = at

    def _recall(self, session: Session, at: datetime) -> None:
        """What stands, for others clear alarms, too: what still holds is told anew."""
        columns = (AlarmRow.element, AlarmRow.cause, AlarmRow.qualifier, AlarmRow.text)
        standing: dict[str, dict[Told, str]] = defaultdict(dict)
        for name, cause, qualifier, text in session.execute(
            select(*columns).where(AlarmRow.cause.in_(CAUSES), AlarmRow.cleared_at.is_(None))
        ):
            standing[name.removeprefix(OF_SERVICE)][cause, qualifier] = text
        for service_id in standing.keys() - self._watched.keys():
            self._watched[service_id] = _Watched(at)
        for service_id, known in self._watched.items():
            if known.told != (told := standing.get(service_id, {})):
                known.told, known.due = told, at

    def _measured(self, session: Session, at: datetime) -> list[str]:
        active = list(session.scalars(select(ServiceRow.id).where(ServiceRow.state == "active")))
        return [service_id for service_id, promise in self._promises.of(session, active, at).items() if promise.sla.indicators]

    def _accounts(self, session: Session, due: Collection[str], at: datetime) -> dict[str, Account]:
        promises = self._promises.of(session, due, at)
        if not promises:
            return {}
        periods = [promise.sla.period_at(at) for promise in promises.values()]
        longest = max([*RATE_WINDOWS, *(longest_window(promise.sla) for promise in promises.values())])
        since = min([at - longest, *(period.start for period in periods)])
        return accounts(session, promises, Interval(since, at), max(period.end for period in periods))

    def _forget(self, service_id: str, at: datetime) -> Iterator[Finding]:
        """Nothing is promised for it any more, so nothing is to be said."""
        for key in self._watched.pop(service_id).told:
            yield _silence(service_id, key, at)

    def _judge(self, account: Account, at: datetime) -> Iterator[tuple[Finding, Word | None]]:
        """With the word that makes work on its tickets more urgent, if it does."""
        service_id, sla = account.promise.service.id, account.promise.sla
        watched, period = self._watched[service_id], sla.period_at(at)
        reviews = list(reviews_of(account, at))
        words = {key: word for each in reviews for key, word in _words(each, sla)}
        for key, word in words.items():
            if watched.told.get(key) != word.text:
                yield _finding(service_id, key, word, at), None if key[0] == BLIND else word
        for key in watched.told.keys() - words.keys():
            yield _silence(service_id, key, at), None
        watched.told = {key: word.text for key, word in words.items()}
        waits = [each.next_look for each in reviews if each.next_look is not None]
        if waits or words or account.is_down:
            watched.due = min(period.end, at + min(waits, default=LATEST))
        else:
            del self._watched[service_id]


def reviews_of(account: Account, at: datetime) -> Iterator[Review]:
    """Of all objectives over time, availability first."""
    sla = account.promise.sla
    period = sla.period_at(at)
    health = account.health(period, at)
    reach = Interval(min(period.start, at - longest_window(sla)), period.end)
    agreed = sla.agreed(reach, health.excluded)
    yield review(sla, Goal(AVAILABILITY, sla.availability), agreed, health)
    for goal in sla.indicators:
        own = account.indicator_health(goal.metric, health, fresh=FRESH)
        yield review(sla, Goal(goal.rule, goal.of_time), agreed, own)


def longest_window(sla: Sla) -> timedelta:
    """Of the burn rules of all its objectives: which of them can fire depends on how strict each is."""
    objectives = [sla.objective, *(Goal(goal.rule, goal.of_time).objective for goal in sla.indicators)]
    return max((rule.long for objective in objectives for rule in sla.burn_rules(objective)), default=timedelta())


def _words(each: Review, sla: Sla) -> Iterator[tuple[Told, Word]]:
    rule = each.goal.rule
    if each.firing:
        pages = any(burn.rule.action == "page" for burn in each.firing)
        spent = ", ".join(f"{burn.rule.budget.normalize():f} % within {_span(burn.rule.long)}" for burn in each.firing)
        text = f"{rule} of {each.goal.percent.normalize():f} %: its budget goes too fast ({spent}); repair what takes it"
        yield (BURN, rule), Word(text, Severity.CRITICAL if pages else Severity.MAJOR, each)
    if each.guard:
        severity = _GUARDS[each.guard]
        state = "the objective is missed" if each.guard >= _ALL else f"{_span(each.forecast.budget)} were given"
        yield (BUDGET, rule), Word(f"{rule}: {each.guard} % of the period's budget are spent ({state})", severity, each)
    if each.is_blind:
        share = f"{float(sla.burn_rules(each.goal.objective)[0].long.total_seconds() / 60):g} minutes"
        text = f"{rule}: nothing is known of more than a tenth of the last {share}; see why it is not measured"
        yield (BLIND, rule), Word(text, Severity.WARNING, each)


def _finding(service_id: str, key: Told, word: Word, at: datetime) -> Finding:
    cause, rule = key
    view = word.review.forecast
    detail = {
        "text": word.text,
        "service": service_id,
        "objective": rule,
        "budget_s": str(view.budget.total_seconds()),
        "spent_s": str(view.spent.total_seconds()),
        "breach_at": view.breach_at.isoformat() if view.breach_at else None,
        "burn": [{"window": _span(burn.rule.long), "rate": f"{float(burn.long_rate):.3g}"} for burn in word.review.firing],
    }
    meaning = Meaning(cause, raises=True, severity=word.severity, qualifier=rule, type=AlarmType.QUALITY, probable_cause=CROSSED)
    return Finding(cause, f"{OF_SERVICE}{service_id}", "", Transition.at(at), Source.BOOKS, detail, meaning=meaning)


def _silence(service_id: str, key: Told, at: datetime) -> Finding:
    cause, rule = key
    detail = {"service": service_id, "objective": rule}
    meaning = Meaning(cause, raises=False, qualifier=rule)
    return Finding(cause, f"{OF_SERVICE}{service_id}", "", Transition.at(at), Source.BOOKS, detail, meaning=meaning)


def _press(session: Session, promise: Promise, word: Word, at: datetime) -> None:
    """Work on its tickets becomes more urgent."""
    view = word.review.forecast
    pressing = word.severity in {Severity.CRITICAL, Severity.MAJOR}
    due = repair_due(promise.sla, view.breach_at, at)
    hasten(session, promise.service.id, Urgency(view.remaining_share, due, word.text, pressing=pressing), at)


def _traces(session: Session, since: datetime) -> dict[str, Trace]:
    """Service → its troubled states that go on or ended after `since`."""
    row, found = ServiceStateRow, defaultdict[str, set[tuple[datetime, datetime | None]]](set)
    recent = (row.state.in_((DOWN, UNKNOWN)), or_(row.end.is_(None), row.end >= since))
    for service_id, start, end in session.execute(select(row.service_id, row.start, row.end).where(*recent)):
        found[service_id].add((start, end))
    return {service_id: frozenset(trace) for service_id, trace in found.items()}


def _span(span: timedelta) -> str:
    seconds = span.total_seconds()
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{seconds / size:.4g} {unit}{'' if seconds == size else 's'}"
    return f"{seconds:.3g} seconds"


_ALL = 100
_GUARDS: Mapping[int, Severity] = {50: Severity.WARNING, 80: Severity.MINOR, _ALL: Severity.MAJOR}
