"""Whose the plans in hand are, asked of the database before pushes: for all of them at once, by whoever needs it first.

A question costs about the same for one plan as for all that this process has in hand, and what is found holds for each of them as
long as a point of its own would.
"""

import threading
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from sqlalchemy import select

from agent.fulfillment.errors import Superseded
from agent.fulfillment.tables import PlanRow
from inventory.db import Database
from inventory.prepared import Prepared, among

FRESH_S = 0.2
"""What proves that a plan is ours is good for so long; a lease lasts far longer."""
TURN_S = 0.1
"""How long one waits for another's answer before asking by himself."""


class Hand:
    """A plan in one worker's hands."""

    def __init__(self, plan_id: str, fence: int) -> None:
        self.plan_id, self.fence = plan_id, fence
        self.proved_at = float("-inf")
        """When a transaction last showed that it is ours; on the monotonic clock."""


class Fences:
    """Thread-safe."""

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database, self._monotonic = database, monotonic
        self._hands: dict[Hand, None] = {}
        self._turn = threading.Lock()
        """Plans that were written in one set come to their pushes at the same moment: one asks, and the others hear it."""

    def enter(self, hand: Hand) -> None:
        """From now on it is asked about, too, when another one is."""
        self._hands[hand] = None

    def leave(self, hand: Hand) -> None:
        self._hands.pop(hand, None)

    def stale(self, hand: Hand) -> bool:
        """Whether it is too long ago that it was seen to be ours."""
        return self._monotonic() - hand.proved_at >= FRESH_S

    def prove(self, hand: Hand) -> None:
        """`Superseded` when the plan is in other hands; what the database raises when nobody can tell."""
        in_turn = self._turn.acquire(timeout=TURN_S)
        try:
            if self.stale(hand):
                self._prove(hand)
        finally:
            if in_turn:
                self._turn.release()

    def _prove(self, hand: Hand) -> None:
        now = self._monotonic()
        hands = [hand, *list(self._hands)]
        fences = self._ask({each.plan_id for each in hands})
        if fences.get(hand.plan_id) != hand.fence:
            raise Superseded(hand.plan_id, hand.fence)
        for each in hands:
            if fences.get(each.plan_id) == each.fence:
                each.proved_at = now

    def _ask(self, plans: AbstractSet[str]) -> dict[str, int]:
        with self._database.read() as session:
            return dict(_FENCES.rows(session.connection(), {"plans": list(plans)}))


_FENCES = Prepared(select(PlanRow.id, PlanRow.fence).where(among(PlanRow.id, "plans")))
