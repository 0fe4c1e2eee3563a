"""The last point of a plan that holds: its services are what they were to be, and its elements are free."""

from collections.abc import Iterable, Sequence
from typing import Self

from sqlalchemy.orm import Session

from agent.fulfillment import holds
from agent.fulfillment.errors import Interrupted, Superseded
from agent.fulfillment.lifecycle import CounterReadings
from agent.fulfillment.outcome import PLAN_WORK, Success
from agent.fulfillment.participant import Note, Participant
from agent.fulfillment.plan import Decision, PlanState, Step
from agent.fulfillment.points import Entry
from agent.fulfillment.tools import Tools
from inventory.work import Claim, Work


class Activating(Entry):
    rank = 1
    """Lets go of elements once the set holds those that it wants: else two sets might each wait for what the other lets go of."""
    minds_cancellation = False
    moves_order = True

    def __init__(
        self, tools: Tools, claim: Claim, notes: Iterable[Note], participants: Sequence[Participant], after: CounterReadings
    ) -> None:
        """`after`: the first readings of what begins; the last ones of what ends stand in the plan."""
        super().__init__(claim, notes, participants, {})
        self.tools, self._after = tools, after

    @classmethod
    def write_all(cls, session: Session, entries: Sequence[Self]) -> None:
        tools = entries[0].tools
        at = tools.clock.now()
        ending = _finish(tools, session, [entry for entry in entries if entry.stands()])
        tools.outcomes.succeed(session, [entry.success() for entry in ending], at)
        for entry in ending:
            entry.values = {"state": PlanState.DONE, "step": Step.RELEASE, "finished_at": at}
        ended = [entry.plan_id for entry in ending]
        for plan_id in holds.waiting_for(session, ended, holds.release_all(session, ended)):
            tools.queue.submit(session, Work(PLAN_WORK, plan_id), at)

    def stands(self) -> bool:
        """Whether it is still decided so."""
        if self.head.decision != Decision.COMMIT:
            words = "an operator overruled the decision meanwhile; it is reverted in the next run"
            self.error = Interrupted(f"plan {self.plan_id}: {words}")
        return self.error is None

    def success(self) -> Success:
        before = CounterReadings.from_document(self.head.readings) if self.head.readings else CounterReadings()
        return Success(self.head, [participant.element for participant in self.participants], before, self._after)


def _finish(tools: Tools, session: Session, entries: Sequence[Activating]) -> list[Activating]:
    """Those whose work was still theirs to finish."""
    held = tools.queue.finish_all(session, [entry.claim for entry in entries], tools.clock.now())
    for entry in entries:
        if entry.claim.id not in held:
            entry.error = Superseded(entry.plan_id, entry.claim.fence)
    return [entry for entry in entries if entry.error is None]
