"""Drift as operators use it: check, diff, redeploy and adopt; one element, one service, or many in the background."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from agent.fulfillment.adoption import Adoption, adopt, adoption
from agent.fulfillment.drift import Comparer, Drift, DriftState
from agent.fulfillment.errors import Missing, OrderMalformed, Refusal
from agent.fulfillment.intents import STANDING, standing
from agent.fulfillment.parallel import in_parallel
from agent.fulfillment.redeployment import Redeployer
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.tables import DriftRow, DriftRunRow
from drivers.platform import Platform
from inventory.services import parts_of, service_row
from inventory.tables import ElementRow, ServicePartRow, ServiceRow
from inventory.work import Work, WorkQueue
from policies.values import Clock, new_id

DRIFT_WORK = "drift"
"""Kind of the work item of a run; its key is the run's id."""
AT_ONCE = 16
MOST_TOLD = 50
"""Deviations per element that are kept; a device that was replaced deviates in everything."""
DAEMON = "daemon"
"""By whom the daily comparison is begun."""
ONCE_IN = timedelta(hours=12)
KEEP_RUNS = timedelta(days=30)


class DriftVerb(StrEnum):
    CHECK = "check-sync"
    DIFF = "diff"
    REDEPLOY = "redeploy"
    ADOPT = "adopt"


Watch = Callable[[Session, Drift, datetime], None]
"""Hears of every element that was compared as a whole, in the transaction that notes it."""


def unwatched(session: Session, drift: Drift, at: datetime) -> None:
    del session, drift, at


@dataclass(frozen=True, slots=True)
class DriftDesk:
    comparer: Comparer
    queue: WorkQueue
    clock: Clock
    settings: FulfilmentSettings
    platforms: Callable[[str], Platform]
    watch: Watch = unwatched

    # -- one element or service ----------------------------------------------------------------------------------------

    def check(self, element: str) -> Drift:
        """Compare the element and note what was found. `Missing`."""
        return self.check_all([element])[0]

    def check_all(self, elements: Sequence[str]) -> list[Drift]:
        """Several at once; in their order."""
        with self.comparer.database.read() as session:
            _require(session, elements)
        drifts = in_parallel([partial(self.comparer.compare, name) for name in elements], AT_ONCE)
        with self.comparer.database.write() as session:
            self.note(session, drifts)
        return drifts

    def note(self, session: Session, drifts: Sequence[Drift]) -> None:
        """Keep what was found, and raise or clear alarms."""
        at = self.clock.now()
        for drift in drifts:
            _keep(session, drift, at)
            self.watch(session, drift, at)

    def check_service(self, service_id: str) -> list[Drift]:
        """Its part on every element that it has one on. `UnknownObject`; `OrderMalformed` when nothing of it is to stand."""
        with self.comparer.database.read() as session:
            elements = _elements_of(session, service_id)
        return in_parallel([partial(self.comparer.compare, name, service_id) for name in elements], AT_ONCE)

    def redeploy(self, session: Session, drifts: Sequence[Drift]) -> str:
        """One plan for those that have drifted; its id. `StateRefused` when none has. The worker is to be woken."""
        return Redeployer(self.queue, self.settings, self.platforms).plan(session, drifts, self.clock.now())

    def would_adopt(self, session: Session, drift: Drift) -> Adoption:
        """`StateRefused` as `adopt` does."""
        if drift.state is not DriftState.DRIFTED:
            return Adoption(drift.element, {})
        return adoption(self.platforms(drift.platform), standing(session, [drift.element])[drift.element], drift)

    def adopt(self, session: Session, drift: Drift) -> Adoption:
        """What stands there becomes the intent, and the element is in sync. `StateRefused` when no service can say it."""
        at = self.clock.now()
        done = adopt(session, self.platforms, drift, at)
        self.note(session, [Drift(drift.element, DriftState.IN_SYNC, platform=drift.platform, digest=drift.digest)])
        return done

    # -- many ----------------------------------------------------------------------------------------------------------

    def begin(self, session: Session, verb: DriftVerb, elements: Collection[str] | None, *, dry_run: bool, by: str) -> DriftRunRow:
        """Do it to these elements, or to all that services stand on, in the background. `Missing`. The worker is to be woken."""
        at = self.clock.now()
        if elements is None:
            elements = sorted(session.scalars(_with_services()))
        else:
            _require(session, elements)
        session.execute(delete(DriftRunRow).where(DriftRunRow.finished_at < at - KEEP_RUNS))
        session.execute(delete(DriftRow).where(DriftRow.element.not_in(select(ElementRow.name))))
        run = DriftRunRow(
            id=new_id("drf", at),
            verb=verb,
            elements=list(dict.fromkeys(elements)),
            service_id="",
            dry_run=dry_run,
            by=by,
            state="waiting",
            results=[],
            created_at=at,
        )
        session.add(run)
        session.flush()
        self.queue.submit(session, Work(DRIFT_WORK, run.id), at)
        return run

    def was_audited(self, session: Session) -> bool:
        """Whether another daemon on this database has begun today's comparison."""
        since = self.clock.now() - ONCE_IN
        mine = select(DriftRunRow.id).where(DriftRunRow.by == DAEMON, DriftRunRow.created_at > since)
        return session.scalars(mine.limit(1)).first() is not None


def told(drift: Drift) -> dict[str, Any]:
    """For people and programs, bounded."""
    return {
        "element": drift.element,
        "state": drift.state.value,
        "reason": drift.reason,
        "digest": drift.digest,
        "services": list(drift.services),
        "missing": list(drift.missing[:MOST_TOLD]),
        "unexpected": list(drift.unexpected[:MOST_TOLD]),
    }


def _keep(session: Session, drift: Drift, at: datetime) -> None:
    """What was known before stays while nobody could look."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    found = {
        "state": drift.state.value,
        "reason": drift.reason,
        "digest": drift.digest,
        "missing": list(drift.missing[:MOST_TOLD]),
        "unexpected": list(drift.unexpected[:MOST_TOLD]),
        "checked_at": at,
    }
    statement = insert(DriftRow).values(element=drift.element, **found)
    session.execute(statement.on_conflict_do_update(index_elements=["element"], set_=found))


def _with_services() -> Any:  # noqa: ANN401  a SELECT of names
    return (
        select(ElementRow.name)
        .join(ServicePartRow, ServicePartRow.element_id == ElementRow.id)
        .join(ServiceRow, ServiceRow.id == ServicePartRow.service_id)
        .where(ServiceRow.state.in_(STANDING))
        .distinct()
    )


def _require(session: Session, elements: Collection[str]) -> None:
    known = set(session.scalars(select(ElementRow.name).where(ElementRow.name.in_(list(elements)))))
    for name in elements:
        if name not in known:
            raise Missing("element", name)


def _elements_of(session: Session, service_id: str) -> list[str]:
    row = service_row(session, service_id)
    if row.state not in STANDING:
        message = f"service {service_id} is {row.state}: nothing of it is to stand on the network"
        raise OrderMalformed(Refusal("serviceNotStanding", service_id, message, "compare an active one"))
    return [part.element for part in parts_of(session, service_id)]
