"""How the objectives of the periods that go on stand, for all services at once, as Prometheus shows them.

What costs something is reckoned once for several scrapes. A service without trouble in its period has spent nothing and is
not reckoned.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from agent.assurance.levels.accounts import accounts
from agent.assurance.levels.budgets import reviews_of
from agent.assurance.levels.impact import DOWN, UNKNOWN
from agent.assurance.tables import ServiceStateRow
from crm_bridge.book import PolicyBook
from crm_bridge.promises import Promise, Promises
from inventory.tables import ServiceRow
from policies.values import Interval
from policies.verdicts import AVAILABILITY

KEPT_FOR = timedelta(seconds=60)
"""How old what is shown may be."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Of one objective of one service."""

    service_id: str
    rule: str
    target: Decimal
    """Per cent."""
    spent: float
    """Share of what may be bad in the period; above 1 when the objective is missed."""
    breach_at: datetime | None
    """Missed from then on, as it goes now; None when it will not be in this period."""


class BudgetBook:
    """Asked by threads of scrapes that may come at the same time."""

    def __init__(self, book: PolicyBook) -> None:
        self._promises = Promises(book)
        self._known: Sequence[Budget] = ()
        self._as_of: datetime | None = None
        self._guard = threading.Lock()

    def of_all(self, session: Session, at: datetime) -> Sequence[Budget]:
        """Of all active services, at most a minute old."""
        with self._guard:
            if self._as_of is None or not timedelta() <= at - self._as_of < KEPT_FOR:
                self._known, self._as_of = tuple(self._reckon(session, at)), at
            return self._known

    def _reckon(self, session: Session, at: datetime) -> Iterable[Budget]:
        active = list(session.scalars(select(ServiceRow.id).where(ServiceRow.state == "active")))
        promises = self._promises.of(session, active, at)
        since = min((promise.sla.period_at(at).start for promise in promises.values()), default=at)
        troubled = _troubled(session, since)
        reckoned = {key: promise for key, promise in promises.items() if key in troubled or promise.sla.indicators}
        for key, promise in promises.items():
            if key not in reckoned:
                yield Budget(key, AVAILABILITY, promise.sla.availability, 0.0, None)
        yield from _reviewed(session, reckoned, since, at)


def _troubled(session: Session, since: datetime) -> set[str]:
    row = ServiceStateRow
    recent = (row.state.in_((DOWN, UNKNOWN)), or_(row.end.is_(None), row.end >= since))
    return set(session.scalars(select(row.service_id).where(*recent).distinct()))


def _reviewed(session: Session, promises: Mapping[str, Promise], since: datetime, at: datetime) -> Iterable[Budget]:
    if not promises:
        return
    until = max(promise.sla.period_at(at).end for promise in promises.values())
    for key, account in accounts(session, promises, Interval(min(since, at - timedelta(seconds=1)), at), until).items():
        for each in reviews_of(account, at):
            view = each.forecast
            spent = view.spent / view.budget if view.budget else float(bool(view.spent))
            yield Budget(key, each.goal.rule, each.goal.percent, spent, view.breach_at)
