"""A small HTTP server of a test: what a daemon posts to is somebody else's, over a socket."""

import asyncio
from typing import Self


class Listener:
    """Answers requests, one after the other on each connection; `answered` says with what."""

    path = ""

    def __init__(self) -> None:
        self._open: dict[asyncio.Task, asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{self.path}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._open.values():
            writer.close()
        await asyncio.gather(*self._open)
        await self._server.wait_closed()

    def answered(self, head: str, body: bytes) -> tuple[str, str]:
        """Status with its phrase, and text."""
        raise NotImplementedError

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[asyncio.current_task()] = writer
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(next(line for line in head.lower().splitlines() if line.startswith("content-length")).split(":")[1])
                status, text = self.answered(head, await reader.readexactly(length))
                writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(text)}\r\n\r\n{text}".encode())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
