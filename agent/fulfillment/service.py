"""Fulfilment as the daemon, the API and the command line use it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.orm import Session

from agent.fulfillment import resolution
from agent.fulfillment.designs import Designer
from agent.fulfillment.doors import CredentialResolver, DriverLookup, InventoryDoors
from agent.fulfillment.events import Announcer, Presenter
from agent.fulfillment.journal import Checkpoint, no_checkpoint
from agent.fulfillment.lifecycle import ServiceLifecycle
from agent.fulfillment.orders import OrderDesk, Placed
from agent.fulfillment.outcome import PLAN_WORK, Outcomes
from agent.fulfillment.plan import Verb
from agent.fulfillment.preview import Preview
from agent.fulfillment.progress import Tools
from agent.fulfillment.realisation import Realisation
from agent.fulfillment.requests import OrderRequest
from agent.fulfillment.runner import PlanRunner
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.tables import OrderRow
from agent.fulfillment.worker import Handler, Worker
from drivers.platform import Platforms
from inventory.db import Database
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
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    """Other kinds of work that the worker is to do."""
    platforms: Platforms = field(default_factory=Platforms)
    checkpoint: Checkpoint = no_checkpoint


class FulfilmentService:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        announcer = Announcer(parts.presenter)
        realises = {name: parts.platforms.load(name).realises for name in parts.platforms.names()}
        designer = Designer(parts.catalog, parts.platforms.load, realises)
        self._desk = OrderDesk(designer, parts.queue, announcer, parts.settings)
        realisation = Realisation(parts.lifecycle, announcer)
        outcomes = Outcomes(parts.queue, realisation, announcer, parts.settings)
        tools = Tools(
            database=parts.database,
            clock=parts.clock,
            queue=parts.queue,
            doors=InventoryDoors(
                parts.database,
                parts.drivers,
                parts.credentials,
                lambda name: parts.platforms.load(name).protocol,
                parts.known_hosts,
                parts.platforms.place,
            ),
            lifecycle=parts.lifecycle,
            outcomes=outcomes,
            settings=parts.settings,
            pause=time.sleep,
            stopping=lambda: self.worker.stopping,
            checkpoint=parts.checkpoint,
        )
        handlers: dict[str, Handler] = {PLAN_WORK: PlanRunner(tools), **parts.handlers}
        self.worker = Worker(parts.database, parts.queue, handlers, parts.clock, parts.settings)

    # -- orders --------------------------------------------------------------------------------------------------------

    def place(self, session: Session, request: OrderRequest, client: str, at: datetime) -> Placed:
        """Inside the caller's transaction; the worker is woken once it is committed. Raises `OrderRefused`."""
        placed = self._desk.place(session, request, client, at)
        event.listen(session, "after_commit", lambda _session: self.worker.kick(), once=True)
        return placed

    def submit(self, request: OrderRequest, client: str) -> OrderRow:
        """In a transaction of its own. Raises `OrderRefused`."""
        with self._parts.database.write() as session:
            return self.place(session, request, client, self._parts.clock.now()).order

    def plan_only(self, request: OrderRequest) -> Preview:
        """What placing it would take and change, with nothing kept and nothing touched. Raises `OrderRefused` as placing would."""
        return self._desk.imagine(self._parts.database, request, self._parts.clock.now())

    # -- operators -----------------------------------------------------------------------------------------------------

    def resolve(self, session: Session, element: str, verb: Verb, *, by: str, at: datetime) -> str:
        """An operator's word about an element in doubt; the plan's id. `Missing` or `ResolutionRefused`."""
        plan_id = resolution.resolve(session, self._parts.queue, element, verb, by=by, at=at)
        event.listen(session, "after_commit", lambda _session: self.worker.kick(), once=True)
        return plan_id

    # -- the worker ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take up what a dead predecessor left, then work."""
        self.worker.start()

    def stop(self, timeout: timedelta = timedelta(seconds=10)) -> bool:
        """Finish the present steps or leave them to the journal; whether all ended in time."""
        return self.worker.stop(timeout)
