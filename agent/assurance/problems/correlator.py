"""Problems: one per root cause, from its first alarm to its repair, with the services that it hits.

Every failure is judged by what stands, not by the order in which it came to be known, and judged anew when something changes that
can matter to it. What has been told to a customer is not taken back: a problem whose root turns out to be another problem's symptom
keeps its tickets, is marked as superseded, ends with the other one, and its customers are not told twice.

While maintenance is announced over a root, or over a service that it hits, the problem is kept and nobody gets a ticket; what is
still wrong when it ends is told then.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from agent.assurance.alarms.alarm import PENDING, Alarm
from agent.assurance.alarms.announcing import PROBLEM_CREATED, PROBLEM_STATE, tell_problem
from agent.assurance.alarms.board import Board, key_of
from agent.assurance.alarms.causes import LINK_SILENT
from agent.assurance.alarms.ledger import OWN, Judgement, Ledger
from agent.assurance.levels.health import attribute, troubled
from agent.assurance.levels.impact import ports_over, services_on
from agent.assurance.problems.reporting import Reporter, told_already
from agent.assurance.tables import AlarmRow, ProblemRow
from agent.assurance.topology.correlation import ELEMENT, LINK, PORT, Case, Standing, Verdict, at_worst, walk
from agent.assurance.topology.docket import Docket
from agent.assurance.topology.watchlist import Watchlist
from inventory.maintenance import Calendar
from inventory.topology import split_reference
from policies.values import Severity, new_id

PASSES_NOTHING = "its link passes nothing, at the border of what is reached"
OPEN, RESOLVED = "open", "resolved"
SUPERSEDED = "superseded_by"
HELD = "held"
CLASSES = {LINK: "linkDown", PORT: "portDown", ELEMENT: "elementUnreachable"}
"""Of problems, by the kind of their root; they and the roots make the keys."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a decision may wait for better knowledge."""

    hold: timedelta
    """For silence, from its first sign."""
    recheck: timedelta
    """For symptoms whose root has gone: two polls."""

    def waits(self, until: datetime, now: datetime) -> bool:
        """Whether it is still to be waited for.

        What is further away than anybody waits was said before the clock was set back: by a little, and it is waited for that
        much longer; by more than one waits anyway, and it is not waited for.
        """
        return now < until <= now + 2 * max(self.hold, self.recheck)


class Correlator:
    """One run over what has changed, in the ledger's transaction."""

    def __init__(self, ledger: Ledger, board: Board, docket: Docket, watchlist: Watchlist, reporter: Reporter) -> None:
        self._ledger, self._board, self._docket = ledger, board, docket
        self._session, self._at = ledger.session, ledger.at
        self._topology, self._network = watchlist.topology, docket.network
        self._reporter = reporter
        self._calendar = Calendar(self._session, self._at)
        self._problems: dict[str, ProblemRow] = {}
        """The open ones, by key."""

    def run(self, patience: Patience, suspects: frozenset[str], *, thorough: bool = False) -> None:
        """`suspects`: elements that have begun to fail but are not called silent yet. `thorough`: look after all open problems."""
        changed = self._docket.change(self._board.take_touched())
        stirred = self._board.take_stirred()
        if not (changed or stirred or self._board.pending or thorough):
            return
        rows = list(self._session.scalars(select(ProblemRow).where(ProblemRow.state == OPEN)))
        self._problems = {row.key: row for row in rows}
        self._recheck_orphans([row for row in rows if thorough or row.id in stirred], patience)
        waiting = set(self._board.pending) | {alarm.id for key in changed for alarm in self._board.at(key)}
        self._judge(self._board.by_ids(waiting), patience, suspects)
        stirred |= self._board.take_stirred()
        self._follow_up(lambda problem: thorough or problem.id in stirred or HELD in problem.evidence)

    def _judge(self, alarms: Sequence[Alarm], patience: Patience, suspects: frozenset[str]) -> None:
        worst = self._at_worst(suspects) if suspects and any(alarm.standing == PENDING for alarm in alarms) else None
        decided = []
        for alarm in alarms:
            verdict = self._docket.verdicts[key_of(alarm)]
            if not self._must_wait(alarm, verdict, worst, patience):
                decided.append((alarm, verdict))
        for alarm, verdict in decided:
            if verdict.standing is Standing.ROOT:
                self._root(alarm, verdict)
        symptoms: dict[Verdict, list[Alarm]] = {}
        for alarm, verdict in decided:
            if verdict.standing is Standing.SYMPTOM:
                symptoms.setdefault(verdict, []).append(alarm)
        for verdict, behind in symptoms.items():
            self._symptoms(verdict, behind)

    def _at_worst(self, suspects: frozenset[str]) -> Case:
        failures = at_worst(self._network, self._docket.failures, suspects)
        return Case(self._network, failures, walk(self._network, failures))

    def _must_wait(self, alarm: Alarm, verdict: Verdict, worst: Case | None, patience: Patience) -> bool:
        """Silence waits for its hold; a cut waits where the element behind it has just begun to fail and may be the cause."""
        if alarm.standing != PENDING:
            return False
        until = alarm.why.get("hold_until")
        if until is not None and patience.waits(datetime.fromisoformat(until), self._at):
            return True
        if verdict.standing is Standing.SYMPTOM or worst is None or not patience.waits(alarm.last_at + patience.hold, self._at):
            return False
        return worst.verdict(key_of(alarm)).standing is Standing.SYMPTOM

    def _recheck_orphans(self, problems: Iterable[ProblemRow], patience: Patience) -> None:
        """Symptoms whose root is gone get two polls to recover before they are judged for themselves."""
        until = (self._at + patience.recheck).isoformat()
        for problem in problems:
            alarms = self._board.in_problem(problem.id)
            if SUPERSEDED in problem.evidence or any(alarm.standing == Standing.ROOT.value for alarm in alarms):
                continue
            for alarm in alarms:
                if alarm.standing == Standing.SYMPTOM.value:
                    why = {**alarm.why, "rule": "its root is gone; it has two polls to recover", "hold_until": until}
                    self._set([alarm], Judgement(PENDING, alarm.problem_id, why))

    def _set(self, alarms: Sequence[Alarm], judgement: Judgement) -> None:
        self._ledger.judge(alarms, judgement)
        for alarm in alarms:
            self._board.update(alarm)

    def _root(self, alarm: Alarm, verdict: Verdict) -> None:
        root = verdict.roots[0]
        problem = self._problem(root, alarm)
        rule = PASSES_NOTHING if alarm.cause == LINK_SILENT else verdict.rule
        why = {"rule": rule, "root": root, "observed": alarm.text, **_own(alarm)}
        if held := self._held_at(alarm):
            why["ticket"] = f"none while {held}"
        self._set([alarm], Judgement(Standing.ROOT.value, problem.id, why))

    def _symptoms(self, verdict: Verdict, alarms: Sequence[Alarm]) -> None:
        """They belong to the first of their roots that is decided; until one is, they wait."""
        homes = [self._problems[key] for root in verdict.roots if (key := problem_key(root)) in self._problems]
        if not homes:
            for alarm in alarms:
                self._board.defer(alarm)
            return
        why = {
            "rule": verdict.rule,
            "roots": list(verdict.roots),
            "problems": [home.id for home in homes],
            "ticket": f"none of its own: see problem {homes[0].id}",
        }
        demoted = {alarm.problem_id for alarm in alarms if alarm.standing == Standing.ROOT.value} - {None, homes[0].id}
        plain = [alarm for alarm in alarms if not _own(alarm)]
        self._set(plain, Judgement(Standing.SYMPTOM.value, homes[0].id, why))
        for alarm in alarms:
            if own := _own(alarm):
                self._set([alarm], Judgement(Standing.SYMPTOM.value, homes[0].id, why | own))
        for problem in self._problems.values() if demoted else ():
            if problem.id in demoted:
                problem.evidence = problem.evidence | {SUPERSEDED: homes[0].id}

    def _problem(self, root: str, alarm: Alarm) -> ProblemRow:
        key = problem_key(root)
        if key in self._problems:
            problem = self._problems[key]
            problem.opened_at = min(problem.opened_at, alarm.raised_at)
            if SUPERSEDED in problem.evidence:
                problem.evidence = {name: value for name, value in problem.evidence.items() if name != SUPERSEDED}
            if alarm.id not in problem.evidence["alarms"]:
                problem.evidence = problem.evidence | {"alarms": [*problem.evidence["alarms"], alarm.id]}
            return problem
        problem = ProblemRow(
            id=new_id("prb", self._at),
            key=key,
            problem_class=LINK_SILENT if alarm.cause == LINK_SILENT else CLASSES[root.partition(":")[0]],
            root_object=root,
            state=OPEN,
            opened_at=alarm.raised_at,
            resolved_at=None,
            evidence={"alarms": [alarm.id], "services": []},
            attributes={},
        )
        self._session.add(problem)
        self._session.flush()
        tell_problem(self._session, problem, PROBLEM_CREATED, self._at)
        self._problems[key] = problem
        return problem

    def _follow_up(self, concerned: Callable[[ProblemRow], bool]) -> None:
        """Superseded ones last: they end with the problem that took their place."""
        for problem in sorted(self._problems.values(), key=lambda each: SUPERSEDED in each.evidence):
            other = problem.evidence.get(SUPERSEDED)
            if other is None and not concerned(problem):
                continue
            if alarms := self._board.in_problem(problem.id):
                if concerned(problem):
                    self._widen(problem, alarms)
            elif other is None or all(each.id != other or each.state == RESOLVED for each in self._problems.values()):
                self._resolve(problem)

    def _widen(self, problem: ProblemRow, alarms: Sequence[Alarm]) -> None:
        """Find out whom it hits, and tell those who are new."""
        failing = (ports_over(self._topology, root) for root in {problem.root_object, *map(key_of, alarms)})
        hit = set(troubled(self._session, services_on(self._session, self._topology, frozenset().union(*failing))))
        if hit:
            attribute(self._session, hit, problem.id)
        known, held = set(problem.evidence["services"]), set(problem.evidence.get(HELD, {}))
        to_tell = (hit - known) | held
        if not to_tell:
            return
        still = self._in_maintenance(alarms, to_tell)
        evidence = {name: value for name, value in problem.evidence.items() if name != HELD}
        problem.evidence = evidence | {"services": sorted(known | (hit - set(still)))} | ({HELD: still} if still else {})
        self._session.flush()
        if to_tell - set(still):
            self._report(problem, alarms)

    def _report(self, problem: ProblemRow, alarms: Sequence[Alarm]) -> None:
        severity = min((Severity(alarm.severity) for alarm in alarms), key=lambda each: each.rank)
        superseded = [each.id for each in self._problems.values() if each.evidence.get(SUPERSEDED) == problem.id]
        self._reporter.report(self._session, problem, severity, self._at, told=told_already(self._session, superseded))
        tell_problem(self._session, problem, PROBLEM_STATE, self._at)

    def _in_maintenance(self, alarms: Sequence[Alarm], services: Iterable[str]) -> dict[str, str]:
        """Service → what holds its ticket: maintenance over all roots of the problem, or over the service itself.

        Both ends of a link tell of one cut.
        """
        windows: dict[str, str] = {}
        for alarm in alarms:
            if alarm.standing == Standing.ROOT.value:
                way = self._network.way_of.get(alarm.reference)
                root = alarm.reference if way is None else way.link
                windows[root] = windows.get(root) or self._held_at(alarm)
        if windows and all(windows.values()):
            return dict.fromkeys(sorted(services), next(iter(windows.values())))
        return {service: why for service in sorted(services) if (why := self._held(services=[service]))}

    def _held_at(self, alarm: Alarm) -> str:
        """Work at either end of a link explains a cut, and the end that is worked on may say nothing of it."""
        held, way = self._held(alarm.element, alarm.object), self._network.way_of.get(alarm.reference)
        if held or way is None:
            return held
        element, _, port = split_reference(way.far)
        return self._held(element, port)

    def _held(self, element: str = "", port: str = "", services: Sequence[str] = ()) -> str:
        """By which window; "" when by none."""
        windows = self._calendar.holding(element, port, services)
        return (
            f"maintenance {windows[0].maintenance_id} until {windows[0].span.end.isoformat(timespec='seconds')}" if windows else ""
        )

    def _resolve(self, problem: ProblemRow) -> None:
        statement = select(AlarmRow.cleared_at).where(AlarmRow.problem_id == problem.id, AlarmRow.cleared_at.is_not(None))
        self._ledger.write()
        cleared = [at for at in self._session.scalars(statement) if at is not None]
        problem.state, problem.resolved_at = RESOLVED, max(cleared, default=self._at)
        self._session.flush()
        self._reporter.recovered(self._session, problem, self._at)
        tell_problem(self._session, problem, PROBLEM_STATE, self._at)


def _own(alarm: Alarm) -> dict[str, object]:
    """What an alarm's `why` says besides its place among causes."""
    return {name: alarm.why[name] for name in ("of", "penalty", "release_at", "verification", *OWN) if name in alarm.why}


def problem_key(root: str) -> str:
    return f"{root}|{CLASSES[root.partition(':')[0]]}"
