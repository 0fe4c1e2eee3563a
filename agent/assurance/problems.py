"""Problems: one per root cause, from its first alarm to its repair, with the services that it hits.

Every run judges all open alarms anew, so that a late alarm changes the answer and the order of arrival does not. What has been told
to a customer is not taken back: a problem whose root turns out to be another problem's symptom keeps its tickets, is marked as
superseded, ends with the other one, and its customers are not told twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.assurance.alarms import PENDING, UNREACHABLE, Board, Judgement, judge, reference_of
from agent.assurance.correlation import ELEMENT, LINK, PORT, Standing, Verdict, at_worst, correlate
from agent.assurance.events import PROBLEM_CREATED, PROBLEM_STATE, tell_problem
from agent.assurance.health import attribute, troubled
from agent.assurance.impact import ports_over, services_on
from agent.assurance.reporting import Reporter, told_already
from agent.assurance.tables import AlarmRow, ProblemRow
from agent.assurance.watchlist import Watchlist
from policies.values import Severity, new_id

OPEN, RESOLVED = "open", "resolved"
CLASSES = {LINK: "linkDown", PORT: "portDown", ELEMENT: "elementUnreachable"}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a decision may wait for better knowledge."""

    hold: timedelta
    """For silence, from its first sign."""
    recheck: timedelta
    """For symptoms whose root has gone: two polls."""


class Correlator:
    """One run over all open alarms, in the caller's transaction."""

    def __init__(self, session: Session, watchlist: Watchlist, reporter: Reporter, patience: Patience, at: datetime) -> None:
        self._session, self._topology, self._network = session, watchlist.topology, watchlist.network
        self._reporter, self._patience, self._at = reporter, patience, at

    def run(self, board: Board, suspects: frozenset[str]) -> None:
        """`suspects`: elements that have begun to fail but are not called silent yet."""
        alarms = board.alarms
        problems = {row.key: row for row in self._session.scalars(select(ProblemRow).where(ProblemRow.state == OPEN))}
        if not alarms and not problems:
            return
        self._recheck_orphans(alarms, problems.values())
        verdicts = correlate(self._network, board.failures)
        worst = correlate(self._network, at_worst(self._network, board.failures, suspects)) if suspects else verdicts
        decided = [
            (alarm, verdicts[_key(alarm)])
            for alarm in alarms
            if not self._must_wait(alarm, verdicts[_key(alarm)], worst[_key(alarm)])
        ]
        for alarm, verdict in decided:
            if verdict.standing is Standing.ROOT:
                self._root(alarm, verdict, problems)
        for alarm, verdict in decided:
            if verdict.standing is Standing.SYMPTOM:
                self._symptom(alarm, verdict, problems)
        mine: dict[str | None, list[AlarmRow]] = {}
        for alarm in alarms:
            mine.setdefault(alarm.problem_id, []).append(alarm)
        for problem in sorted(problems.values(), key=lambda each: "superseded_by" in each.evidence):
            self._follow_up(problem, mine.get(problem.id, ()), problems)

    def _must_wait(self, alarm: AlarmRow, verdict: Verdict, worst: Verdict) -> bool:
        """Silence waits for its hold; a cut waits where the element behind it has just begun to fail and may be the cause."""
        if alarm.standing != PENDING:
            return False
        until = alarm.why.get("hold_until")
        if until is not None and datetime.fromisoformat(until) > self._at:
            return True
        if verdict.standing is Standing.SYMPTOM or self._at >= alarm.last_at + self._patience.hold:
            return False
        return worst.standing is Standing.SYMPTOM

    def _recheck_orphans(self, alarms: Sequence[AlarmRow], problems: Iterable[ProblemRow]) -> None:
        """Symptoms whose root is gone get two polls to recover before they are judged for themselves."""
        rooted = {alarm.problem_id for alarm in alarms if alarm.standing == Standing.ROOT.value}
        orphaned = {problem.id for problem in problems if "superseded_by" not in problem.evidence} - rooted
        until = (self._at + self._patience.recheck).isoformat()
        for alarm in alarms:
            if alarm.standing == Standing.SYMPTOM.value and alarm.problem_id in orphaned:
                why = {**alarm.why, "rule": "its root is gone; it has two polls to recover", "hold_until": until}
                judge(self._session, alarm, Judgement(PENDING, alarm.problem_id, why), self._at)

    def _root(self, alarm: AlarmRow, verdict: Verdict, problems: dict[str, ProblemRow]) -> None:
        root = verdict.roots[0]
        problem = self._problem(root, alarm, problems)
        why = {"rule": verdict.rule, "root": root, "observed": alarm.text}
        judge(self._session, alarm, Judgement(Standing.ROOT.value, problem.id, why), self._at)

    def _symptom(self, alarm: AlarmRow, verdict: Verdict, problems: dict[str, ProblemRow]) -> None:
        """It belongs to the first of its roots that is decided; until one is, it waits."""
        homes = [problems[key] for root in verdict.roots if (key := problem_key(root)) in problems]
        if not homes:
            return
        why = {"rule": verdict.rule, "roots": list(verdict.roots), "ticket": f"none of its own: see problem {homes[0].id}"}
        before = alarm.problem_id if alarm.standing == Standing.ROOT.value else None
        judge(self._session, alarm, Judgement(Standing.SYMPTOM.value, homes[0].id, why), self._at)
        for problem in problems.values():
            if problem.id == before and problem is not homes[0]:
                problem.evidence = problem.evidence | {"superseded_by": homes[0].id}

    def _problem(self, root: str, alarm: AlarmRow, problems: dict[str, ProblemRow]) -> ProblemRow:
        key = problem_key(root)
        if key in problems:
            problem = problems[key]
            problem.opened_at = min(problem.opened_at, alarm.raised_at)
            if "superseded_by" in problem.evidence:
                problem.evidence = {name: value for name, value in problem.evidence.items() if name != "superseded_by"}
            if alarm.id not in problem.evidence["alarms"]:
                problem.evidence = problem.evidence | {"alarms": [*problem.evidence["alarms"], alarm.id]}
            return problem
        kind = root.partition(":")[0]
        problem = ProblemRow(
            id=new_id("prb", self._at),
            key=key,
            problem_class=CLASSES[kind],
            root_object=root,
            state=OPEN,
            opened_at=alarm.raised_at,
            resolved_at=None,
            evidence={"alarms": [alarm.id], "services": []},
        )
        self._session.add(problem)
        self._session.flush()
        tell_problem(self._session, problem, PROBLEM_CREATED, self._at)
        problems[key] = problem
        return problem

    def _follow_up(self, problem: ProblemRow, alarms: Sequence[AlarmRow], problems: dict[str, ProblemRow]) -> None:
        other = problem.evidence.get("superseded_by")
        if alarms:
            self._widen(problem, alarms, problems)
        elif other is None or all(each.id != other or each.state == RESOLVED for each in problems.values()):
            self._resolve(problem)

    def _widen(self, problem: ProblemRow, alarms: Sequence[AlarmRow], problems: dict[str, ProblemRow]) -> None:
        """Find out whom it hits, and tell those who are new."""
        failing = (ports_over(self._topology, root) for root in (problem.root_object, *map(_key, alarms)))
        hit = set(troubled(self._session, services_on(self._session, self._topology, frozenset().union(*failing))))
        known = set(problem.evidence["services"])
        if hit:
            attribute(self._session, hit, problem.id)
        if hit <= known:
            return
        problem.evidence = problem.evidence | {"services": sorted(known | hit)}
        self._session.flush()
        severity = min((Severity(alarm.severity) for alarm in alarms), key=lambda each: each.rank)
        superseded = [each.id for each in problems.values() if each.evidence.get("superseded_by") == problem.id]
        self._reporter.report(self._session, problem, severity, self._at, told=told_already(self._session, superseded))
        tell_problem(self._session, problem, PROBLEM_STATE, self._at)

    def _resolve(self, problem: ProblemRow) -> None:
        statement = select(AlarmRow.cleared_at).where(AlarmRow.problem_id == problem.id, AlarmRow.cleared_at.is_not(None))
        cleared = [at for at in self._session.scalars(statement) if at is not None]
        problem.state, problem.resolved_at = RESOLVED, max(cleared, default=self._at)
        self._session.flush()
        self._reporter.recovered(self._session, problem, self._at)
        tell_problem(self._session, problem, PROBLEM_STATE, self._at)


def problem_key(root: str) -> str:
    return f"{root}|{CLASSES[root.partition(':')[0]]}"


def _key(alarm: AlarmRow) -> str:
    """As correlation names it."""
    return f"{ELEMENT if alarm.cause == UNREACHABLE else PORT}:{reference_of(alarm)}"
