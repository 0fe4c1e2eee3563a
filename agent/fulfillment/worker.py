"""The worker: claims due work, gives it to threads, keeps its leases, and stops within a deadline.

One dispatcher thread looks for work and renews; `workers` threads do it. All are daemons: what hangs in a driver does not
keep the process from ending, and the journal lets another go on.
"""

import os
import queue
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta

import structlog

from agent.fulfillment.errors import Interrupted
from agent.fulfillment.settings import FulfilmentSettings
from inventory.db import Database
from inventory.work import Claim, WorkQueue
from policies.values import Clock

log = structlog.get_logger(__name__)

Handler = Callable[[Claim], None]
"""Does the work, and finishes or releases the claim in the transaction of its outcome."""


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
    def __init__(
        self, database: Database, work: WorkQueue, handlers: Mapping[str, Handler], clock: Clock, settings: FulfilmentSettings
    ) -> None:
        self.name = WorkerName()
        self._database = database
        self._work = work
        self._handlers = dict(handlers)
        self._clock = clock
        self._settings = settings
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._due: queue.SimpleQueue[Claim | None] = queue.SimpleQueue()
        self._claims: dict[str, Claim] = {}
        self._guard = threading.Lock()
        self._threads: list[threading.Thread] = []

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    @property
    def busy(self) -> int:
        """How many claims are being worked on."""
        with self._guard:
            return len(self._claims)

    def start(self) -> None:
        """Take up at once what a dead predecessor on this host left, then go on."""
        abandoned = self._work.abandon(self.name.is_gone, self._clock.now())
        if abandoned:
            log.warning("taking over after a worker that died", plans=abandoned)
        targets = [self._dispatch, *[self._labour] * self._settings.workers]
        self._threads = [threading.Thread(target=target, name=f"fulfilment-{n}", daemon=True) for n, target in enumerate(targets)]
        for thread in self._threads:
            thread.start()

    def kick(self) -> None:
        """There may be work: look now."""
        self._wake.set()

    def stop(self, timeout: timedelta) -> bool:
        """Take nothing new and let the present steps end; whether all did in time. What did not is in the journal."""
        self._stopping.set()
        self._wake.set()
        for _ in range(self._settings.workers):
            self._due.put(None)
        deadline = self._clock.monotonic() + timeout.total_seconds()
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._clock.monotonic()))
        ended = not any(thread.is_alive() for thread in self._threads)
        if not ended:
            log.warning("stopped with work in hand; the journal says how it goes on", plans=self.busy)
        return ended

    def _dispatch(self) -> None:
        renewal = self._settings.lease / 4
        renewed, renewed_at = self._clock.monotonic(), self._clock.now()
        while not self._stopping.is_set() or self.busy:
            try:
                # leases are counted by the time of day: when that was set forward, ours would be due to be claimed again
                passed = max(timedelta(seconds=self._clock.monotonic() - renewed), abs(self._clock.now() - renewed_at))
                if passed >= renewal:
                    self._renew()
                    renewed, renewed_at = self._clock.monotonic(), self._clock.now()
                if not self._stopping.is_set():
                    self._claim()
            except Exception:
                log.exception("looking for work failed; trying again")
            self._wake.wait(self._settings.poll.total_seconds())
            self._wake.clear()

    def _claim(self) -> None:
        free = self._settings.workers - self.busy
        if free <= 0:
            return
        claims = self._work.claim(self._handlers, str(self.name), self._clock.now(), self._settings.lease, limit=free)
        with self._guard:
            self._claims |= {claim.id: claim for claim in claims}
        for claim in claims:
            self._due.put(claim)

    def _renew(self) -> None:
        with self._guard:
            claims = list(self._claims.values())
        if not claims:
            return
        held = self._work.renew(claims, self._clock.now(), self._settings.lease)
        for claim in claims:
            if claim.id not in held and self._is_held(claim):
                log.warning("lease lost; another worker goes on", kind=claim.work.kind, key=claim.work.key)

    def _is_held(self, claim: Claim) -> bool:
        with self._guard:
            return self._claims.get(claim.id) == claim

    def _labour(self) -> None:
        while (claim := self._due.get()) is not None:
            try:
                self._do(claim)
            finally:
                with self._guard:
                    if self._claims.get(claim.id) == claim:  # else it was claimed anew after its lease had ended
                        del self._claims[claim.id]
                self._wake.set()

    def _do(self, claim: Claim) -> None:
        facts = {"kind": claim.work.kind, "key": claim.work.key, "attempt": claim.attempts}
        try:
            self._handlers[claim.work.kind](claim)
        except Interrupted as interrupted:
            log.warning("work interrupted", reason=str(interrupted), **facts)
            self._put_back(claim, str(interrupted))
        except Exception as error:
            log.exception("work failed", **facts)
            self._put_back(claim, f"{type(error).__name__}: {error}")

    def _put_back(self, claim: Claim, reason: str) -> None:
        """To be tried again later; nothing happens when the claim is another worker's by now."""
        at = self._clock.now()
        try:
            with self._database.write() as session:
                self._work.release(session, claim, at, run_at=at + self._settings.retry.delay(claim.attempts), error=reason)
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
