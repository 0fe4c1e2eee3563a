"""How an action stands; and by what it is taken back, once it is done."""

from enum import StrEnum


class State(StrEnum):
    ASKED = "asked"
    """Just made; what stands against it is looked at in the same transaction."""
    PROPOSED = "proposed"
    """Waits for somebody's approval."""
    HELD = "held"
    """Something stands against it; it begins when that is over."""
    RUNNING = "running"
    MEASURING = "measuring"
    """The deed is done; whether the alarm clears is awaited."""
    EFFECTIVE = "effective"
    """The alarm cleared in time."""
    INEFFECTIVE = "ineffective"
    """The alarm stood all the same."""
    DONE = "done"
    """The deed is done, and there was nothing to measure it by; the outcome says so."""
    FAILED = "failed"
    """The deed could not be done; what it had begun was taken back."""
    REFUSED = "refused"
    """It cannot be done, or not be taken back."""
    REJECTED = "rejected"
    """By somebody."""
    OBSOLETE = "obsolete"
    """The alarm was over before it began."""
    EXPIRED = "expired"
    """Nobody approved it in time, or what stood against it did so for too long."""


WAITING = frozenset({State.ASKED, State.PROPOSED, State.HELD})
OPEN = WAITING | {State.RUNNING, State.MEASURING}
ENDED = frozenset(State) - OPEN
IN_VAIN = frozenset({State.FAILED, State.REFUSED, State.REJECTED, State.EXPIRED})
"""Ends in which nothing was done, and nothing is tried again."""

CLEARED, BY_HAND = "cleared", "by-hand"
"""What was done is taken back when what it was about has been without alarm for long enough, or by somebody's word alone."""
