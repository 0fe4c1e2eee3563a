"""What objectives are judged by, of many services at once: trouble, minutes of indicators, and what a contract does not count.

Judging a period, watching a budget, printing a report and making a ticket due all read the same account, so that they cannot come
to different numbers.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from agent.assurance.levels.impact import DOWN, UNKNOWN
from agent.assurance.tables import IndicatorSpanRow, ServiceStateRow
from crm_bridge.exclusions import exclusions
from crm_bridge.excuses import Excuses, excuses
from crm_bridge.maintenance import for_contracts
from crm_bridge.promises import Promise
from crm_bridge.tables import ExclusionRow
from inventory.maintenance import Window, over
from policies.breach import Health
from policies.intervals import common
from policies.values import Interval, merge, subtract
from policies.verdicts import Case, Facts, Minutes, chronic_outages

_BATCH = 500
"""Services asked for at once: databases bound the parameters of a statement."""


@dataclass(frozen=True, slots=True)
class Spell:
    """One state of a service, clipped to what was asked for."""

    id: str
    state: str
    span: Interval
    earliest: datetime
    """With `latest` the bounds of its beginning."""
    latest: datetime
    reason: str
    evidence: Mapping[str, Any]
    open: bool
    """It goes on."""


@dataclass(slots=True)
class Account:
    promise: Promise
    span: Interval
    """What it tells of; of a period that goes on, up to now."""
    spells: tuple[Spell, ...] = ()
    indicators: Mapping[str, tuple[tuple[Interval, bool], ...]] = field(default_factory=dict)
    """Metric → minutes in a row, and whether they were good."""
    windows: Sequence[Window] = ()
    exclusions: Sequence[ExclusionRow] = ()
    _excuses: dict[Interval, Excuses] = field(default_factory=dict)

    @property
    def down(self) -> list[Interval]:
        return self._in(DOWN)

    @property
    def unknown(self) -> list[Interval]:
        return self._in(UNKNOWN)

    @property
    def is_down(self) -> bool:
        return any(spell.open and spell.state == DOWN for spell in self.spells)

    def excuses(self, period: Interval) -> Excuses:
        """`period` may end after `span`: what is announced for the rest of it counts, too."""
        known = self._excuses.get(period)
        if known is None:
            found = excuses(self.promise.sla, period, self.windows, self.exclusions, self._absent(period))
            known = self._excuses[period] = found
        return known

    def agreed(self, period: Interval) -> list[Interval]:
        return self.promise.sla.agreed(period, self.excuses(period).spans)

    def minutes(self, metric: str, within: Interval) -> Minutes:
        """What no measurement covers is unknown, as far as the account reaches."""
        known = self.indicators.get(metric, ())
        seen = within.intersect(self.span)
        dark = subtract([seen] if seen else [], (span for span, _ in known))
        return Minutes(tuple(span for span, good in known if not good), tuple(dark))

    def facts(self, period: Interval, cases: Mapping[str, Sequence[Case]]) -> Facts:
        sla = self.promise.sla
        return Facts(
            down=self.down,
            unknown=self.unknown,
            excluded=self.excuses(period).spans,
            indicators={each.metric: self.minutes(each.metric, period) for each in sla.indicators},
            cases=cases,
            counted_outages=self._chronic(period),
        )

    def facts_until(self, period: Interval, until: datetime, cases: Mapping[str, Sequence[Case]]) -> Facts:
        """Of a period that goes on: what is to come is neither good nor bad yet."""
        facts = self.facts(period, cases)
        ahead = Interval(min(max(until, period.start), period.end), period.end)
        return replace(facts, excluded=merge([*facts.excluded, ahead]))

    def health(self, period: Interval, at: datetime) -> Health:
        """Of availability, as time to breach is reckoned from it.

        Before the period, maintenance counts as if every allowance had sufficed: only rates look so far back.
        """
        excluded = [*self.excuses(period).spans, *self._excluded_before(period)]
        return Health(at, self.is_down, tuple(self.down), tuple(self.unknown), tuple(merge(excluded)))

    def indicator_health(self, metric: str, health: Health, *, fresh: timedelta) -> Health:
        """Of a measured indicator: down is bad. `health`: that of availability, for what is excluded."""
        minutes = self.minutes(metric, self.span)
        bad_now = bool(minutes.bad) and minutes.bad[-1].end >= health.now - fresh
        return Health(health.now, bad_now, tuple(minutes.bad), tuple(minutes.unknown), health.excluded)

    def _excluded_before(self, period: Interval) -> list[Interval]:
        if self.span.start >= period.start:
            return []
        before, terms = Interval(self.span.start, period.start), self.promise.sla.maintenance
        admitted = (each.window for each in for_contracts(self.windows) if terms.allowance and not each.refusal(terms))
        excused = (Interval(row.start, row.end) for row in self.exclusions)
        return [*self._absent(before), *common([before], [*admitted, *excused])]

    def spells_of(self, state: str) -> list[Spell]:
        return [spell for spell in self.spells if spell.state == state]

    def _in(self, state: str) -> list[Interval]:
        return [spell.span for spell in self.spells if spell.state == state]

    def _absent(self, period: Interval) -> list[Interval]:
        """Before the service or the version of its agreement began, after its end, and while it was suspended."""
        service, agreement = self.promise.service, self.promise.agreement
        began = max(service.started_at or period.end, agreement.valid_from)
        end = period.end if service.ended_at is None else service.ended_at
        there = Interval(began, max(began, end)).intersect(period)
        resting = self._rests()
        return merge([*subtract([period], [there] if there else []), *common(resting, [period])])

    def _rests(self) -> list[Interval]:
        """Between states, and after the last one when it has ended."""
        if not self.spells:
            return []
        first = self.spells[0].span.start
        last = self.span.end if self.spells[-1].open else max(self.span.end, self.spells[-1].span.end)
        return subtract([Interval(first, max(first, last))], (spell.span for spell in self.spells))

    def _chronic(self, period: Interval) -> list[Interval]:
        clause = self.promise.sla.chronic
        if clause is None:
            return []
        agreed: list[Interval] = []
        instant = period.end - clause.within
        while instant < period.end:
            each = self.promise.sla.period_at(instant)
            agreed += self.agreed(each)
            instant = each.end
        return chronic_outages(clause, agreed, self.down, period.end)


def accounts(
    session: Session, promises: Mapping[str, Promise], span: Interval, until: datetime | None = None
) -> dict[str, Account]:
    """Of these services (ids) over `span`; maintenance up to `until`, where that is later."""
    whole = Interval(span.start, max(span.end, until or span.end))
    spells = states(session, promises, span)
    measured = _indicators(session, [key for key, promise in promises.items() if promise.sla.indicators], span)
    windows = over(session, promises.keys(), whole)
    excused = exclusions(session, promises.keys(), whole)
    return {
        service_id: Account(
            promise,
            span,
            tuple(spells.get(service_id, ())),
            measured.get(service_id, {}),
            windows.get(service_id, ()),
            excused.get(service_id, ()),
        )
        for service_id, promise in promises.items()
    }


def states(session: Session, services: Collection[str], span: Interval) -> dict[str, list[Spell]]:
    """Service → its states in `span`, in order."""
    found: dict[str, list[Spell]] = defaultdict(list)
    row = ServiceStateRow
    bounds = (row.start, row.end, row.start_earliest, row.start_latest)
    columns = (row.service_id, row.id, row.state, *bounds, row.reason, row.evidence)
    for some in _batches(services):
        inside = (row.service_id.in_(some), row.start < span.end, or_(row.end.is_(None), row.end > span.start))
        for service_id, state_id, state, start, end, earliest, latest, reason, evidence in session.execute(
            select(*columns).where(*inside).order_by(row.service_id, row.start)
        ):
            part = Interval(start, max(start, end or span.end)).intersect(span)
            if part is not None:
                found[service_id].append(Spell(state_id, state, part, earliest, latest, reason, evidence, end is None))
    return dict(found)


def _indicators(
    session: Session, services: Collection[str], span: Interval
) -> dict[str, dict[str, tuple[tuple[Interval, bool], ...]]]:
    found: dict[str, dict[str, list[tuple[Interval, bool]]]] = defaultdict(lambda: defaultdict(list))
    row = IndicatorSpanRow
    for some in _batches(services):
        inside = (row.service_id.in_(some), row.start < span.end, row.end > span.start)
        for service_id, metric, start, end, good in session.execute(
            select(row.service_id, row.metric, row.start, row.end, row.good).where(*inside).order_by(row.start)
        ):
            part = Interval(start, end).intersect(span)
            if part is not None:
                found[service_id][metric].append((part, good))
    return {service_id: {metric: tuple(spans) for metric, spans in kinds.items()} for service_id, kinds in found.items()}


def _batches(services: Collection[str]) -> Iterable[list[str]]:
    wanted = sorted(set(services))
    return (wanted[begin : begin + _BATCH] for begin in range(0, len(wanted), _BATCH))
