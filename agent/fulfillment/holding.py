"""The second point: plans hold their elements, and what others own there is taken out of their changes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from sqlalchemy.orm import Session

from agent.fulfillment import holds
from agent.fulfillment.errors import PhaseFailed
from agent.fulfillment.participant import Note, Participant
from agent.fulfillment.plan import Plan, Step
from agent.fulfillment.points import Entry, Head
from agent.fulfillment.tools import Tools
from drivers.port import ChangeSet
from inventory.work import Claim

NOTHING: Mapping[str, ChangeSet] = {}


class Holding(Entry):
    """Refused with `ElementsHeld` or `PhaseFailed`."""

    rank = 0

    def __init__(self, tools: Tools, claim: Claim, notes: Iterable[Note], participants: Sequence[Participant], plan: Plan) -> None:
        super().__init__(claim, notes, participants, {"step": Step.STAGE})
        self.tools, self.plan = tools, plan
        self.settled = NOTHING
        """Element → its change, where that is other than planned."""

    @classmethod
    def write_all(cls, session: Session, entries: Sequence[Self]) -> None:
        tools = entries[0].tools
        refused = holds.take_all(session, [entry.wanted for entry in entries], tools.clock.now())
        for entry in entries:
            entry.error = refused.get(entry.plan_id)
        holding = [entry for entry in entries if entry.error is None]
        settled = tools.outcomes.realisation.settle_shared(session, [entry.plan for entry in holding])
        for entry in holding:
            found = settled[entry.plan_id]
            if isinstance(found, PhaseFailed):
                entry.error = found
            else:
                entry.settled = found
        holds.leave(session, [entry.wanted for entry in holding if entry.error is not None])

    def meet(self, head: Head | None) -> None:
        super().meet(head)
        self.settled = NOTHING

    @property
    def wanted(self) -> holds.Wanted:
        return holds.Wanted(self.plan_id, self.claim.fence, [participant.element for participant in self.participants])
