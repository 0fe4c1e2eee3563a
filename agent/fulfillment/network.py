"""The network side of one plan: its elements, their sessions, and each step done on all of them at once.

Nothing here knows the database. A step gives the failures it met, element → error; whoever calls decides what follows.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

import structlog

from agent.fulfillment.errors import Cancelled, DriverFailed, Interrupted, Stopping
from agent.fulfillment.measuring import Measure, unmeasured
from agent.fulfillment.parallel import in_parallel
from agent.fulfillment.participant import Note, Participant, Record
from agent.fulfillment.plan import ChangeState, Step
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.stalls import Stalls
from agent.measurement.checks import MEASURED
from drivers.errors import ElementError, ElementLocked, ElementTimeout, ElementUnreachable, RevertFailed, VerificationFailed
from drivers.port import ChangeSet, Check, CheckOutcome, ElementSession, Standing
from policies.values import Clock

Result = TypeVar("Result")
Failures = dict[str, ElementError]

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""Seconds between two tries of one thing on one element."""
UNTOUCHED = frozenset({ChangeState.PLANNED, ChangeState.STAGED})
"""Surely nothing was committed there: it is enough to discard."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Network:
    """The elements of one plan. `guard` raises when another worker has taken the plan over: it is asked before each push."""

    plan_id: str
    participants: tuple[Participant, ...]
    settings: FulfilmentSettings
    clock: Clock
    pause: Callable[[float], None]
    guard: Callable[[], None]
    stalls: Stalls
    remark: Callable[[Note], None]
    """Journals at once what people should know while a step takes its time."""
    still_wanted: Callable[[], None] = lambda: None
    """Raises `Cancelled` or `Stopping` when there is no use in waiting for what has not begun: asked while a lock is waited for."""
    measure: Measure = unmeasured
    """Carries out the checks that no element is asked for."""
    saved_before: bool = False
    """The change may stand in the startup configuration already: its revert is saved too."""
    notes: list[Note] = field(default_factory=list)
    pushed: bool = False
    """Something was pushed that ending our session would not have prevented."""

    def follow(self, changes: Mapping[str, ChangeSet]) -> None:
        """The changes as they were settled when the elements were taken, where they are other than planned; by element."""
        for participant in self.participants:
            change = changes.get(participant.element, participant.change)
            participant.planned = replace(participant.planned, change=change)

    def recorded(self, written: Mapping[str, Record]) -> None:
        """What a point has written of the elements is durable."""
        for participant in self.participants:
            participant.recorded = written.get(participant.element, participant.recorded)

    # -- forward -------------------------------------------------------------------------------------------------------

    def connect(self) -> Failures:
        """A session to every element. What an earlier worker's session still holds is ended first."""
        deadline = self._deadline(self.settings.connect_timeout)

        return self._each(Step.CONNECT, self.participants, lambda participant: self._session(participant, deadline))

    def stage(self) -> Failures:
        """Lock, edit, validate; without effect. A lock that somebody else holds is tried again until the deadline."""
        deadline = self._deadline(self.settings.stage_timeout)

        def stage(participant: Participant) -> None:
            session = self._session(participant, deadline)
            self._lock(participant, session, deadline, self.still_wanted)
            self.guard()
            participant.will_make(session.stage(participant.change, deadline))
            participant.state = ChangeState.STAGED

        return self._each(Step.STAGE, self.participants, stage)

    def commit(self) -> Failures:
        """Provisionally where the element can undo it by itself; only if all of these hold, at once on the others."""
        provisional = [participant for participant in self.participants if participant.provisional]
        immediate = [participant for participant in self.participants if not participant.provisional]
        deadline = self._deadline(self.settings.commit_timeout)
        failures = self._each(Step.COMMIT, provisional, lambda participant: self._commit(participant, deadline))
        if failures:
            return failures
        deadline = self._deadline(self.settings.commit_timeout)
        return self._each(Step.COMMIT, immediate, lambda participant: self._commit(participant, deadline))

    def verify(self, waiting_begins: Callable[[], None]) -> Failures:
        """Read back until configuration and ports show the change everywhere and the service tests pass, or until the deadline.

        In rounds, so that all provisional commits are kept waiting together while one element takes its time.
        `waiting_begins` is called when the first round was not the last.
        """
        deadline, pause = self._deadline(self.settings.verify_timeout), FIRST_PAUSE
        waiting: Sequence[Participant] = self.participants
        while True:
            told = len(self.notes)
            failures = self._each(Step.VERIFY, waiting, lambda participant: self._verify(participant, deadline))
            hopeless = any(not _may_pass(error) for error in failures.values())
            if not failures or hopeless or self.clock.monotonic() + pause >= deadline:
                return failures
            self.notes[told:] = [note for note in self.notes[told:] if note.element not in failures]
            if pause == FIRST_PAUSE:
                waiting_begins()
            waiting = [participant for participant in waiting if participant.element in failures]
            self._extend(pause, deadline)
            self.stalls.beat(self.plan_id)
            self.pause(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def rest(self, time: timedelta) -> None:
        """Leave the change as it stands for so long; provisional commits are kept waiting."""
        deadline = self._deadline(time + self.settings.finish_timeout)
        left = time.total_seconds()
        while left > 0:
            pause = min(left, LONGEST_PAUSE)
            self._extend(pause, deadline)
            self.stalls.beat(self.plan_id)
            self.pause(pause)
            left -= pause

    def confirm(self) -> Failures:
        """After the decision. An element that lost the change meanwhile (its timeout expired, it was swapped) gets it again."""
        deadline = self._deadline(self.settings.finish_timeout)

        def confirm(participant: Participant) -> None:
            self._insist(participant, deadline, lambda session: self._make_permanent(participant, session, deadline))
            participant.state = ChangeState.CONFIRMED

        return self._each(Step.CONFIRM, self.participants, confirm)

    def save(self) -> Failures:
        """Running to startup, then unlock."""
        deadline = self._deadline(self.settings.finish_timeout)
        confirmed = [participant for participant in self.participants if participant.state is ChangeState.CONFIRMED]

        def save(participant: Participant) -> None:
            self._insist(participant, deadline, lambda session: self._save(participant, session, deadline))
            self._unlock(participant, deadline)
            participant.settle(ChangeState.SAVED)

        return self._each(Step.SAVE, confirmed, save)

    # -- back ----------------------------------------------------------------------------------------------------------

    def abort(self) -> None:
        """Before any commit: discard what was staged and give the sessions back."""
        deadline = self._deadline(self.settings.connect_timeout)
        connected = [participant for participant in self.participants if participant.session is not None]

        def abort(participant: Participant) -> None:
            self._unlock(participant, deadline)
            participant.drop()
            participant.session_id, participant.state = "", ChangeState.PLANNED

        self._each(Step.RELEASE, connected, abort)

    def revert(self) -> Failures:
        """Undo, last committed first: command-line and SNMP elements, then those that would undo themselves."""
        immediate = [participant for participant in self.participants if not participant.provisional]
        provisional = [participant for participant in self.participants if participant.provisional]
        return self._revert(immediate) | self._revert(provisional)

    def close(self) -> None:
        for participant in self.participants:
            participant.drop()

    # -- one element ---------------------------------------------------------------------------------------------------

    def _commit(self, participant: Participant, deadline: float) -> None:
        session = self._session(participant, deadline)
        self._about_to_push(participant)
        participant.committed_at = self.clock.monotonic()
        participant.state = ChangeState.IN_DOUBT  # until it answers, nobody knows
        session.commit(participant.change, self.plan_id, self.settings.confirm_timeout, deadline)
        participant.state = ChangeState.COMMITTED

    def _about_to_push(self, participant: Participant) -> None:
        """Whoever takes the plan over between this and the push ends our session, where it bears an id; elsewhere we own up."""
        self.guard()
        if not (participant.provisional and participant.session_id):
            self.pushed = True  # elements are pushed to at once, each by a thread: none takes back what another has said

    def _verify(self, participant: Participant, deadline: float) -> None:
        self._read_back(participant, deadline)
        for check in participant.change.checks:
            if check not in participant.tried:
                self._try(participant, check, deadline)

    def _read_back(self, participant: Participant, deadline: float) -> None:
        try:
            problems = self._session(participant, deadline).verify(participant.change, deadline).problems
        except (ConnectionError, TimeoutError):
            participant.lose()
            raise
        if problems:
            raise VerificationFailed(participant.element, "; ".join(problems))

    def _try(self, participant: Participant, check: Check, deadline: float) -> None:
        """A service test. One that the platform has no way to carry out is told, and no failure."""
        try:
            if check.kind in MEASURED:
                result = self.measure(check, deadline)
            else:
                result = self._session(participant, deadline).check(check, deadline)
        except (ConnectionError, TimeoutError):
            participant.lose()
            raise
        if result.outcome is CheckOutcome.FAILED:
            raise VerificationFailed(participant.element, f"service test {result}")
        participant.tried.add(check)
        told = Note(self.clock.now(), Step.VERIFY, participant.element, str(result.outcome), detail=f"service test {result}")
        self.notes.append(told)

    def _extend(self, pause: float, deadline: float) -> None:
        """Start confirmation timeouts anew that would be half over after the next pause.

        Where that fails the commit may expire; confirming looks first then, and pushes again what is gone.
        """
        now = self.clock.monotonic()
        for participant in self.participants:
            due = now + pause - participant.committed_at > self._confirm_seconds / 2
            if participant.provisional and due and participant.session is not None:
                with suppress(ElementError):
                    participant.session.extend(self.plan_id, self.settings.confirm_timeout, deadline)
                    participant.committed_at = now

    def _make_permanent(self, participant: Participant, session: ElementSession, deadline: float) -> None:
        """Confirm at once when the commit is surely pending, else look first, and push again what is not there."""
        if not self._surely_pending(participant):
            self._push_again_if_gone(participant, session, deadline)
        self.guard()
        session.confirm(self.plan_id, deadline)

    def _save(self, participant: Participant, session: ElementSession, deadline: float) -> None:
        """What an element has forgotten by a reboot since it was confirmed must not be missing in its startup, too."""
        if participant.lost:
            self._make_permanent(participant, session, deadline)
        session.save(deadline)

    def _surely_pending(self, participant: Participant) -> bool:
        if participant.lost:
            return False
        fresh = self.clock.monotonic() - participant.committed_at < self._confirm_seconds / 2
        return participant.state is ChangeState.COMMITTED and (fresh or not participant.provisional)

    def _push_again_if_gone(self, participant: Participant, session: ElementSession, deadline: float) -> None:
        standing = session.standing(participant.change, deadline)
        if standing is Standing.AFTER:
            participant.lost = False
            return
        self._lock(participant, session, deadline)
        self._about_to_push(participant)
        if standing is Standing.MIXED:
            session.revert(participant.change, self.plan_id, deadline)
        participant.will_make(session.stage(participant.change, deadline))
        self._commit(participant, deadline)
        self._read_back(participant, deadline)
        participant.lost = False

    def _revert(self, participants: Sequence[Participant]) -> Failures:
        deadline = self._deadline(self.settings.finish_timeout)

        def revert(participant: Participant) -> None:
            if participant.state not in UNTOUCHED:
                self._insist(participant, deadline, lambda session: self._undo(participant, session, deadline))
            self._unlock(participant, deadline)
            participant.settle(ChangeState.REVERTED)

        return self._each(Step.REVERT, participants, revert)

    def _undo(self, participant: Participant, session: ElementSession, deadline: float) -> None:
        self._about_to_push(participant)
        session.revert(participant.change, self.plan_id, deadline)
        # asked the other way round: where nothing tells the two sides apart, both hold
        if session.standing(participant.change.inverted(), deadline) is not Standing.AFTER:
            raise RevertFailed(participant.element, "after its revert the configuration is not as it was before")
        if self.saved_before:
            session.save(deadline)

    # -- sessions ------------------------------------------------------------------------------------------------------

    def _session(self, participant: Participant, deadline: float) -> ElementSession:
        if participant.predecessor:
            participant.door.end(participant.predecessor, deadline)
            participant.predecessor = ""
        if participant.session is None:
            participant.session = participant.door.open(deadline)
            participant.session_id = participant.session.session_id
        return participant.session

    def _lock(
        self, participant: Participant, session: ElementSession, deadline: float, still_wanted: Callable[[], None] = lambda: None
    ) -> None:
        """While somebody else holds the lock it is tried again, and people are told who."""
        pause, told = FIRST_PAUSE, False
        while True:
            try:
                return session.lock(deadline)
            except ElementLocked as locked:
                left = deadline - self.clock.monotonic()
                if pause >= left:
                    raise
                if not told:
                    self._tell_locked(participant, locked, left)
                    told = True
            still_wanted()
            self.pause(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _tell_locked(self, participant: Participant, locked: ElementLocked, left: float) -> None:
        now = self.clock.now()
        until = (now + timedelta(seconds=left)).isoformat(timespec="seconds").replace("+00:00", "Z")
        since = f", since {locked.since.isoformat(timespec='seconds')}" if locked.since else ""
        detail = f"{locked.message}{since}; trying again until {until}"
        self.remark(Note(now, Step.STAGE, participant.element, "waiting", detail=detail))

    def _insist(self, participant: Participant, deadline: float, action: Callable[[ElementSession], Result]) -> Result:
        """Try again what failed for a transient reason, on a fresh session, until the deadline."""
        pause = FIRST_PAUSE
        while True:
            try:
                return action(self._session(participant, deadline))
            except ElementError as error:
                if isinstance(error, ConnectionError | TimeoutError):
                    participant.lose()
                if not error.transient or self.clock.monotonic() + pause >= deadline:
                    raise
            self.pause(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _unlock(self, participant: Participant, deadline: float) -> None:
        if participant.session is not None:
            participant.session.abort(deadline)

    # -- all of them ---------------------------------------------------------------------------------------------------

    def _each(self, step: Step, participants: Iterable[Participant], action: Callable[[Participant], object]) -> Failures:
        self.stalls.beat(self.plan_id)
        calls = [partial(self._one, step, participant, action) for participant in participants]
        outcomes = in_parallel(calls, self.settings.elements_at_once)
        self.stalls.rest(self.plan_id)
        return {error.element: error for error in outcomes if error is not None}

    def _one(self, step: Step, participant: Participant, action: Callable[[Participant], object]) -> ElementError | None:
        started, failure = self.clock.monotonic(), None
        try:
            action(participant)
        except (Interrupted, Cancelled, Stopping):
            raise
        except ElementError as error:
            failure = error
        except Exception as error:
            log.exception("driver failed", plan_id=self.plan_id, element=participant.element, step=step)
            failure = DriverFailed(participant.element, f"the driver failed: {type(error).__name__}: {error}")
        self._note(step, participant, failure, self.clock.monotonic() - started)
        self._heed(participant.element, failure)
        return failure

    def _heed(self, element: str, failure: ElementError | None) -> None:
        self.stalls.beat(self.plan_id)
        if failure is None:
            self.stalls.answered(element)
        elif isinstance(failure, ElementTimeout | ElementUnreachable):
            self.stalls.fell_silent(element)

    def _note(self, step: Step, participant: Participant, failure: ElementError | None, seconds: float) -> None:
        outcome, detail = "done", ""
        if failure is not None:
            outcome, detail = ("failed" if failure.transient else "refused"), failure.message
        answer = participant.hear()
        self.notes.append(Note(self.clock.now(), step, participant.element, outcome, round(seconds * 1000), detail, answer))

    def _deadline(self, timeout: timedelta) -> float:
        return self.clock.monotonic() + timeout.total_seconds()

    @property
    def _confirm_seconds(self) -> float:
        return self.settings.confirm_timeout.total_seconds()


def _may_pass(error: ElementError) -> bool:
    """Whether looking again can show something else: an interface that comes up, a connection that comes back."""
    return error.transient or isinstance(error, VerificationFailed)
