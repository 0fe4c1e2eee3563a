"""A usual request is answered as h11 would have answered it, to the octet."""

import asyncio
import re
import socket
import threading

import pytest

from agent.api import connection
from agent.api.server import ApiServer
from agent.config import ApiSettings

PATIENCE_S = 60.0
HEAD = "{method} {path} HTTP/1.1\r\nHost: fabd\r\nContent-Length: {length}\r\nContent-Type: text/plain\r\n\r\n"
LARGE = b"x" * 70_000


def request(path: str, body: bytes = b"", method: str = "POST") -> bytes:
    return HEAD.format(method=method, path=path, length=len(body)).encode() + body


async def body_of(receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError
        body, more = body + message["body"], message["more_body"]
    return body


class Application:
    """Answers in every way that there is."""

    def __init__(self) -> None:
        self.left = threading.Event()
        self.seen: list[dict] = []

    async def __call__(self, scope, receive, send) -> None:
        self.seen.append(scope)
        await getattr(self, scope["path"].strip("/").partition("/")[0])(scope, receive, send)

    async def echo(self, scope, receive, send) -> None:
        body = await body_of(receive)
        said = f"{scope['method']} {scope['path']} {scope['query_string']} {scope['headers']} ".encode() + body
        await self._answer(send, 200, said, [(b"Content-Length", b"%d" % len(said)), (b"X-Odd", b"\xe4 \t!")])

    async def chunks(self, _scope, _receive, send) -> None:
        await send({"type": "http.response.start", "status": 201, "headers": [(b"Transfer-Encoding", b"chunked")]})
        for piece in (b"one", b"", b"two" * 10):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"."})

    async def nothing(self, _scope, _receive, send) -> None:
        await self._answer(send, 204, b"", [])

    async def early(self, _scope, _receive, send) -> None:
        """Before it has been asked what the body says."""
        await self._answer(send, 401, b"no", [(b"content-length", b"2")])

    async def closes(self, _scope, _receive, send) -> None:
        await self._answer(send, 200, b"bye", [(b"content-length", b"3"), (b"Connection", b"close")])

    async def fails(self, _scope, _receive, _send) -> None:
        raise LookupError("on purpose")

    async def says_nothing(self, _scope, _receive, _send) -> None:
        pass

    async def injects(self, _scope, _receive, send) -> None:
        await self._answer(send, 200, b"", [(b"content-length", b"0"), (b"X", b"a\r\nSet-Cookie: b")])

    async def half(self, _scope, _receive, send) -> None:
        await self._answer(send, 200, b"a", [(b"content-length", b"2")])

    async def too_much(self, _scope, _receive, send) -> None:
        await self._answer(send, 200, b"abc", [(b"content-length", b"2")])

    async def waits(self, _scope, receive, send) -> None:
        await body_of(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left.set()

    @staticmethod
    async def _answer(send, status, body, headers) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Listening:
    def __init__(self) -> None:
        self.application = Application()
        self.server = ApiServer(ApiSettings(port=0))
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self._run(self.server.start(self.application))

    def stop(self) -> None:
        self._run(self.server.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE_S)
        self.loop.close()

    def _run(self, coroutine) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE_S)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", int(self.server.url.rpartition(":")[2])), PATIENCE_S)

    def said(self, *pieces: bytes) -> bytes:
        """All that is answered to these and to one that ends the connection, without what the time of day is."""
        with self.connect() as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                client.sendall(piece)
            return re.sub(rb"(?m)^date: .*$", b"date: now\r", rest_of(client))


def rest_of(client: socket.socket) -> bytes:
    answer = b""
    try:
        while piece := client.recv(65536):
            answer += piece
    except ConnectionResetError:
        pass
    return answer


@pytest.fixture
def listening():
    made = Listening()
    yield made
    made.stop()


LAST = b"GET /closes HTTP/1.1\r\nHost: fabd\r\n\r\n"
CHUNKED = b"POST /echo HTTP/1.1\r\nHost: fabd\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
TWO_HOSTS = b"GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"
ONE_AFTER_ANOTHER = {
    "an echo": [request("/echo/%C3%A4%00?a=b%20c&d", b"hello")],
    "in pieces": [request("/echo", b"hello")[:-3], b"ll", b"o"],
    "without a body": [request("/echo", method="GET")],
    "as large as may be": [request("/echo", LARGE[:65536])],
    "larger": [request("/echo", LARGE)],
    "two at once": [request("/echo", b"a") + request("/echo", b"b", "PUT")],
    "many at once": [request("/echo", b"a") * 40],
    "the next one before the answer": [request("/echo", b"a") + request("/echo", b"b")[:30], request("/echo", b"b")[30:]],
    "an unusual one between": [
        request("/echo", b"a"),
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    ],
    "chunks": [request("/chunks", method="GET")],
    "nothing": [request("/nothing", method="DELETE")],
    "refused before the body has come": [request("/early", b"hello")[:-3], b"llo"],
    "half a line after it": [request("/echo", b"a") + b"GE", b"T /nothing HTTP/1.1\r\nHost: x\r\n\r\n"],
    "a failure": [request("/fails")],
    "no answer": [request("/says_nothing")],
}


@pytest.mark.parametrize("pieces", ONE_AFTER_ANOTHER.values(), ids=ONE_AFTER_ANOTHER.keys())
def test_the_answers_are_those_of_h11(listening, monkeypatch, pieces):
    quick = listening.said(*pieces, LAST)
    monkeypatch.setattr(connection, "read_head", lambda _: None)
    assert quick == listening.said(*pieces, LAST)
    assert quick.startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize(
    "wrong", [b"\0\r\n\r\n", b"GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"], ids=["no request", "two hosts"]
)
def test_what_is_wrong_after_a_usual_request_is_refused_and_ends_the_connection(listening, wrong):
    with listening.connect() as client:
        client.sendall(request("/nothing"))
        assert client.recv(23) == b"HTTP/1.1 204 No Content"
        client.sendall(wrong)
        assert b"HTTP/1.1 400 Bad Request\r\n" in rest_of(client)


@pytest.mark.parametrize("path", ["/half", "/too_much", "/injects"])
def test_no_client_takes_an_answer_that_went_wrong_for_a_whole_one(listening, path):
    answer = listening.said(request(path), LAST)
    assert b"200 OK" not in answer
    assert b"Set-Cookie" not in answer


def test_the_usual_request_is_none_of_h11s(listening, monkeypatch):
    monkeypatch.setattr("h11.Connection.next_event", None)
    with listening.connect() as client:
        for _ in range(2):
            client.sendall(request("/nothing"))
            assert client.recv(65536).startswith(b"HTTP/1.1 204 No Content\r\n")


def test_what_an_application_is_told_of_a_request_is_what_h11_tells_it(listening, monkeypatch):
    listening.said(request("/echo/%C3%A4?a", b"hello"), LAST)
    monkeypatch.setattr(connection, "read_head", lambda _: None)
    listening.said(request("/echo/%C3%A4?a", b"hello"), LAST)
    quick, _, slow, _ = ({**scope, "client": None} for scope in listening.application.seen)
    assert quick == slow


def test_who_leaves_while_it_is_answered_is_noticed(listening):
    with listening.connect() as client:
        client.sendall(request("/waits", b"a"))
        assert client.recv(15) == b"HTTP/1.1 200 OK"
        assert not listening.application.left.is_set()
    assert listening.application.left.wait(PATIENCE_S)


def test_a_server_that_stops_answers_first_what_was_asked(listening):
    with listening.connect() as client:
        client.sendall(request("/echo", b"hello")[:-1])
        client.sendall(b"o")
        assert client.recv(15) == b"HTTP/1.1 200 OK"
        stopping = asyncio.run_coroutine_threadsafe(listening.server.stop(), listening.loop)
        assert rest_of(client).endswith(b"hello")
        stopping.result(PATIENCE_S)
