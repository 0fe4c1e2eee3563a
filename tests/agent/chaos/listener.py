"""A customer's system that listens for events over HTTP, and is as unreliable as such systems are."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import loads
from typing import Any, Literal

from tests.agent.installation import HOST

Answer = Literal["takes it", "refuses", "hangs up", "takes it and hangs up"]
"""Hanging up is before any answer."""
Event = dict[str, Any]


@dataclass
class Listener:
    """Takes what it is told, but for what `once` says of the next one."""

    events: list[Event] = field(default_factory=list)
    """Those taken; again those whose answer the daemon did not live to see."""
    port: int = 0
    _next: tuple[Answer, Callable[[], object]] | None = None
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def once(self, answer: Answer, meanwhile: Callable[[], object]) -> None:
        """The next event that comes is answered so, after `meanwhile`."""
        with self._turn:
            self._next = answer, meanwhile

    @contextmanager
    def listening(self) -> Iterator[None]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answer = listener._hear(loads(self.rfile.read(int(self.headers["content-length"]))))
                if not answer.endswith("hangs up"):
                    self.send_response(204 if answer == "takes it" else 500)
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                """Not to the terminal."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """The daemon was killed while it waited for the answer."""

        with Server((HOST, 0), Handler) as server:
            self.port = server.server_port
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()

    def first_heard(self) -> dict[str, list[str]]:
        """Ids of events by the order or service that they are about, each where it came for the first time."""
        heard: dict[str, list[str]] = {}
        for event in self.events:
            (resource,) = event["event"].values()
            of_this = heard.setdefault(resource["id"], [])
            if event["eventId"] not in of_this:
                of_this.append(event["eventId"])
        return heard

    def _hear(self, event: Event) -> Answer:
        with self._turn:
            answer, meanwhile = self._next or ("takes it", lambda: None)
            self._next = None
            if answer.startswith("takes it"):
                self.events.append(event)
            meanwhile()
            return answer
