"""Every point of a plan's journal: each method is one transaction that moves the plan on, or ends this worker's part in it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment import holds
from agent.fulfillment.activating import Activating
from agent.fulfillment.errors import ElementsHeld, PhaseFailed, Superseded
from agent.fulfillment.holding import Holding
from agent.fulfillment.journal import Journal
from agent.fulfillment.lifecycle import CounterReadings
from agent.fulfillment.network import Failures, Network
from agent.fulfillment.outcome import PLAN_WORK
from agent.fulfillment.participant import Note
from agent.fulfillment.plan import CANCELLED, ChangeState, Decision, Failure, Plan, PlanState, Step
from agent.fulfillment.points import Entry, record
from agent.fulfillment.tables import JournalRow, PlanRow
from agent.fulfillment.tools import Tools
from inventory.work import Claim, Work

log = structlog.get_logger(__name__)

INTERRUPTED = Failure(
    "", "interrupted", "the worker ended after the network may have been changed and before it was decided to keep it"
)


class Progress:
    def __init__(self, tools: Tools, claim: Claim, journal: Journal, network: Network) -> None:
        self._tools = tools
        self._claim = claim
        self._journal = journal
        self._network = network

    # -- going on ------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Told with the next point: a plan that only looks whether its elements are free again leaves no line per look."""
        self._network.notes.append(self._journal.started(Step.CONNECT))

    def hold(self, plan: Plan) -> None:
        """Hold the elements and write down our sessions. Raises `ElementsHeld`, `Cancelled` or `PhaseFailed`."""
        notes = [*self._network.notes, self._mark(Step.HOLD), self._journal.started(Step.STAGE)]
        entry = Holding(self._tools, self._claim, notes, self._network.participants, plan)
        written = self._journal.advance("hold", entry)
        self._network.follow(entry.settled)
        self._network.recorded(written)
        self._network.notes.clear()

    def staged(self, readings: CounterReadings) -> None:
        """From here on the network may have changed. Raises `Cancelled`."""
        self._advance("stage", Step.COMMIT, readings=readings.to_document())

    def committed(self) -> None:
        """Told with the next point. No recovery needs it: what is not decided is undone, whether it was committed or not."""
        self._journal.passed("commit", Step.VERIFY, self._network.notes)

    def waiting(self) -> None:
        """The elements do not show the change yet: people see how far it is."""
        with self._point("verify", step=Step.VERIFY, started=False):
            pass

    def decide_to_commit(self) -> None:
        """`Cancelled` when the order was cancelled meanwhile: then it is to be decided otherwise."""
        self._advance("decide", Step.CONFIRM, self._mark(Step.DECIDE, "commit"), decision=Decision.COMMIT)

    def decide_to_cancel(self) -> None:
        mark = self._mark(Step.DECIDE, f"revert: {CANCELLED.message}")
        with self._point("decide", step=Step.REVERT, mark=mark) as (session, row):
            row.decision, row.error = Decision.REVERT, _error([CANCELLED])
            self._tools.outcomes.reverting(session, row, self._now())

    def decide_to_take_back(self) -> None:
        """It has done what it was for: there is no error, and nothing of it is to stay."""
        self._advance("decide", Step.REVERT, self._mark(Step.DECIDE, "revert: it was meant for a moment"), decision=Decision.REVERT)

    def decide_to_revert(self, failures: Failures) -> None:
        mark = self._mark(Step.DECIDE, f"revert: {PhaseFailed(_told(failures))}")
        with self._point("decide", step=Step.REVERT, mark=mark) as (_, row):
            row.decision, row.error = Decision.REVERT, _error(_told(failures))

    def confirmed(self) -> None:
        """Told with the next point: confirming and saving are harmless to repeat."""
        self._journal.passed("confirm", Step.SAVE, self._network.notes)

    def regain(self, settled: dict[str, ChangeState]) -> None:
        """After another worker: hold the elements again, settle what an operator settled. Raises `ElementsHeld`."""
        with self._point("regain") as (session, row):
            self._take_elements(session, row.id)
            for change in row.change_sets:
                change.state = settled.get(change.element, change.state)
            if row.decision is None:
                row.decision, row.error, row.step = Decision.REVERT, _error([INTERRUPTED]), Step.REVERT

    def reconnected(self) -> None:
        with self._point("reconnect"):
            pass

    # -- ends ----------------------------------------------------------------------------------------------------------

    def done(self, after: CounterReadings) -> None:
        """`after`: the first readings of what begins; the last ones of what ends stand in the plan."""
        notes = [*self._network.notes, self._mark(Step.ACTIVATE)]
        entry = Activating(self._tools, self._claim, notes, self._network.participants, after)
        self._network.recorded(self._journal.advance("activate", entry))
        self._network.notes.clear()
        self._tell_end(PlanState.DONE)

    def undone(self) -> None:
        """Everything is as it was before."""
        with self._point("undone", step=Step.RELEASE, mark=self._mark(Step.RELEASE, "everything is as it was")) as (session, row):
            at = self._now()
            self._tools.outcomes.fail(session, row, _reasons(row), at, used=True)
            self._end(session, row, PlanState.FAILED if row.error else PlanState.DONE, at)

    def refused(self, failures: Sequence[Failure]) -> None:
        """It failed before anything was changed."""
        mark = self._mark(Step.RELEASE, f"failed before anything was changed: {PhaseFailed(failures)}")
        with self._point("refuse", step=Step.RELEASE, mark=mark) as (session, row):
            at = self._now()
            row.decision, row.error = Decision.REVERT, _error(failures)
            self._tools.outcomes.fail(session, row, failures, at, used=False)
            self._end(session, row, PlanState.FAILED, at)

    def called_off(self) -> None:
        """The order was cancelled before anything was changed."""
        mark = self._mark(Step.RELEASE, f"{CANCELLED.message}; nothing was changed")
        with self._point("cancel", step=Step.RELEASE, mark=mark) as (session, row):
            at = self._now()
            row.decision, row.error = Decision.REVERT, _error([CANCELLED])
            self._tools.outcomes.fail(session, row, [CANCELLED], at, used=False)
            self._end(session, row, PlanState.CANCELLED, at)

    # -- pauses --------------------------------------------------------------------------------------------------------

    def pause(self, reason: str, run_at: datetime, *, counted: bool) -> None:
        """Give the plan back, to go on at `run_at`. Before any commit its elements are free meanwhile."""
        with self._point("pause") as (session, row):
            self._rest(session, row)
            self._tell_once(session, row, reason)
            self._release(session, run_at, reason, counted=counted)

    def wait(self, held: ElementsHeld) -> None:
        """Until the plan that has the elements wakes this one, or until it is time to look by itself.

        Elements of ours that nobody has meanwhile are offered to the next in line, who may need no other.
        """
        with self._point("pause") as (session, row):
            self._rest(session, row)
            self._tell_once(session, row, str(held), held.gist)
            elements = {change.element for change in row.change_sets}
            taken = {hold.element for hold in holds.of_others(session, row.id, elements)}
            at = self._now()
            self._wake(session, holds.waiting_behind(session, row.id, elements - taken), at)
            self._release(session, at + self._next_look(row, at) if taken else at, str(held), counted=False)

    def doubt(self, failures: Failures) -> None:
        """Nobody else touches what is in doubt; the other elements are free."""
        mark = self._mark(Step.RELEASE, f"in doubt, kept from others: {PhaseFailed(_told(failures))}")
        with self._point("doubt", mark=mark) as (session, row):
            at = self._now()
            holds.doubt(session, row.id, {element: error.message for element, error in failures.items()})
            self._free(session, row, at, keep=failures)
            row.state = PlanState.IN_DOUBT
            self._tools.outcomes.hold(session, row, [*_reasons(row), *_told(failures)], at)
            again = at + self._tools.settings.doubt_retry.delay(self._claim.attempts)
            self._release(session, again, str(PhaseFailed(_told(failures))))
        log.error("elements in doubt", plan_id=self._claim.work.key, elements=sorted(failures))

    # -- one transaction -----------------------------------------------------------------------------------------------

    def _mark(self, step: Step, detail: str = "") -> Note:
        """What the point itself does, for the timeline."""
        return Note(self._now(), step, None, "done", detail=detail)

    def _rest(self, session: Session, row: PlanRow) -> None:
        if row.state != PlanState.IN_DOUBT:
            row.state = PlanState.WAITING
        if row.decision is None:
            row.step = Step.CONNECT
            self._free(session, row, self._now())

    def _next_look(self, row: PlanRow, at: datetime) -> timedelta:
        settings = self._tools.settings
        return min(max((at - row.created_at) / 4, settings.hold_wait), settings.longest_hold_wait)

    def _tell_once(self, session: Session, row: PlanRow, reason: str, gist: str = "") -> None:
        """A plan that looks again and again has one line for the same reason (or the same `gist` of it), not one per look."""
        waiting = select(JournalRow.detail).where(JournalRow.plan_id == row.id, JournalRow.outcome == "retrying")
        told = session.scalars(waiting.order_by(JournalRow.id.desc()).limit(1)).first()
        if told is None or not told.startswith(gist or reason):
            self._journal.tell(session, Note(self._now(), Step(row.step), None, "retrying", detail=reason))

    @contextmanager
    def _point(
        self, name: str, *, step: Step | None = None, mark: Note | None = None, started: bool = True
    ) -> Iterator[tuple[Session, PlanRow]]:
        notes = [*self._network.notes, *([mark] if mark else [])]
        if started and step is not None and step is not Step.RELEASE:
            notes.append(self._journal.started(step))
        with self._journal.point(name, notes) as (session, row):
            written = record(session, row.id, self._network.participants)
            yield session, row
            row.step = step or row.step
        self._network.recorded(written)
        self._network.notes.clear()

    def _advance(self, name: str, step: Step, *marks: Note, **values: object) -> None:
        notes = [*self._network.notes, *marks, self._journal.started(step)]
        entry = Entry(self._claim, notes, self._network.participants, {"step": step, **values})
        self._network.recorded(self._journal.advance(name, entry))
        self._network.notes.clear()

    def _take_elements(self, session: Session, plan_id: str) -> None:
        elements = [participant.element for participant in self._network.participants]
        holds.take(session, plan_id, self._claim.fence, elements, self._now())

    def _end(self, session: Session, row: PlanRow, state: PlanState, at: datetime) -> None:
        row.state, row.step, row.finished_at = state, Step.RELEASE, at
        self._free(session, row, at)
        if not self._tools.queue.finish(session, self._claim, at):
            raise Superseded(row.id, self._claim.fence)
        self._tell_end(state)

    def _tell_end(self, state: PlanState) -> None:
        log.info("plan ended", plan_id=self._claim.work.key, state=str(state))

    def _free(self, session: Session, row: PlanRow, at: datetime, *, keep: Iterable[str] = ()) -> None:
        """Let go of elements and wake the plans that wait for them."""
        free = holds.release(session, row.id, keep=set(keep))
        self._wake(session, holds.waiting_for(session, [row.id], free), at)

    def _wake(self, session: Session, plans: Iterable[str], at: datetime) -> None:
        for plan_id in plans:
            self._tools.queue.submit(session, Work(PLAN_WORK, plan_id), at)

    def _release(self, session: Session, run_at: datetime, reason: str, *, counted: bool = True) -> None:
        at = self._now()
        if not self._tools.queue.release(session, self._claim, at, run_at=run_at, error=reason, counted=counted):
            raise Superseded(self._claim.work.key, self._claim.fence)

    def _now(self) -> datetime:
        return self._tools.clock.now()


def _told(failures: Failures) -> list[Failure]:
    return [Failure.of(error) for error in failures.values()]


def _error(failures: Iterable[Failure]) -> dict[str, object]:
    return {"failures": [failure.to_document() for failure in failures]}


def _reasons(row: PlanRow) -> list[Failure]:
    return [Failure.from_document(document) for document in (row.error or {}).get("failures", [])]
