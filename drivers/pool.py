"""Sessions kept for the next use: bounded in number per element and in idle time."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

from drivers.errors import ElementTimeout


class Pooled(Protocol):
    @property
    def alive(self) -> bool:
        """Whether it can be used again, as far as is known without asking the element."""
        ...

    def end(self) -> None:
        """Close it. Never raises."""
        ...


Connection = TypeVar("Connection", bound=Pooled)


class Pool(Generic[Connection]):
    """Thread-safe. At most `limit` sessions per key at a time; what nobody used for `idle` seconds is ended."""

    def __init__(self, *, limit: int = 4, idle: float = 60.0) -> None:
        self._limit, self._idle = limit, idle
        self._free: dict[Hashable, list[tuple[float, Connection]]] = defaultdict(list)
        self._leased: Counter[Hashable] = Counter()
        self._changed = threading.Condition()
        self._reaper: threading.Timer | None = None

    def take(self, key: Hashable, element: str, deadline: float, connect: Callable[[], Connection]) -> Connection:
        """A session that was kept, or a new one; waits while the element has its full number."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._leased[key] < self._limit, deadline - time.monotonic()):
                raise ElementTimeout(element, f"all {self._limit} sessions to it are in use; try again or allow more")
            self._leased[key] += 1
        try:
            return self._kept(key) or connect()
        except BaseException:
            self._release(key)
            raise

    def give(self, key: Hashable, connection: Connection, *, reusable: bool) -> None:
        """Take a session back; ended unless it is reusable and alive.

        One that died ends those kept beside it: what broke it (a restart, a lost path) broke them, and they do not know yet.
        """
        alive = connection.alive
        keep = reusable and alive
        ended = [] if keep else [connection]
        with self._changed:
            if keep:
                self._free[key].append((time.monotonic(), connection))
                self._schedule()
            elif not alive:
                ended += [kept for _, kept in self._free.pop(key, [])]
        for each in ended:
            each.end()
        self._release(key)

    def close(self) -> None:
        """End every session that nobody uses, and reap no more."""
        with self._changed:
            if self._reaper:
                self._reaper.cancel()
                self._reaper = None
            ended = [connection for kept in self._free.values() for _, connection in kept]
            self._free.clear()
        for connection in ended:
            connection.end()

    def _kept(self, key: Hashable) -> Connection | None:
        """The one used last: it is the most likely to be alive. To find out may take a moment, which others need not wait for."""
        while (connection := self._pop(key)) is not None:
            if connection.alive:
                return connection
            connection.end()
        return None

    def _pop(self, key: Hashable) -> Connection | None:
        with self._changed:
            kept = self._free.get(key)
            return kept.pop()[1] if kept else None

    def _release(self, key: Hashable) -> None:
        with self._changed:
            self._leased[key] -= 1
            if not self._leased[key]:
                del self._leased[key]
            self._changed.notify_all()

    def _schedule(self) -> None:
        if self._reaper is None:
            self._reaper = threading.Timer(self._idle, self._reap)
            self._reaper.daemon = True
            self._reaper.start()

    def _reap(self) -> None:
        limit = time.monotonic() - self._idle
        with self._changed:
            self._reaper = None
            expired = [connection for kept in self._free.values() for since, connection in kept if since <= limit]
            self._free = defaultdict(
                list, {key: left for key, kept in self._free.items() if (left := [item for item in kept if item[0] > limit])}
            )
            if self._free:
                self._schedule()
        for connection in expired:
            connection.end()
