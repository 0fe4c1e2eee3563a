"""The worker: claims due work, gives it to threads, keeps its leases, and stops within a deadline.

One dispatcher thread looks for work and renews; `workers` threads do it, and more while those are stuck in an element that does
not answer, so that it delays nobody else's work. All are daemons: what hangs in a driver does not keep the process from ending,
and the journal lets another go on.
"""

import os
import secrets
import socket
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from agent.fulfillment.admission import Admission
from agent.fulfillment.errors import Interrupted
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.stalls import Stalls
from inventory.db import Database
from inventory.notices import Notices
from inventory.work import Claim, Work, WorkQueue
from policies.values import Clock

log = structlog.get_logger(__name__)

Handler = Callable[[Claim], None]
"""Does the work, and finishes or releases the claim in the transaction of its outcome."""
ElementsOf = Callable[[Collection[Work]], Mapping[str, Collection[str]]]
"""Key → elements, for work that is about elements."""

SOON_S = 0.1
LATER = timedelta(seconds=2)
STEP = timedelta(seconds=1)
"""Less is how clocks are kept right."""
GATHER_S = 0.01
"""While there is work in hand, what comes is claimed together."""


def no_elements(work: Collection[Work]) -> Mapping[str, Collection[str]]:
    del work
    return {}


class WorkerName:
    """`host/pid/token`: names a worker so that its successor on the same host can tell whether it lives."""

    def __init__(self) -> None:
        self.host, self.pid = socket.gethostname(), os.getpid()
        self._text = f"{self.host}/{self.pid}/{secrets.token_hex(4)}"

    def __str__(self) -> str:
        return self._text

    def is_gone(self, other: str) -> bool:
        """Whether `other` was a worker of this host whose process is no more (or is this very one, born again)."""
        host, _, rest = other.rpartition("/")[0].rpartition("/")
        if host != self.host or other == self._text or not rest.isdigit():
            return False
        return int(rest) == self.pid or not _lives(int(rest))


class Worker:
    """`elements_of` tells which elements work of a kind will touch, by key: those are worked on one at a time."""

    def __init__(
        self,
        database: Database,
        work: WorkQueue,
        handlers: Mapping[str, Handler],
        clock: Clock,
        settings: FulfilmentSettings,
        *,
        stalls: Stalls | None = None,
        elements_of: ElementsOf = no_elements,
    ) -> None:
        self.name = WorkerName()
        self._database = database
        self._work = work
        self._handlers = dict(handlers)
        self._clock = clock
        self._settings = settings
        self._elements_of = elements_of
        self._stalls = stalls or Stalls(clock, settings.stall_after.total_seconds())
        self._stalls.at_point = self._leave_place
        self._notices = Notices(database, self.kick)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._admission = Admission(self._stalls.silent, lane=settings.silent_at_once)
        self._claims: dict[str, Claim] = {}
        self._unheld: frozenset[str] = frozenset()
        """Claims that were not held any more as leases were last renewed."""
        self._kept = clock.now(), clock.monotonic()
        """When leases were last renewed."""
        self._more = False
        """There was more work than was claimed."""
        self._idle = 0
        self._dispatcher: threading.Thread | None = None
        self._threads: set[threading.Thread] = set()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    @property
    def busy(self) -> int:
        """How many claims are in hand."""
        with self._changed:
            return len(self._claims)

    def start(self) -> None:
        """Take up at once what a dead predecessor on this host left, then go on."""
        abandoned = self._work.abandon(self.name.is_gone, self._clock.now())
        if abandoned:
            log.warning("taking over after a worker that died", plans=abandoned)
        self._notices.start()
        self._dispatcher = threading.Thread(target=self._dispatch, name="fulfilment", daemon=True)
        self._dispatcher.start()

    def kick(self) -> None:
        """There may be work: look now."""
        self._more = True
        self._wake.set()

    def stop(self, timeout: timedelta) -> bool:
        """Take nothing new and let the present steps end; whether all did in time. What did not is in the journal."""
        self._stopping.set()
        self._notices.stop()
        self._wake.set()
        deadline = self._clock.monotonic() + timeout.total_seconds()
        with self._changed:
            self._changed.notify_all()
            threads = [*self._threads, *([self._dispatcher] if self._dispatcher else [])]
        for thread in threads:
            thread.join(max(0.0, deadline - self._clock.monotonic()))
        ended = not any(thread.is_alive() for thread in threads)
        if not ended:
            log.warning("stopped with work in hand; the journal says how it goes on", plans=self.busy)
        return ended

    # -- the dispatcher ------------------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        while not self._stopping.is_set() or self.busy:
            try:
                at = self._keep()
                if self._stopping.is_set():
                    self._give_back()
                else:
                    self._claim(at)
                    self._put_off()
                    self._staff()
            except Exception:
                log.exception("looking for work failed; trying again")
            self._wake.wait(self._pause)
            if self._claims:
                self._stopping.wait(GATHER_S)
            self._wake.clear()

    @property
    def _pause(self) -> float:
        """Sooner when work waits: a thread may turn out to be stuck, and a plan may be tired of waiting."""
        poll = self._settings.poll.total_seconds()
        return min(poll, SOON_S) if self._admission.waiting or self._stopping.is_set() else poll

    def _keep(self) -> datetime:
        """Renew what is to be renewed. Returns the time of day by which that was done, for what is claimed next.

        On SQLite leases are counted by it: when it was set forward, our own would be due to be claimed again. When it was set
        back, what is put back to be tried in a moment would wait for so much longer.
        """
        at, now = self._clock.now(), self._clock.monotonic()
        passed = timedelta(seconds=now - self._kept[1])
        step = at - self._kept[0] - passed
        if abs(step) >= STEP or passed >= self._settings.lease / 4:
            self._renew(at)
            if step <= -STEP:
                log.warning("the time of day was set back; work that waits to be tried again is tried now", by=str(-step))
                self._work.hasten(-step, at)
            self._kept = at, now
        return at

    def _claim(self, at: datetime) -> None:
        room = self._settings.backlog - self._admission.waiting
        if room < self._settings.backlog // 2:
            return
        self._more = False
        claims = self._work.claim(self._handlers, str(self.name), at, self._settings.lease, limit=room)
        if not claims:
            return
        elements = self._elements(claims)
        with self._changed:
            self._more = self._more or len(claims) == room
            for claim in claims:
                self._claims[claim.id] = claim
                self._admission.add(claim, elements.get(claim.work.key, ()), self._clock.monotonic())
            self._wake_for(len(claims))

    def _put_off(self) -> None:
        """What would wait long here waits in the queue instead, and leaves its place to others."""
        with self._changed:
            crowd = self._admission.crowd()
        for claim in crowd:
            self._put_back(
                claim, "its turn has not come: others are before it on its element, or that is silent", LATER, counted=False
            )
            self._lay_down(claim)

    def _elements(self, claims: Sequence[Claim]) -> Mapping[str, Collection[str]]:
        try:
            return self._elements_of([claim.work for claim in claims])
        except Exception:
            log.exception("which elements the work is about is not known; it will find out by itself")
            return {}

    def _staff(self) -> None:
        """As many threads as there is work for, up to `workers`; those that are stuck in an element are made up for, to a bound."""
        with self._changed:
            wanted = min(self._bound(), len(self._threads) - self._idle + self._admission.waiting)
            for _ in range(wanted - len(self._threads)):
                thread = threading.Thread(target=self._labour, name="fulfilment-plan", daemon=True)
                thread.start()  # it takes nothing up before we let go of the lock
                self._threads.add(thread)
            self._wake_for(self._admission.waiting)

    def _bound(self) -> int:
        """Of threads: as many plans as are with elements may wait for the database besides."""
        return min(2 * self._settings.workers + self._stalls.stalled(), max(self._settings.workers, self._settings.most_workers))

    def _places(self) -> int:
        """How many more plans may begin. Those that are stuck in an element do not count, nor those that wait for the database."""
        beside = self._stalls.stalled() + min(self._stalls.at_points, self._settings.workers)
        return self._settings.workers + beside - (len(self._threads) - self._idle)

    def _wake_for(self, plans: int) -> None:
        """Threads for so many plans, as far as there are places: who wakes without one only sleeps again. Under `_changed`."""
        wanted = min(plans, self._idle, self._places())
        if wanted > 0:
            self._changed.notify(wanted)

    def _leave_place(self) -> None:
        """A plan waits for the database: another one may begin."""
        if self._idle and self._admission.waiting:
            with self._changed:
                self._wake_for(1)

    def _give_back(self) -> None:
        """What has not begun is for another to do."""
        with self._changed:
            waiting = self._admission.withdraw()
        for claim in waiting:
            self._put_back(claim, "fabd was stopped", timedelta(), counted=False)
            self._lay_down(claim)

    def _renew(self, at: datetime) -> None:
        with self._changed:
            claims = list(self._claims.values())
        if not claims:
            return
        held = self._work.renew(claims, at, self._settings.lease)
        before, self._unheld = self._unheld, frozenset(claim.id for claim in claims) - held
        for claim in claims:
            # once is no news: what has just been finished is still in hand until its commit is durable
            if claim.id in self._unheld & before and self._is_held(claim):
                log.warning("lease lost; another worker goes on", kind=claim.work.kind, key=claim.work.key)

    def _is_held(self, claim: Claim) -> bool:
        with self._changed:
            return self._claims.get(claim.id) == claim

    # -- the others ----------------------------------------------------------------------------------------------------

    def _labour(self) -> None:
        try:
            while (claim := self._take_up()) is not None:
                try:
                    self._do(claim)
                finally:
                    self._lay_down(claim)
        finally:
            with self._changed:
                self._threads.discard(threading.current_thread())  # however it ends

    def _take_up(self) -> Claim | None:
        """The next that may begin. None when this thread is not needed any more."""
        with self._changed:
            while not self._stopping.is_set() and len(self._threads) <= self._bound():
                has_place = self._places() >= 0  # it is not idle, so it is counted as one that has a plan
                claim = self._admission.next(self._clock.monotonic()) if has_place else None
                if claim is not None:
                    self._wake_for(min(self._admission.waiting, 1))
                    return claim
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            self._threads.discard(threading.current_thread())
            self._wake_for(min(self._admission.waiting, 1))
            return None

    def _lay_down(self, claim: Claim) -> None:
        with self._changed:
            self._admission.done(claim)
            if self._claims.get(claim.id) == claim:  # else it was claimed anew after its lease had ended
                del self._claims[claim.id]
            low = self._more and self._admission.waiting <= self._settings.backlog // 2
        self._stalls.forget(claim.work.key)
        if low or self._stopping.is_set():
            self._wake.set()

    def _do(self, claim: Claim) -> None:
        facts = {"kind": claim.work.kind, "key": claim.work.key, "attempt": claim.attempts}
        self._stalls.beat(claim.work.key)
        try:
            self._handlers[claim.work.kind](claim)
        except Interrupted as interrupted:
            log.warning("work interrupted", reason=str(interrupted), **facts)
            self._put_back(claim, str(interrupted), self._settings.retry.delay(claim.attempts))
        except Exception as error:
            log.exception("work failed", **facts)
            self._put_back(claim, f"{type(error).__name__}: {error}", self._settings.retry.delay(claim.attempts))

    def _put_back(self, claim: Claim, reason: str, delay: timedelta, *, counted: bool = True) -> None:
        """To be tried again later; nothing happens when the claim is another worker's by now."""
        at = self._clock.now()
        try:
            with self._database.write() as session:
                self._work.release(session, claim, at, run_at=at + delay, error=reason, counted=counted)
        except Exception:
            log.exception("work could not be put back; its lease will end", kind=claim.work.kind, key=claim.work.key)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
