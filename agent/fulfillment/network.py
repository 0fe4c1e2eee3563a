"""The network side of one plan: its elements, their sessions, and each step done on all of them at once.

Nothing here knows the database. A step gives the failures it met, element → error; whoever calls decides what follows.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog

from agent.fulfillment.doors import Door
from agent.fulfillment.errors import DriverFailed, Interrupted
from agent.fulfillment.parallel import in_parallel
from agent.fulfillment.plan import ChangeState, Plan, PlannedChange, Step
from agent.fulfillment.settings import FulfilmentSettings
from drivers.errors import ElementError, ElementLocked, RevertFailed, VerificationFailed
from drivers.port import ChangeSet, Commitment, ElementSession, Standing
from policies.values import Clock

Result = TypeVar("Result")
Failures = dict[str, ElementError]

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""Seconds between two tries of one thing on one element."""
ANSWER_LIMIT = 20_000
"""Characters of an element's answer that are kept."""


UNTOUCHED = frozenset({ChangeState.PLANNED, ChangeState.STAGED})
"""Surely nothing was committed there: it is enough to discard."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Note:
    """What happened, for the journal."""

    at: datetime
    step: Step
    element: str | None
    outcome: str
    milliseconds: int | None = None
    detail: str = ""


@dataclass(slots=True)
class Participant:
    """One element's part in a running plan. Used by one thread at a time."""

    planned: PlannedChange
    door: Door
    state: ChangeState
    predecessor: str = ""
    """Session of a worker that went before, or one of ours that was lost; ended as the first thing."""
    session: ElementSession | None = None
    session_id: str = ""
    answer: str = ""
    staged: bool = False
    """The change is no longer only what was planned: the journal must have it as its element will make it."""
    committed_at: float = 0.0
    """On the monotonic clock: when the confirmation timeout last started."""

    @property
    def element(self) -> str:
        return self.planned.element

    @property
    def change(self) -> ChangeSet:
        return self.planned.change

    @property
    def provisional(self) -> bool:
        return self.planned.commitment is Commitment.CONFIRMED

    def will_make(self, change: ChangeSet) -> None:
        """The change as its element will make it: away from what really stands there, and back to that."""
        self.planned = replace(self.planned, change=change)
        self.staged = True

    def drop(self) -> None:
        """Give the session back; a broken one is not used again."""
        if self.session is not None:
            self.keep_answer()
            self.session.close()
            self.session = None

    def lose(self) -> None:
        """The session broke or fell silent. The element may not know yet, and keep its locks: it is ended by the next one."""
        self.predecessor = self.session_id
        self.drop()

    def settle(self, state: ChangeState) -> None:
        """Nothing is left to do here: the session may serve another plan, and nobody is to end it for this one's sake."""
        self.state, self.session_id = state, ""

    def keep_answer(self) -> None:
        if self.session is not None:
            self.answer = self.session.transcript[-ANSWER_LIMIT:] or self.answer


@dataclass(slots=True)
class Network:
    """The elements of one plan. `guard` raises when another worker has taken the plan over: it is asked before each push."""

    plan_id: str
    participants: tuple[Participant, ...]
    settings: FulfilmentSettings
    clock: Clock
    pause: Callable[[float], None]
    guard: Callable[[], None]
    saved_before: bool = False
    """The change may stand in the startup configuration already: its revert is saved too."""
    notes: list[Note] = field(default_factory=list)

    def follow(self, plan: Plan) -> None:
        """The changes as they were settled when the elements were taken."""
        changes = {planned.element: planned.change for planned in plan.changes}
        for participant in self.participants:
            participant.planned = replace(participant.planned, change=changes[participant.element])

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
            self._lock(session, deadline)
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

    def verify(self) -> Failures:
        """Read back until configuration and ports show the change everywhere, or the deadline is reached.

        In rounds, so that all provisional commits are kept waiting together while one element takes its time.
        """
        deadline, pause = self._deadline(self.settings.verify_timeout), FIRST_PAUSE
        waiting: Sequence[Participant] = self.participants
        while True:
            told = len(self.notes)
            failures = self._each(Step.VERIFY, waiting, lambda participant: self._check(participant, deadline))
            hopeless = any(not _may_pass(error) for error in failures.values())
            if not failures or hopeless or self.clock.monotonic() + pause >= deadline:
                return failures
            self.notes[told:] = [note for note in self.notes[told:] if note.element not in failures]
            waiting = [participant for participant in waiting if participant.element in failures]
            self._extend(pause, deadline)
            self.pause(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

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
            self._insist(participant, deadline, lambda session: session.save(deadline))
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
        self.guard()
        participant.committed_at = self.clock.monotonic()
        participant.state = ChangeState.IN_DOUBT  # until it answers, nobody knows
        session.commit(participant.change, self.plan_id, self.settings.confirm_timeout, deadline)
        participant.state = ChangeState.COMMITTED

    def _check(self, participant: Participant, deadline: float) -> None:
        try:
            problems = self._session(participant, deadline).verify(participant.change, deadline).problems
        except (ConnectionError, TimeoutError):
            participant.lose()
            raise
        if problems:
            raise VerificationFailed(participant.element, "; ".join(problems))

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

    def _surely_pending(self, participant: Participant) -> bool:
        fresh = self.clock.monotonic() - participant.committed_at < self._confirm_seconds / 2
        return participant.state is ChangeState.COMMITTED and (fresh or not participant.provisional)

    def _push_again_if_gone(self, participant: Participant, session: ElementSession, deadline: float) -> None:
        standing = session.standing(participant.change, deadline)
        if standing is Standing.AFTER:
            return
        self._lock(session, deadline)
        self.guard()
        if standing is Standing.MIXED:
            session.revert(participant.change, self.plan_id, deadline)
        participant.will_make(session.stage(participant.change, deadline))
        self._commit(participant, deadline)
        self._check(participant, deadline)

    def _revert(self, participants: Sequence[Participant]) -> Failures:
        deadline = self._deadline(self.settings.finish_timeout)

        def revert(participant: Participant) -> None:
            if participant.state not in UNTOUCHED:
                self._insist(participant, deadline, lambda session: self._undo(participant, session, deadline))
            self._unlock(participant, deadline)
            participant.settle(ChangeState.REVERTED)

        return self._each(Step.REVERT, participants, revert)

    def _undo(self, participant: Participant, session: ElementSession, deadline: float) -> None:
        self.guard()
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

    def _lock(self, session: ElementSession, deadline: float) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                return session.lock(deadline)
            except ElementLocked:
                if self.clock.monotonic() + pause >= deadline:
                    raise
            self.pause(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

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
        calls = [partial(self._one, step, participant, action) for participant in participants]
        outcomes = in_parallel(calls, self.settings.elements_at_once)
        return {error.element: error for error in outcomes if error is not None}

    def _one(self, step: Step, participant: Participant, action: Callable[[Participant], object]) -> ElementError | None:
        started, failure = self.clock.monotonic(), None
        try:
            action(participant)
        except Interrupted:
            raise
        except ElementError as error:
            failure = error
        except Exception as error:
            log.exception("driver failed", plan_id=self.plan_id, element=participant.element, step=step)
            failure = DriverFailed(participant.element, f"the driver failed: {type(error).__name__}: {error}")
        participant.keep_answer()
        self._note(step, participant, failure, self.clock.monotonic() - started)
        return failure

    def _note(self, step: Step, participant: Participant, failure: ElementError | None, seconds: float) -> None:
        outcome, detail = "done", ""
        if failure is not None:
            outcome, detail = ("failed" if failure.transient else "refused"), failure.message
        self.notes.append(Note(self.clock.now(), step, participant.element, outcome, round(seconds * 1000), detail))

    def _deadline(self, timeout: timedelta) -> float:
        return self.clock.monotonic() + timeout.total_seconds()

    @property
    def _confirm_seconds(self) -> float:
        return self.settings.confirm_timeout.total_seconds()


def _may_pass(error: ElementError) -> bool:
    """Whether looking again can show something else: an interface that comes up, a connection that comes back."""
    return error.transient or isinstance(error, VerificationFailed)
