"""Remote write as a whole: what the scheduler calls, what the daemon starts and stops, and what `/metrics` shows of it."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx

from agent.assurance.collection.tracks import Shown
from agent.assurance.figures import EXPIRY
from agent.config import RemoteWriteSettings
from agent.errors import ConfigurationError
from agent.metrics import Family, Sample
from agent.prometheus.receivers import Resolve, client
from agent.prometheus.remote.gathering import SERIES, Batch, Gathering
from agent.prometheus.remote.waiting import Line, Lost, Sender
from agent.prometheus.targets import ELEMENTS, JOBS
from policies.values import Clock

LOOK_EVERY = timedelta(seconds=1)
LAST_S = 1.0
"""How long the end of the daemon waits for what is in the line."""
HEADERS = {
    "content-encoding": "snappy",
    "content-type": "application/x-protobuf",
    "x-prometheus-remote-write-version": "0.1.0",
}


def too_short(settings: RemoteWriteSettings) -> str:
    """What is wrong with a line that never has room for one port; "" for nothing."""
    if settings.queue >= SERIES:
        return ""
    return f"{settings.queue} samples are fewer than one port has, and none would ever be sent; set it to {SERIES} or more"


class RemoteWrite:
    def __init__(
        self, settings: RemoteWriteSettings, clock: Clock, resolve: Resolve, shown: Callable[[], Shown], lifetime_s: float
    ) -> None:
        """`lifetime_s`: the interval of polling; series end after three of them. Raises `ConfigurationError`."""
        if problem := too_short(settings):
            raise ConfigurationError([f"remote_write.queue: {problem}"])
        self._settings, self._clock, self._resolve = settings, clock, resolve
        self._shown, self._lifetime_s = shown, EXPIRY * lifetime_s
        self._line = Line(clock, settings.queue, settings.give_up_s)
        self._gathering = Gathering({})
        self._client: httpx.AsyncClient | None = None
        self._sending: asyncio.Task[None] | None = None

    def start(self, instance: str) -> None:
        """Within the loop. `instance`: this daemon as others scrape it (host:port), so that series go together with theirs."""
        own = {"job": JOBS[ELEMENTS], "instance": instance}
        self._gathering = Gathering(own | self._settings.labels)
        self._client = client(self._settings.timeout_s, self._settings.credential, self._resolve, HEADERS)
        self._sending = asyncio.create_task(Sender(self._line, self._client, self._settings.url).run(), name="remote write")

    async def look(self) -> None:
        """One turn; called by the scheduler."""
        if self._line.room:
            self._line.put(await asyncio.to_thread(self._gather, self._line.room))

    async def stop(self) -> None:
        """What can be delivered at once still is."""
        if self._sending is None or self._client is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_S):
                while self._line.waiting and not self._sending.done():  # noqa: ASYNC110  a second at most, once
                    await asyncio.sleep(LAST_S / 20)
        self._sending.cancel()
        await asyncio.wait({self._sending}, timeout=LAST_S)
        await self._client.aclose()
        self._line.abandon()

    def families(self) -> Iterator[Family]:
        yield Family("fabd_remote_write_samples_total", "counter", "Samples delivered.", [Sample({}, self._line.sent)])
        lost = dict(self._line.lost) | {Lost.OVERTAKEN: self._gathering.overtaken}
        drops = [Sample({"reason": reason.value}, lost.get(reason, 0)) for reason in Lost]
        yield Family("fabd_remote_write_samples_dropped_total", "counter", "Samples that were lost.", drops)
        waiting = [Sample({}, self._line.waiting)]
        yield Family("fabd_remote_write_samples_waiting", "gauge", "Samples that wait to be delivered.", waiting)

    def _gather(self, room: int) -> list[Batch]:
        return list(self._gathering.gather(self._shown(), room, self._clock.now().timestamp(), self._lifetime_s))
