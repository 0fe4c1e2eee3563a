"""The HTTP listener: uvicorn on a socket that is bound before anything else starts, so that a taken port is found first."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from agent.api.connection import Connection
from agent.api.door import Door
from agent.api.tls import server_context
from agent.config import ApiSettings
from agent.errors import AddressInUse

START_DEADLINE_S = 10.0
TICK_S = 1.0
KEEP_ALIVE_S = 20
"""Longer than the usual clients keep a connection that rests (5 to 15 s): who ends first is the one who would send next, so that no
request is sent into a connection that is just being closed."""
GRACE_S = 3
"""Requests under way get this long when the daemon stops."""


class _QuietServer(uvicorn.Server):
    """Leaves the process's signals to the daemon, and looks once a second where uvicorn looks ten times, mostly for an end."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    def end(self) -> None:
        self.should_exit = True
        self._ending.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # a tick of this number brings the `Date` of answers up to date
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._ending.wait()


class ApiServer:
    def __init__(self, settings: ApiSettings) -> None:
        """Binds; raises `AddressInUse`, or `ConfigurationError` for a certificate or key that cannot be used."""
        self._settings = settings
        self._tls = server_context(settings)
        self._socket = _bind(settings.host, settings.port)
        self._server: _QuietServer | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        host, port = self._socket.getsockname()[:2]
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    async def start(self, app: ASGIApp) -> None:
        config = self._config(app)
        self._server = server = _QuietServer(config)
        self._task = asyncio.create_task(server.serve(sockets=[self._socket]), name="api")
        async with asyncio.timeout(START_DEADLINE_S):
            while not server.started and not self._task.done():  # noqa: ASYNC110  uvicorn tells by an attribute only
                await asyncio.sleep(0.01)
        if self._task.done():
            await self._task

    async def stop(self) -> None:
        if self._server and self._task:
            self._server.end()
            await asyncio.wait({self._task}, timeout=GRACE_S + 2)
        self._socket.close()

    def _config(self, app: ASGIApp) -> uvicorn.Config:
        tls, proxies = self._tls, self._settings.trusted_proxies
        return uvicorn.Config(
            app,
            http=partial(Connection, door=Door(self._settings.max_connections)),  # type: ignore[arg-type]  # called, never subclassed
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # without it uvicorn believes everybody on this machine who says that somebody else is calling
            proxy_headers=bool(proxies),
            forwarded_allow_ips=proxies,
            ssl_context_factory=(lambda *_: tls) if tls else None,
            timeout_graceful_shutdown=GRACE_S,
            timeout_keep_alive=KEEP_ALIVE_S,
        )


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(256)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(f"{host} port {port} is taken by another program; stop it or set api.port (--port)") from None
        raise AddressInUse(f"cannot listen on {host} port {port}: {error.strerror}; set api.host and api.port") from None
    return listener
