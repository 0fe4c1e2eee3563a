"""Daemons to talk to: the real API over a small operator, and one that answers what a test says."""

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from structlog.testing import capture_logs

from agent.api.server import ApiServer
from agent.config import ApiSettings
from agent.security.roles import Role
from tests.agent.api.office import Office

PATIENCE_S = 60.0


class ServedOffice:
    """The real API, in a loop of its own."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.server = ApiServer(ApiSettings(port=0))
        self.token = office.tokens[Role.ADMIN]
        self._silence = ExitStack()
        """What the daemon logs must not come between what a command prints: here both are one process."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    @property
    def url(self) -> str:
        return self.server.url

    def __enter__(self) -> Self:
        self._silence.enter_context(capture_logs())
        self._thread.start()
        self._run(self.server.start(self.office.app))
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()
        self._silence.close()

    def _run(self, coroutine) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S)


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: object = None
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    broken: bool = False
    """Hang up instead."""

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Stub:
    """Answers with `reply(call)`; keeps the calls."""

    def __init__(self, reply: Callable[[Call], Reply]) -> None:
        self.calls: list[Call] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                call = Call(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                stub.calls.append(call)
                answer = reply(call)
                if answer.broken:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in {"Content-Type": answer.kind, **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            do_POST = do_GET  # noqa: N815  the name that http.server looks for

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(PATIENCE_S)
        self._server.server_close()
