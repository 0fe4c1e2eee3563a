"""An ASGI application behind a real socket, served in a loop of its own."""

import asyncio
import socket
import threading

from starlette.types import ASGIApp

from agent.api.server import ApiServer
from agent.config import ApiSettings

PATIENCE_S = 60.0


class Listening:
    def __init__(self, app: ASGIApp, **settings) -> None:
        self.server = ApiServer(ApiSettings(port=0, **settings))
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self._run(self.server.start(app))
        self.port = int(self.server.url.rpartition(":")[2])

    def stop(self) -> None:
        self._run(self.server.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE_S)
        self.loop.close()

    def _run(self, coroutine) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE_S)

    def connect(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def raw(self, *pieces: bytes) -> bytes:
        """All that is answered until the server closes."""
        with self.connect() as client:
            for piece in pieces:
                client.sendall(piece)
            return rest_of(client)


def rest_of(client: socket.socket) -> bytes:
    answer = b""
    try:
        while piece := client.recv(65536):
            answer += piece
    except ConnectionResetError:
        pass
    return answer
