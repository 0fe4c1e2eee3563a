"""One element's part in a running plan, and what is noted of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from agent.fulfillment.doors import Door
from agent.fulfillment.plan import ChangeState, PlannedChange, Step
from drivers.port import ChangeSet, Check, Commitment, ElementSession

ANSWER_LIMIT = 20_000
"""Characters of an element's answer that are kept with its change."""
STEP_ANSWER_LIMIT = 4_000
"""And with each step."""

Record = Mapping[str, str]
"""How an element stands in its plan, as the journal has it: column → text."""


@dataclass(frozen=True, slots=True)
class Note:
    """What happened, for the journal."""

    at: datetime
    step: Step
    element: str | None
    outcome: str
    milliseconds: int | None = None
    detail: str = ""
    answer: str = ""
    """What the element said, without secrets."""


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
    lost: bool = False
    """A session broke since it was last seen what stands there: the element may have rebooted and forgotten what was not
    saved."""
    tried: set[Check] = field(default_factory=set)
    """Service tests that need not be repeated."""
    recorded: Record | None = None
    """How it stands in the journal, as far as this worker wrote it."""

    @property
    def element(self) -> str:
        return self.planned.element

    @property
    def change(self) -> ChangeSet:
        return self.planned.change

    @property
    def provisional(self) -> bool:
        return self.planned.commitment is Commitment.CONFIRMED

    @property
    def standing(self) -> Record:
        """For the journal."""
        known = {"state": str(self.state), "session_id": self.session_id, "answer": self.answer}
        if not self.staged:
            return known
        return known | {"before": self.change.before, "forward": self.change.forward, "reverse": self.change.reverse}

    def will_make(self, change: ChangeSet) -> None:
        """The change as its element will make it: away from what really stands there, and back to that."""
        if change != self.planned.change:
            self.planned = replace(self.planned, change=change)
            self.staged = True

    def drop(self) -> None:
        """Give the session back; a broken one is not used again."""
        if self.session is not None:
            self.hear()
            self.session.close()
            self.session = None

    def lose(self) -> None:
        """The session broke or fell silent. The element may not know yet, and keep its locks: it is ended by the next one."""
        self.predecessor, self.lost = self.session_id, True
        self.drop()

    def settle(self, state: ChangeState) -> None:
        """Nothing is left to do here: the session may serve another plan, and nobody is to end it for this one's sake."""
        self.state, self.session_id = state, ""

    def hear(self) -> str:
        """Keep what the element has answered; what of it is new."""
        if self.session is None or not self.session.transcript:
            return ""
        before, self.answer = self.answer, self.session.transcript[-ANSWER_LIMIT:]
        new = self.answer.removeprefix(before) if before else self.answer
        return new[-STEP_ANSWER_LIMIT:]
