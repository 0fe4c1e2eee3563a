"""How long an order is likely to take: from what plans took of late and how many stand before it."""

import threading
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from agent.fulfillment.plan import PlanState
from agent.fulfillment.states import FINAL
from agent.fulfillment.tables import OrderItemRow, OrderRow, PlanRow
from inventory.tables import WorkItemRow
from inventory.work import OPEN

FIRST_GUESS = timedelta(seconds=30)
"""Of a database in which no plan has ended yet."""
LATELY = 50
"""Plans that are looked at to begin with."""
_WEIGHT = 0.1
"""Of each further plan."""
_COUNT_HOLDS = timedelta(seconds=1)
"""The queue is not counted more often than that, nor plans looked for where there were none."""
_FOUND_HOLDS = timedelta(seconds=60)
"""How long what plans of others took is taken for true."""


class Pace:
    """Learns from the plans of this process; those of earlier ones are looked up once."""

    def __init__(self, work_kind: str = "plan", workers: int = 8, *, learns: bool = True) -> None:
        """`learns`: plans are carried out here. If not, those of others are looked up now and then."""
        self._kind, self._workers, self._learns = work_kind, workers, learns
        self._guard = threading.Lock()
        self._typical: timedelta | None = None
        self._asked_at: datetime | None = None
        self._counted_at: datetime | None = None
        self._ahead = 0

    def learn(self, took: timedelta) -> None:
        """Less than nothing, by a clock that was set back, counts as nothing."""
        took = max(took, timedelta())
        with self._guard:
            typical = took if self._typical is None else self._typical
            self._typical = typical + (took - typical) * _WEIGHT

    def expected(self, session: Session, order: OrderRow, at: datetime, *, begin: datetime | None = None) -> datetime:
        """When the open items of the order are likely to be done, if nothing but the queue keeps them."""
        start = max(at, begin or at, order.requested_start or at)
        rounds = self._queued(session, at) // self._workers if start == at else 0
        return start + self._usual(session, at) * (rounds + longest_way(order.items))

    def _usual(self, session: Session, at: datetime) -> timedelta:
        with self._guard:
            known = self._typical
            asks = (known is None or not self._learns) and not self._asked(at, _COUNT_HOLDS if known is None else _FOUND_HOLDS)
        if asks:
            found = _of_late(session)
            with self._guard:
                known = (self._typical or found) if self._learns else (found or self._typical)
                self._typical, self._asked_at = known, at
        return known or FIRST_GUESS

    def _asked(self, at: datetime, lately: timedelta) -> bool:
        return self._asked_at is not None and abs(at - self._asked_at) < lately

    def _queued(self, session: Session, at: datetime) -> int:
        with self._guard:
            if self._counted_at is not None and abs(at - self._counted_at) < _COUNT_HOLDS:
                return self._ahead
        due = (WorkItemRow.kind == self._kind, WorkItemRow.state.in_(OPEN), WorkItemRow.run_at <= at)
        ahead = session.scalar(select(func.count()).select_from(WorkItemRow).where(*due)) or 0
        with self._guard:
            self._counted_at, self._ahead = at, ahead
        return ahead


def longest_way(items: Collection[OrderItemRow]) -> int:
    """How many plans come one after the other, at the most; items that have ended are behind."""
    needs = {item.reference: item.depends_on for item in items if item.state not in FINAL}
    depth: dict[str, int] = {}
    for _ in needs:
        before = dict(depth)
        depth = {
            name: 1 + max((before.get(other, 1) for other in others if other in needs), default=0) for name, others in needs.items()
        }
        if depth == before:
            break
    return max(depth.values(), default=0)


def _of_late(session: Session) -> timedelta | None:
    """The median of the last plans that held."""
    rows = session.execute(
        select(PlanRow.started_at, PlanRow.finished_at)
        .where(PlanRow.state == PlanState.DONE, PlanRow.started_at.is_not(None))
        .order_by(PlanRow.id.desc())
        .limit(LATELY)
    ).all()
    took = sorted(end - begin for begin, end in rows if begin and end)
    return took[len(took) // 2] if took else None
