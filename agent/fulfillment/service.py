"""Fulfilment as the daemon, the API and the command line use it."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session

from agent.fulfillment import approving, freezes, resolution, waiting
from agent.fulfillment.amendment import Amendment, Amendments
from agent.fulfillment.attendance import Attendance
from agent.fulfillment.bouncing import Bouncer
from agent.fulfillment.cancellation import CancellationRunner, Cancellations, CancelRequest
from agent.fulfillment.designer import Designer
from agent.fulfillment.doors import CredentialResolver, DriverLookup, InventoryDoors
from agent.fulfillment.drift import Comparer, Drift
from agent.fulfillment.driftdesk import DAEMON, DRIFT_WORK, DriftDesk, DriftVerb, Watch, unwatched
from agent.fulfillment.driftrun import DriftRunner
from agent.fulfillment.events import Announcer, Follower, Presenter, nobody
from agent.fulfillment.freezes import NewFreeze
from agent.fulfillment.jeopardy import Lookout
from agent.fulfillment.journal import Checkpoint, no_checkpoint
from agent.fulfillment.lifecycle import ServiceLifecycle
from agent.fulfillment.measuring import Measure, unmeasured
from agent.fulfillment.orders import OrderDesk, Placed
from agent.fulfillment.outcome import CANCEL_WORK, PLAN_WORK, Outcomes
from agent.fulfillment.overtaken import RECHECK_WORK
from agent.fulfillment.pace import Pace
from agent.fulfillment.plan import Verb
from agent.fulfillment.preview import Preview
from agent.fulfillment.realisation import Realisation
from agent.fulfillment.recheck import Rechecker
from agent.fulfillment.redeployment import Redeployer
from agent.fulfillment.removal import remove
from agent.fulfillment.requests import OrderRequest
from agent.fulfillment.rerouting import CLIENT as REROUTES
from agent.fulfillment.rerouting import Rerouter
from agent.fulfillment.runner import PlanRunner, elements_of
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.stalls import Stalls
from agent.fulfillment.tables import DriftRunRow, FreezeRow, OrderCancellationRow, OrderItemRow, OrderRow, PlanRow
from agent.fulfillment.tools import Tools
from agent.fulfillment.worker import Handler, Worker
from drivers.platform import Platforms
from inventory.db import Database, once_committed
from inventory.work import WorkQueue
from policies.catalog import Catalog
from policies.values import Clock


@dataclass(frozen=True, slots=True)
class Parts:
    """What fulfilment is built from."""

    database: Database
    clock: Clock
    catalog: Catalog
    queue: WorkQueue
    drivers: DriverLookup
    credentials: CredentialResolver
    lifecycle: ServiceLifecycle
    settings: FulfilmentSettings = field(default_factory=FulfilmentSettings)
    known_hosts: Path | None = None
    presenter: Presenter | None = None
    follower: Follower = nobody
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    """Other kinds of work that the worker is to do."""
    platforms: Platforms = field(default_factory=Platforms)
    checkpoint: Checkpoint = no_checkpoint
    measure: Measure = unmeasured
    drift_watch: Watch = unwatched
    """Hears how elements stand against the intent."""


class FulfilmentService:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        announcer = Announcer(parts.presenter, parts.follower)
        realises = {name: parts.platforms.load(name).realises for name in parts.platforms.names()}
        designer = Designer(parts.catalog, parts.platforms.load, realises)
        pace = Pace(PLAN_WORK, parts.settings.workers, learns=parts.settings.carries_out)
        self._desk = OrderDesk(designer, parts.queue, announcer, parts.settings, pace)
        realisation = Realisation(parts.lifecycle, announcer, parts.platforms.load)
        self.rerouter = Rerouter(self._desk)
        self._announcer = announcer
        self._amendments = Amendments(parts.queue, announcer, parts.settings, pace)
        outcomes = self._outcomes = Outcomes(parts.queue, realisation, announcer, parts.settings, pace)
        self._cancellations = Cancellations(self._desk, outcomes, parts.queue, announcer)
        self._lookout = Lookout(parts.database, announcer, pace)
        stalls = Stalls(parts.clock, parts.settings.stall_after.total_seconds())
        doors = InventoryDoors(
            parts.database,
            parts.drivers,
            parts.credentials,
            lambda name: parts.platforms.load(name).protocol,
            parts.known_hosts,
            parts.platforms.place,
        )
        comparer = Comparer(parts.database, doors, parts.platforms.load)
        self.drift = DriftDesk(comparer, parts.queue, parts.clock, parts.settings, parts.platforms.load, parts.drift_watch)
        tools = Tools(
            database=parts.database,
            clock=parts.clock,
            queue=parts.queue,
            doors=doors,
            lifecycle=parts.lifecycle,
            outcomes=outcomes,
            settings=parts.settings,
            pause=time.sleep,
            stalls=stalls,
            stopping=lambda: self.worker.stopping,
            checkpoint=parts.checkpoint,
            measure=parts.measure,
            gone=lambda name: self.worker.name.is_gone(name),  # noqa: PLW0108  the worker is made below
        )
        self.bouncer = Bouncer(parts.queue, parts.settings, parts.platforms.load)
        self.redeployer = redeployer = Redeployer(parts.queue, parts.settings, parts.platforms.load)
        rechecker = Rechecker(parts.database, parts.clock, parts.queue, doors, parts.platforms.load, comparer, redeployer)
        own: dict[str, Handler] = {
            PLAN_WORK: PlanRunner(tools),
            RECHECK_WORK: rechecker,
            CANCEL_WORK: CancellationRunner(parts.database, parts.clock, parts.queue, self._cancellations),
            DRIFT_WORK: DriftRunner(parts.database, self.drift, self.wake, lambda: self.worker.stopping),
        }
        handlers = {**own, **parts.handlers} if parts.settings.carries_out else dict(parts.handlers)
        self.attendance = Attendance(parts.database, parts.queue, parts.clock, own)
        elements = partial(elements_of, parts.database)
        self.worker = Worker(
            parts.database, parts.queue, handlers, parts.clock, parts.settings, stalls=stalls, elements_of=elements
        )

    # -- orders --------------------------------------------------------------------------------------------------------

    def place(self, session: Session, request: OrderRequest, client: str, at: datetime) -> Placed:
        """Inside the caller's transaction; the worker is woken once it is committed. Raises `OrderRefused`."""
        placed = self._desk.place(session, request, client, at)
        once_committed(session, self.worker.kick)
        return placed

    def submit(self, request: OrderRequest, client: str) -> OrderRow:
        """In a transaction of its own. Raises `OrderRefused`."""
        return self._parts.database.together(
            lambda session: self.place(session, request, client, self._parts.clock.now()).order,
        )

    def plan_only(self, request: OrderRequest, *, for_anybody: bool = False) -> Preview:
        """What placing it would take and change, with nothing kept and nothing touched. Raises `OrderRefused` as placing would.

        `for_anybody`: it may name no customer.
        """
        return self._desk.imagine(self._parts.database, request, self._parts.clock.now(), for_anybody=for_anybody)

    def amend(self, session: Session, order_id: str, wanted: Amendment, at: datetime) -> OrderRow:
        """Change what was said of an order beside its items. `Missing` or `StateRefused`."""
        order = self._amendments.amend(session, order_id, wanted, at)
        once_committed(session, self.worker.kick)
        return order

    def remove(self, session: Session, order_id: str, at: datetime) -> OrderRow:
        """Forget an order that has ended. `Missing` or `StateRefused`."""
        return remove(session, order_id, self._announcer, at)

    def cancel(self, session: Session, request: CancelRequest, client: str, at: datetime) -> OrderCancellationRow:
        """TMF641's cancelServiceOrder. Done at once where nothing has begun, else carried out by the worker.

        Raises `Missing`, or `StateRefused` when the order has ended or is being cancelled.
        """
        row = self._cancellations.cancel(session, request, client, at)
        once_committed(session, self.worker.kick)
        return row

    def complete_wait(self, session: Session, order_id: str, item: str, at: datetime, *, by: str, note: str = "") -> OrderItemRow:
        """Another system has completed what the item waits for. Raises `Missing` or `StateRefused`."""
        row = waiting.complete_wait(session, self._outcomes, order_id, item, at, by=by, note=note)
        once_committed(session, self.worker.kick)
        return row

    # -- operators -----------------------------------------------------------------------------------------------------

    def resolve(self, session: Session, element: str, verb: Verb, *, by: str, at: datetime) -> str:
        """An operator's word about an element in doubt; the plan's id. `Missing` or `ResolutionRefused`."""
        plan_id = resolution.resolve(session, self._parts.queue, element, verb, by=by, at=at)
        once_committed(session, self.worker.kick)
        return plan_id

    def approve(self, session: Session, plan_id: str, at: datetime, *, by: str, note: str = "") -> PlanRow:
        """Raises `Missing`, or `StateRefused` when the plan needs no approval or has had another answer."""
        plan = approving.approve(session, self._parts.queue, plan_id, at, by=by, note=note)
        once_committed(session, self.worker.kick)
        return plan

    def reject(self, session: Session, plan_id: str, at: datetime, *, by: str, note: str = "") -> PlanRow:
        """Its items fail with the note. Raises as `approve` does."""
        plan = approving.reject(session, self._parts.queue, plan_id, at, by=by, note=note)
        once_committed(session, self.worker.kick)
        return plan

    def add_freeze(self, session: Session, freeze: NewFreeze, at: datetime, *, by: str) -> FreezeRow:
        """No plan begins in that time; what has begun goes on. Raises `FreezeMalformed`."""
        return freezes.add_freeze(session, freeze, at, by=by)

    def end_freeze(self, session: Session, freeze_id: str, at: datetime, *, by: str) -> FreezeRow:
        """What it held back begins. Raises `Missing` or `StateRefused`."""
        row = freezes.end_freeze(session, freeze_id, at, by=by)
        waiting.wake_frozen(session, self._outcomes, at)
        once_committed(session, self.worker.kick)
        return row

    async def look_out(self) -> None:
        """Raise the jeopardy alerts that time has brought about; for the scheduler."""
        await asyncio.to_thread(lambda: self._lookout.look(self._parts.clock.now()))

    # -- drift ---------------------------------------------------------------------------------------------------------

    def redeploy(self, session: Session, drifts: Sequence[Drift]) -> str:
        """Put right what has drifted; the plan's id. Raises `StateRefused` when nothing has, or nothing may be changed now."""
        plan_id = self.drift.redeploy(session, drifts)
        once_committed(session, self.worker.kick)
        return plan_id

    def redeploy_back(self, session: Session, plan_id: str, at: datetime) -> str:
        """Put back what stood there before a redeployment; the plan's id. Raises `Missing`, or `StateRefused`."""
        made = self.redeployer.back(session, plan_id, at)
        once_committed(session, self.worker.kick)
        return made

    def bounce(self, session: Session, reference: str, at: datetime, rest: timedelta | None = None) -> str:
        """Shut a customer port (`element/port`) for a moment, `rest` long if that is said; the plan's id.

        Raises `Missing`, or `StateRefused`.
        """
        plan_id = self.bouncer.plan(session, reference, at, rest)
        once_committed(session, self.worker.kick)
        return plan_id

    def move(self, session: Session, service_id: str, avoid: frozenset[str], reason: str, at: datetime) -> OrderRow:
        """Take a service off these links (names); the order. Raises `StateRefused` or `OrderRefused`."""
        return self.place(session, self.rerouter.request(session, service_id, avoid, reason), REROUTES, at).order

    def begin_drift_run(
        self, session: Session, verb: DriftVerb, elements: Collection[str] | None, *, dry_run: bool, by: str
    ) -> DriftRunRow:
        """In the background, for these elements or for all that services stand on. Raises `Missing`."""
        run = self.drift.begin(session, verb, elements, dry_run=dry_run, by=by)
        once_committed(session, self.worker.kick)
        return run

    async def audit_drift(self) -> None:
        """Compare every element that services stand on; for the scheduler."""
        await asyncio.to_thread(self._audit_drift)

    def _audit_drift(self) -> None:
        with self._parts.database.write() as session:
            if not self.drift.was_audited(session):
                self.begin_drift_run(session, DriftVerb.CHECK, None, dry_run=False, by=DAEMON)

    # -- the worker ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take up what a dead predecessor left, then work."""
        self._outcomes.realisation.backfill(self._parts.database)
        self.worker.start()

    def wake(self) -> None:
        """There is new work."""
        self.worker.kick()

    def stop(self, timeout: timedelta = timedelta(seconds=10)) -> bool:
        """Finish the present steps or leave them to the journal; whether all ended in time."""
        return self.worker.stop(timeout)
