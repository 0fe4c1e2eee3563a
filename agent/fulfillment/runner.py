"""One plan in one worker's hands, from the claim to its end, or to the point where the journal lets another go on.

Forward: connect → hold → stage → commit → verify → decide → confirm → save → activate. Whatever fails before the decision
leads back; whatever fails after it is tried until it holds.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.errors import Cancelled, ElementsHeld, PhaseFailed, Stopping, Superseded
from agent.fulfillment.fences import Fences
from agent.fulfillment.journal import Journal
from agent.fulfillment.lifecycle import CounterReadings
from agent.fulfillment.network import Failures, Network
from agent.fulfillment.outcome import PLAN_WORK
from agent.fulfillment.overtaken import ask
from agent.fulfillment.participant import Participant
from agent.fulfillment.plan import SETTLED, ChangeState, Failure, Purpose, Verb
from agent.fulfillment.points import Entry, write_set
from agent.fulfillment.progress import Progress
from agent.fulfillment.realisation import ports_that_begin, ports_that_end
from agent.fulfillment.recovery import Course, course_of, initial_state
from agent.fulfillment.tables import ChangeSetRow, OrderItemRow
from agent.fulfillment.taking import Taken, Taking
from agent.fulfillment.tools import Tools
from agent.log import correlated
from inventory.db import Database
from inventory.prepared import Prepared, among
from inventory.together import Together
from inventory.work import Claim, Work

BEGINNING, ENDING = frozenset({"add", "modify"}), frozenset({"modify", "delete"})
"""Actions that may bring ports into use, and out of it."""


def elements_of(database: Database, work: Collection[Work]) -> Mapping[str, frozenset[str]]:
    """Plan → the elements that it changes, for those of the work that are plans."""
    with database.read() as session:
        rows = _ELEMENTS.named(session.connection(), {"plans": [each.key for each in work if each.kind == PLAN_WORK]})
    return {plan: frozenset(row.element for row in some) for plan, some in groupby(rows, key=lambda row: row.plan_id)}


_ELEMENTS = Prepared(
    select(ChangeSetRow.plan_id, ChangeSetRow.element).where(among(ChangeSetRow.plan_id, "plans")).order_by(ChangeSetRow.plan_id)
)


class PlanRunner:
    """Handles claims of kind `plan`."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._points: Together[Entry] = Together(tools.database, write_set, tools.stalls)
        self._fences = Fences(tools.database, tools.clock.monotonic)

    def __call__(self, claim: Claim) -> None:
        tools, clock = self._tools, self._tools.clock
        journal = Journal(tools.database, self._points, claim, clock.now, tools.checkpoint, clock.monotonic, self._fences)
        self._tools.stalls.rest(claim.work.key)
        entry = Taking(self._tools, claim)
        journal.advance("take", entry)
        if entry.taken is None:
            return
        run = _Run(self._tools, claim, journal, entry.taken)
        self._fences.enter(journal.hand)
        try:
            with correlated(journal.correlation_id):
                run.run()
        except Superseded:
            if run.network.pushed:
                self._own_up(claim)
            raise
        finally:
            self._fences.leave(journal.hand)
            run.network.close()

    def _own_up(self, claim: Claim) -> None:
        """We may have pushed after another had taken the plan over."""
        with self._tools.database.write() as session:
            ask(session, self._tools.queue, claim.work.key, f"overtaken as {claim.fence}", self._tools.clock.now())


class _Run:
    def __init__(self, tools: Tools, claim: Claim, journal: Journal, taken: Taken) -> None:
        self._tools = tools
        self._claim = claim
        self._settings = tools.settings
        self._journal = journal
        self._taken = taken
        self._plan = plan = taken.plan
        self.network = Network(
            plan_id=plan.id,
            participants=self._participants,
            settings=tools.settings,
            clock=tools.clock,
            pause=tools.pause,
            guard=journal.guard,
            stalls=tools.stalls,
            remark=journal.remark,
            still_wanted=self._still_wanted,
            measure=tools.measure,
            saved_before=any(planned.resolution is Verb.REVERT for planned in plan.changes),
        )
        self._progress = Progress(tools, claim, journal, self.network)

    def run(self) -> None:
        match course_of(self._plan):
            case Course.FORWARD:
                self._forward()
            case Course.ROLL_FORWARD:
                self._take_over(self._roll_forward)
            case Course.REVERT:
                self._take_over(self._go_back)

    # -- forward -------------------------------------------------------------------------------------------------------

    def _forward(self) -> None:
        try:
            self._progress.staged(self._prepare())
        except ElementsHeld as held:
            self.network.abort()
            self._wait(held)
        except Stopping as stopping:
            self.network.abort()
            self._progress.pause(str(stopping), self._tools.clock.now(), counted=False)
        except PhaseFailed as failed:
            self.network.abort()
            self._try_again_or_fail(failed)
        except Cancelled:
            self.network.abort()
            self._progress.called_off()
        else:
            self._change()

    def _prepare(self) -> CounterReadings:
        """Everything that has no effect yet, and the last counter reading of what is to end."""
        if self._claim.attempts > self._settings.attempts:
            raise PhaseFailed([Failure("", "givenUp", f"given up after {self._settings.attempts} attempts")])
        if self._taken.held is not None:
            raise self._taken.held
        self._progress.begin()
        self._phase(self.network.connect)
        self._progress.hold(self._plan)
        self._phase(self.network.stage)
        return self._read_counters(self._of_items(ports_that_end)) if self._plan.actions & ENDING else CounterReadings()

    def _change(self) -> None:
        failures = self.network.commit()
        if not failures:
            self._progress.committed()
            failures = self.network.verify(self._progress.waiting)
        if failures:
            self._progress.decide_to_revert(failures)
            self._go_back()
        elif self._plan.purpose == Purpose.BOUNCE:
            self._take_back()
        elif self._decided_to_commit():
            self._roll_forward()
        else:
            self._go_back()

    def _take_back(self) -> None:
        """What holds everywhere has done what it was for once it has stood for a moment."""
        self.network.rest(self._plan.rest or self._settings.bounce)
        self._progress.decide_to_take_back()
        self._go_back()

    def _decided_to_commit(self) -> bool:
        """Unless the order was cancelled meanwhile: then it is decided to revert."""
        try:
            self._progress.decide_to_commit()
        except Cancelled:
            self._progress.decide_to_cancel()
            return False
        return True

    def _roll_forward(self) -> None:
        failures = self.network.confirm()
        self._progress.confirmed()
        failures |= self.network.save()
        if failures:
            self._progress.doubt(self._doubted(failures))
        else:
            self._progress.done(self._first_readings())

    # -- back ----------------------------------------------------------------------------------------------------------

    def _go_back(self) -> None:
        failures = self.network.revert()
        if failures:
            self._progress.doubt(self._doubted(failures))
        else:
            self._progress.undone()

    def _take_over(self, go_on: Callable[[], None]) -> None:
        """Another worker went before, or an element is in doubt: hold the elements again, end its sessions, go on one by one."""
        try:
            self._progress.regain(self._settled)
        except ElementsHeld as held:
            return self._wait(held)
        self.network.connect()  # what cannot be reached now is tried again below, and in doubt if that fails too
        self._progress.reconnected()
        return go_on()

    # -- pauses --------------------------------------------------------------------------------------------------------

    def _wait(self, held: ElementsHeld) -> None:
        """Another plan has an element. That is nobody's fault, but it does not go on for ever."""
        now = self._tools.clock.now()
        if now >= self._plan.deadline and course_of(self._plan) is Course.FORWARD:
            waited = f"waited in vain until {self._plan.deadline.isoformat(timespec='seconds')}: {held}"
            self._progress.refused([Failure("", "elementHeld", waited)])
        else:
            self._progress.wait(held)

    def _try_again_or_fail(self, failed: PhaseFailed) -> None:
        again = self._tools.clock.now() + self._settings.retry.delay(self._claim.attempts)
        if failed.transient and self._claim.attempts < self._settings.attempts and again < self._plan.deadline:
            self._progress.pause(str(failed), again, counted=True)
        else:
            self._progress.refused(failed.failures)

    def _phase(self, action: Callable[[], Failures]) -> None:
        if self._tools.stopping():
            raise Stopping
        failures = action()
        if failures:
            transient = all(error.transient for error in failures.values())
            raise PhaseFailed([Failure.of(error) for error in failures.values()], transient=transient)

    def _still_wanted(self) -> None:
        if self._tools.stopping():
            raise Stopping
        self._journal.heed()

    # -- small things --------------------------------------------------------------------------------------------------

    @cached_property
    def _participants(self) -> tuple[Participant, ...]:
        return tuple(
            Participant(
                planned=planned,
                door=self._tools.doors.to(planned.element),
                state=state,
                predecessor=planned.session_id,
                session_id=planned.session_id,
            )
            for planned in self._plan.open_changes
            if (state := initial_state(self._plan, planned)) not in SETTLED
        )

    @cached_property
    def _settled(self) -> dict[str, ChangeState]:
        """Elements that an operator's word settles."""
        states = {planned.element: initial_state(self._plan, planned) for planned in self._plan.open_changes}
        return {element: state for element, state in states.items() if state in SETTLED}

    def _doubted(self, failures: Failures) -> Failures:
        for participant in self._participants:
            if participant.element in failures:
                participant.state = ChangeState.IN_DOUBT
        return failures

    def _first_readings(self) -> CounterReadings:
        if not self._plan.actions & BEGINNING:
            return CounterReadings()
        if "modify" in self._plan.actions:
            return self._read_counters(self._of_items(ports_that_begin))
        return self._read_counters(self._taken.begins)

    def _of_items(self, ports_of: Callable[[Session, Iterable[OrderItemRow]], list[str]]) -> list[str]:
        with self._tools.database.read() as session:
            return ports_of(session, session.scalars(select(OrderItemRow).where(OrderItemRow.plan_id == self._plan.id)).all())

    def _read_counters(self, ports: Sequence[str]) -> CounterReadings:
        """Of the customer ports of the services that the plan begins, changes or ends."""
        if not ports:
            return CounterReadings()
        deadline = self._tools.clock.monotonic() + self._settings.reading_timeout.total_seconds()
        self._tools.stalls.beat(self._plan.id)
        readings = self._tools.lifecycle.read_counters(ports, deadline)
        self._tools.stalls.rest(self._plan.id)
        return readings
