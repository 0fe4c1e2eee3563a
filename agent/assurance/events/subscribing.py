"""Who is subscribed to: the elements whose attribute `notifications` asks for it, kept up with the inventory."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import select

from agent.assurance.events.heard import heard_until, keep
from agent.assurance.events.translation import Notice
from drivers.netconf.notifications import Notification, Subscription
from drivers.port import Target
from inventory.db import Database
from inventory.tables import ElementRow, EndpointRow
from policies.values import Clock

log = structlog.get_logger(__name__)

ATTRIBUTE = "notifications"
"""Element attribute: true where fabd shall subscribe."""
QUEUE = 10_000
NOT_SUBSCRIBED = "not subscribed"
NO_ROOM = NOT_SUBSCRIBED + ": {most} elements are at most (notifications.elements); those before it by name come first"

TargetOf = Callable[[ElementRow, EndpointRow], Target]
"""Raises what the credential resolver raises."""


@dataclass
class Subscribing:
    """Made in the loop that reads `queue`; subscriptions run in threads of their own."""

    database: Database
    clock: Clock
    target_of: TargetOf
    most: int = 256
    longest_pause_s: float = 60.0
    beyond: frozenset[str] = frozenset()
    """Elements that ask for it, and for which there is no room."""
    dropped: int = 0
    """Notifications that there was no room for; their elements are looked at as a whole."""
    queue: asyncio.Queue[Notice] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    _subscriptions: dict[str, Subscription] = field(default_factory=dict)
    _resumed: set[str] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _loop: asyncio.AbstractEventLoop | None = None
    _kept: dict[str, datetime] | None = None
    """How far each was heard, as the database has it."""

    async def refresh(self) -> None:
        """Subscribe to those that ask for it now, and to no others."""
        self._loop = asyncio.get_running_loop()
        wanted, beyond = await asyncio.to_thread(self._wanted)
        self._tell(beyond)
        known = await asyncio.to_thread(self._keep, frozenset(wanted))
        for name, subscription in list(self._subscriptions.items()):
            if wanted.get(name) != subscription.target:
                subscription.stop()
                del self._subscriptions[name]
        for name, target in wanted.items():
            if name not in self._subscriptions:
                made = Subscription(target, self._heard, self._resume, self.longest_pause_s, latest=known.get(name))
                self._subscriptions[name] = made
                made.start()

    def standing(self) -> Mapping[str, str]:
        """Element → how its subscription stands."""
        held = {name: subscription.standing for name, subscription in self._subscriptions.items()}
        return dict(sorted((held | dict.fromkeys(self.beyond, NO_ROOM.format(most=self.most))).items()))

    def take_resumed(self) -> frozenset[str]:
        """Elements that may have said something that nobody heard."""
        with self._guard:
            taken, self._resumed = frozenset(self._resumed), set()
        return taken

    def stop(self) -> None:
        """Also when the database cannot take down how far they were heard; that is raised afterwards."""
        try:
            if self._subscriptions:
                self._keep(frozenset(self._subscriptions))
        finally:
            subscriptions = list(self._subscriptions.values())
            self._subscriptions.clear()
            for subscription in subscriptions:
                subscription.stop()

    def _keep(self, wanted: frozenset[str]) -> Mapping[str, datetime]:
        """Writes how far each was heard, where that is news; returns it."""
        if self._kept is None:
            with self.database.read() as session:
                self._kept = heard_until(session)
        held = {name: subscription.latest for name, subscription in list(self._subscriptions.items())}
        heard = {name: at for name, at in held.items() if at is not None and at != self._kept.get(name)}
        if heard or not self._kept.keys() <= wanted:
            with self.database.write() as session:
                keep(session, heard, wanted)
            self._kept = {name: at for name, at in (self._kept | heard).items() if name in wanted}
        return self._kept

    def _tell(self, beyond: frozenset[str]) -> None:
        if beyond and beyond != self.beyond:
            log.warning(
                "not subscribed: more elements ask for notifications than are subscribed to; raise notifications.elements",
                elements=len(beyond),
                most=self.most,
                first=min(beyond),
            )
        self.beyond = beyond

    def _wanted(self) -> tuple[dict[str, Target], frozenset[str]]:
        """And those that want it beyond the bound."""
        statement = (
            select(ElementRow, EndpointRow)
            .join(EndpointRow, EndpointRow.element_id == ElementRow.id)
            .where(EndpointRow.protocol == "netconf", ElementRow.administrative != "locked")
            .order_by(ElementRow.name)
        )
        targets: dict[str, Target] = {}
        beyond = set[str]()
        with self.database.read() as session:
            for element, endpoint in session.execute(statement):
                if not element.attributes.get(ATTRIBUTE):
                    continue
                if len(targets) >= self.most:
                    beyond.add(element.name)
                    continue
                try:
                    targets[element.name] = self.target_of(element, endpoint)
                except (LookupError, OSError, ValueError) as error:
                    log.warning("not subscribed", element=element.name, reason=str(error))
        return targets, frozenset(beyond)

    def _heard(self, found: Notification) -> None:
        """In the thread of the subscription."""
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended meanwhile, and nobody listens any more
                self._loop.call_soon_threadsafe(self._put, found)

    def _put(self, found: Notification) -> None:
        told = "" if found.event_time is None else found.event_time.isoformat()
        try:
            self.queue.put_nowait(Notice(self.clock.now(), found.element, found.name, found.leaves, told))
        except asyncio.QueueFull:
            self.dropped += 1
            self._resume(found.element)

    def _resume(self, element: str) -> None:
        with self._guard:
            self._resumed.add(element)
