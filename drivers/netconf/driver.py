"""NETCONF over SSH, with sessions kept in a pool."""

from contextlib import suppress

from drivers.errors import EditRefused, ElementLocked
from drivers.netconf import rpc
from drivers.netconf.client import Client
from drivers.netconf.session import NetconfSession
from drivers.platform import load_platform
from drivers.pool import Pool
from drivers.port import Target


class NetconfDriver:
    """`limit` sessions per element at a time, each ended after `idle` seconds without use."""

    def __init__(self, *, limit: int = 4, idle: float = 60.0) -> None:
        self._pool: Pool[Client] = Pool(limit=limit, idle=idle)

    def open(self, target: Target, deadline: float) -> NetconfSession:
        platform = load_platform(target.platform)
        client = self._pool.take(target, target.element, deadline, lambda: Client.connect(target, deadline))
        return NetconfSession(
            target.element, platform, client, lambda reusable: self._pool.give(target, client, reusable=reusable)
        )  # fmt: skip

    def end_session(self, target: Target, session_id: str, deadline: float) -> None:
        if not session_id:
            return
        client = self._pool.take(target, target.element, deadline, lambda: Client.connect(target, deadline))
        try:
            # ours, and kept in the pool: it holds nothing
            if client.session_id != session_id:
                with suppress(EditRefused, ElementLocked):
                    client.request(rpc.kill_session(session_id), deadline)
        finally:
            self._pool.give(target, client, reusable=True)

    def close(self) -> None:
        self._pool.close()
