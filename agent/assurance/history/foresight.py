"""What the history says of the future, looked at every five minutes: warnings before a service is hit.

Thresholds and what is unusual are judged by points of five minutes, trends once an hour by points of an hour. What is usual is
learnt anew once a day, of a bounded number of series in each turn. A series of which nothing was measured for a day keeps no
warning.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter

import numpy as np
import structlog
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from agent.assurance.alarms import conditions
from agent.assurance.alarms.alarm import OF_SERVICE
from agent.assurance.collection.tracks import DIRECTIONS
from agent.assurance.findings import AlarmType, Finding, Meaning, Source, Transition, instant_of
from agent.assurance.history.feed import PORT
from agent.assurance.history.points import Resolution, Stretch
from agent.assurance.history.poolwatch import PREFIX as POOL
from agent.assurance.history.store import read_all, series_of
from agent.assurance.tables import AlarmRow, ObservationRow
from agent.metrics import Family, Sample
from inventory.db import Database
from policies.detection.baseline import Baseline, learn
from policies.detection.judgement import Judgement, judge
from policies.detection.rules import Rule
from policies.detection.series import Series
from policies.values import Interval

log = structlog.get_logger(__name__)

FORESEEN, FORESEEN_NO_MORE, PROBABLE_CAUSE = "foreseen", "foreseenNoMore", "thresholdCrossed"
POLLED = sorted({name for directions in DIRECTIONS.values() for name, _ in directions})
"""Qualifiers of polling's own warnings of thresholds."""
LEARNT_AT_ONCE = 1000
"""Series whose baseline is learnt in one turn, at some 5 ms each: 10,000 within an hour, and 288,000 can be renewed once a day."""
LEARN_EVERY, TREND_EVERY = timedelta(days=1), timedelta(hours=1)
GONE_AFTER = timedelta(days=1)
SUBJECTS = 250
"""Series read at once."""
FIVE = timedelta(minutes=5)

OTHERS = (POOL, OF_SERVICE)
"""What has alarms of its own, beside ports: how their subjects begin."""

_Named = tuple[str, str]
"""Subject, and name of the rule."""
_Lesson = tuple[str, str, int]
"""Subject, metric, and how many days of it."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """A warning that stands, and what is to be said of it now."""

    alarm: AlarmRow
    rule: Rule
    subject: str
    text: str
    """Of now where that can be said, as it was raised otherwise."""
    value: float | None
    """As last measured; None when that is more than a day ago."""
    expected: datetime | None
    """When it will be at its limit, for a trend."""
    earliest: datetime | None
    latest: datetime | None
    """None for never, where `expected` is known."""


@dataclass(slots=True)
class _Learnt:
    at: datetime
    baseline: Baseline | None


class Foresight:
    """One per process; called by one thread at a time. Baselines are in memory, and learnt again after a start."""

    def __init__(self, database: Database, rules: Sequence[Rule], *, learnt_at_once: int = LEARNT_AT_ONCE) -> None:
        self._database, self._rules, self._at_once = database, tuple(rules), learnt_at_once
        self._learnt: dict[_Lesson, _Learnt] = {}
        self._unlearnt = 0
        self._trends_at: datetime | None = None
        self._looked = False

    def look(self, at: datetime) -> list[Finding]:
        """One turn; what was found is raised or cleared already. Write the history first: what is not written is not seen."""
        end = instant_of(int(at.timestamp()) // Resolution.FIVE_MINUTES * Resolution.FIVE_MINUTES)
        trends = self._trends_at is None or not timedelta() <= end - self._trends_at < TREND_EVERY
        with self._database.read_at_length() as session:
            standing = self._standing(session)
            found = list(self._orphans(session, end))
            subjects = {metric: _subjects(session, metric) for metric in sorted({rule.metric for rule in self._rules})}
            self._learn(session, subjects, end)
            for rule in self._rules:
                if trends or rule.trend is None:
                    here = {subject for subject, name in standing if name == rule.name}
                    found += self._of_rule(session, rule, subjects[rule.metric], end, here)
        if found:
            with self._database.write() as session:
                conditions.take(session, found, at)
        self._looked, self._trends_at = True, end if trends else self._trends_at
        for finding in found:
            log.info("foreseen", element=finding.element, object=finding.object, text=finding.detail["text"])
        return found

    def _orphans(self, session: Session, end: datetime) -> Iterator[Finding]:
        """Warnings of rules that were in force when an earlier process looked, and are not now."""
        if self._looked:
            return
        told = exists().where(
            ObservationRow.element == AlarmRow.element, ObservationRow.object == AlarmRow.object, ObservationRow.finding == FORESEEN
        )
        rows = session.scalars(
            select(AlarmRow).where(
                AlarmRow.cleared_at.is_(None),
                AlarmRow.source == "",
                AlarmRow.probable_cause == PROBABLE_CAUSE,
                AlarmRow.qualifier.not_in([*(rule.name for rule in self._rules), *POLLED]),
                told,
            )
        )
        for alarm in rows.all():
            where = f"{alarm.element}/{alarm.object}" if alarm.object else alarm.element
            meaning = Meaning(alarm.cause, raises=False, qualifier=alarm.qualifier, type=AlarmType.QUALITY)
            text = f"{where}: the rule {alarm.qualifier} is not in force any more"
            yield Finding(
                FORESEEN_NO_MORE, alarm.element, alarm.object, Transition.at(end), Source.BOOKS, {"text": text}, meaning=meaning
            )

    def _standing(self, session: Session) -> set[_Named]:
        return {(subject_of(alarm), alarm.qualifier) for alarm in standing(session, self._rules)}

    def families(self) -> Iterator[Family]:
        """For `/metrics`."""
        text = "Series of which it is not known yet, or not any more, what is usual."
        yield Family("fabd_foresight_unlearnt_series", "gauge", text, [Sample({}, self._unlearnt)])

    def _of_rule(
        self, session: Session, rule: Rule, subjects: Sequence[str], end: datetime, standing: set[str]
    ) -> Iterator[Finding]:
        for some in _batches(subjects):
            for subject, series in _recent(session, rule, some, end).items():
                found = judge(rule, series, self._baseline(rule, subject), standing=subject in standing)
                if not series.known.any():
                    if subject in standing:
                        yield _finding(rule, subject, Judgement(False), end)
                elif found.raised is not None and found.raised != (subject in standing):
                    yield _finding(rule, subject, found, end)

    def _baseline(self, rule: Rule, subject: str) -> Baseline | None:
        learnt = None if rule.unusual is None else self._learnt.get((subject, rule.metric, rule.unusual.history_days))
        return learnt.baseline if learnt else None

    def _learn(self, session: Session, subjects: Mapping[str, Sequence[str]], end: datetime) -> None:
        """A bounded number in each turn, of all rules together: what is not known first, then the oldest knowledge."""
        asked = {(rule.metric, rule.unusual.history_days) for rule in self._rules if rule.unusual is not None}
        wanted = {(subject, metric, days) for metric, days in asked for subject in subjects[metric]}
        self._learnt = {lesson: learnt for lesson, learnt in self._learnt.items() if lesson in wanted}
        due = sorted((self._age(lesson), lesson) for lesson in wanted if self._is_due(lesson, end))
        for _, group in groupby(sorted((lesson[1:], lesson[0]) for _, lesson in due[: self._at_once]), itemgetter(0)):
            taken = list(group)
            (metric, days), names = taken[0][0], [subject for _, subject in taken]
            for some in _batches(names):
                span = Interval(end - timedelta(days=days), end)
                for subject, stretch in read_all(session, metric, span, Resolution.FIVE_MINUTES, subjects=some).items():
                    self._learnt[subject, metric, days] = _Learnt(end, learn(_since_known(_series(stretch))))
        self._unlearnt = len(wanted) - len(self._learnt)

    def _age(self, lesson: _Lesson) -> float:
        learnt = self._learnt.get(lesson)
        return learnt.at.timestamp() if learnt else 0.0

    def _is_due(self, lesson: _Lesson, end: datetime) -> bool:
        learnt = self._learnt.get(lesson)
        return learnt is None or not timedelta() <= end - learnt.at < LEARN_EVERY


def standing(session: Session, rules: Sequence[Rule]) -> list[AlarmRow]:
    """Warnings, the latest first."""
    names = [rule.name for rule in rules]
    rows = session.scalars(
        select(AlarmRow)
        .where(AlarmRow.cleared_at.is_(None), AlarmRow.qualifier.in_(names), AlarmRow.source == "")
        .order_by(AlarmRow.raised_at.desc(), AlarmRow.id)
    )
    causes = {rule.name: rule.cause for rule in rules}
    return [row for row in rows if row.cause == causes[row.qualifier]]


def outlook(session: Session, rules: Sequence[Rule], at: datetime) -> list[Outlook]:
    """What is foreseen, as it looks now."""
    known = {rule.name: rule for rule in rules}
    return [_outlook(session, known[alarm.qualifier], alarm, at) for alarm in standing(session, rules)]


def _outlook(session: Session, rule: Rule, alarm: AlarmRow, at: datetime) -> Outlook:
    subject = subject_of(alarm)
    series = _recent(session, rule, [subject], at).get(subject)
    found = Judgement(None) if series is None else judge(rule, series, standing=True)
    way = found.forecast
    where = f"{alarm.element}/{alarm.object}" if alarm.object else alarm.element
    value = None if series is None or not series.known.any() else float(series.values[series.known][-1])
    return Outlook(
        alarm,
        rule,
        subject,
        f"{where}: {found.text}" if found.raised and found.text else alarm.text,
        value,
        None if way is None else instant_of(way.likely),
        None if way is None else instant_of(way.earliest),
        None if way is None or way.latest is None else instant_of(way.latest),
    )


def subject_of(alarm: AlarmRow) -> str:
    """Whose series the warning is about."""
    return alarm.element if alarm.element.startswith(OTHERS) else f"{PORT}{alarm.element}/{alarm.object}"


def _subjects(session: Session, metric: str) -> list[str]:
    return [key.subject for key in series_of(session, metric=metric) if key.subject.startswith((PORT, *OTHERS))]


def _batches(subjects: Sequence[str]) -> Iterator[Sequence[str]]:
    yield from (subjects[first : first + SUBJECTS] for first in range(0, len(subjects), SUBJECTS))


def _recent(session: Session, rule: Rule, subjects: Sequence[str], end: datetime) -> Mapping[str, Series]:
    if rule.trend is not None:
        start, resolution = end - timedelta(days=rule.trend.history_days), Resolution.HOUR
    else:
        start, resolution = end - GONE_AFTER, Resolution.FIVE_MINUTES
    found = read_all(session, rule.metric, Interval(start, end), resolution, subjects=subjects)
    return {subject: _series(stretch) for subject, stretch in found.items()}


def _series(stretch: Stretch) -> Series:
    return Series(stretch.start, stretch.step, np.asarray(stretch.mean))


def _since_known(series: Series) -> Series:
    """What is new has not been measured badly before."""
    known = np.flatnonzero(series.known)
    return series.last((len(series.values) - int(known[0])) * series.step) if len(known) else series


def _finding(rule: Rule, subject: str, found: Judgement, at: datetime) -> Finding:
    """A warning, or its end; it makes no ticket, for no service is hit."""
    element, port = _named(subject)
    meaning = Meaning(
        cause=rule.cause,
        raises=bool(found.raised),
        severity=rule.severity,
        qualifier=rule.name,
        type=AlarmType.QUALITY,
        probable_cause=PROBABLE_CAUSE,
    )
    where = f"{element}/{port}" if port else element
    detail: dict[str, object] = {"text": f"{where}: {found.text or rule.text}", "rule": rule.name, "metric": rule.metric}
    if found.value is not None:
        detail |= {"value": float(f"{found.value:.6g}"), "confidence": found.confidence}
    if found.forecast is not None:
        detail["expected"] = instant_of(found.forecast.likely).isoformat()
    return Finding(
        FORESEEN if found.raised else FORESEEN_NO_MORE,
        element,
        port,
        Transition.at(at),
        Source.BOOKS,
        detail,
        meaning=meaning,
    )


def _named(subject: str) -> tuple[str, str]:
    """Element and port of an alarm; pools and services have alarms of their own."""
    if subject.startswith(OTHERS):
        return subject, ""
    element, _, port = subject.removeprefix(PORT).partition("/")
    return element, port
