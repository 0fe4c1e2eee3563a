"""What a connection makes of what is sent through it: a request whole, in pieces, many at once, with wishes, or none at all."""

import asyncio
import threading
from functools import wraps

import h11
import pytest
import uvicorn
from uvicorn.server import ServerState

from agent.api import connection
from agent.api.connection import LONGEST_PIECE, MOST_AHEAD, Connection, Door
from tests.agent.api.listening import PATIENCE_S, Listening, rest_of

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
        said = f"{scope['method']} {scope['path']} {scope['query_string'].decode()} ".encode() + body
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


class Talked(Listening):
    def __init__(self) -> None:
        self.application = Application()
        super().__init__(self.application)

    def said(self, *pieces: bytes) -> list[tuple[int, bytes]]:
        """Status and content of every answer until the connection ends. None of them is half of one."""
        return answers(self.raw(*pieces))


def answers(left: bytes) -> list[tuple[int, bytes]]:
    """As a strict client reads them, who would not take half of one for a whole."""
    found = []
    while left:
        reader = h11.Connection(h11.CLIENT)
        reader.send(h11.Request(method="GET", target="/", headers=[("Host", "fabd")]))
        reader.send(h11.EndOfMessage())
        reader.receive_data(left)
        events = []
        while not events or not isinstance(events[-1], h11.EndOfMessage):
            events.append(reader.next_event())
            assert events[-1] is not h11.NEED_DATA
        found.append((events[0].status_code, b"".join(event.data for event in events if isinstance(event, h11.Data))))
        left = reader.trailing_data[0]
    return found


@pytest.fixture
def listening():
    made = Talked()
    yield made
    made.stop()


LAST = b"GET /closes HTTP/1.1\r\nHost: fabd\r\n\r\n"
BYE = (200, b"bye")
CHUNKED = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n3;x=y\r\nbcd\r\n0\r\nTrailer: 1\r\n\r\n"
WISH = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"


def wishing(body: bytes) -> bytes:
    """As Java's own client begins every connection without TLS."""
    return request("/echo", body).replace(b"\r\n", b"\r\n" + WISH, 1)


ONE_AFTER_ANOTHER = {
    "an echo": ([request("/echo/%C3%A4%00?a=b%20c&d", b"hello")], ["POST /echo/ä\0 a=b%20c&d hello"]),
    "in pieces": ([request("/echo", b"hello")[:-3], b"ll", b"o"], ["POST /echo  hello"]),
    "octet by octet": ([bytes([each]) for each in request("/echo", b"hello")], ["POST /echo  hello"]),
    "without a body": ([request("/echo", method="GET")], ["GET /echo  "]),
    "large": ([request("/echo", LARGE)], ["POST /echo  " + LARGE.decode()]),
    "two at once": ([request("/echo", b"a") + request("/echo", b"b", "PUT")], ["POST /echo  a", "PUT /echo  b"]),
    "many at once": ([request("/echo", b"a") * 40], ["POST /echo  a"] * 40),
    "the next one in two halves": (
        [request("/echo", b"a") + request("/echo", b"b")[:30], request("/echo", b"b")[30:]],
        ["POST /echo  a", "POST /echo  b"],
    ),
    "chunks, extensions and trailers": ([CHUNKED + request("/echo", b"b")], ["POST /echo  abcd", "POST /echo  b"]),
    "a wish for another protocol": ([wishing(b"hello") + request("/echo", b"b")], ["POST /echo  hello", "POST /echo  b"]),
    "the wish in pieces": ([wishing(b"hello")[:100], wishing(b"hello")[100:-2], b"lo"], ["POST /echo  hello"]),
    "a wish without a body": ([wishing(b"")], ["POST /echo  "]),
    "many wishes at once": ([wishing(b"hello") * 100], ["POST /echo  hello"] * 100),
    "an answer in chunks": ([request("/chunks", method="GET")], ["one" + "two" * 10 + "."]),
    "refused before the body has come": ([request("/early", b"hello")[:-3], b"llo"], ["no"]),
    "half a line after it": (
        [request("/echo", b"a") + b"GE", b"T /echo HTTP/1.1\r\nHost: x\r\n\r\n"],
        ["POST /echo  a", "GET /echo  "],
    ),
}


@pytest.mark.parametrize(("pieces", "told"), ONE_AFTER_ANOTHER.values(), ids=ONE_AFTER_ANOTHER.keys())
def test_requests_are_answered_in_their_order_however_they_come(listening, pieces, told):
    found = listening.said(*pieces, LAST)
    assert [body.decode() for _, body in found] == [*told, "bye"]


def test_an_answer_without_content_leaves_the_next_one_where_it_is(listening):
    assert listening.said(request("/nothing", method="DELETE"), LAST) == [(204, b""), BYE]


def test_head_has_the_head_alone(listening):
    answer = b"".join(listening.raw(b"HEAD /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").partition(b"\r\n\r\n")[1:])
    assert answer == b"\r\n\r\n"


@pytest.mark.parametrize("path", ["/fails", "/says_nothing"])
def test_a_request_that_breaks_the_application_is_answered_and_ends_the_connection(listening, path):
    assert listening.said(request(path), LAST) == [(500, b"Internal Server Error")]


NO_HTTP = {
    "no request": b"\0\r\n\r\n",
    "two hosts": b"GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no host": b"GET /echo HTTP/1.1\r\nAccept: */*\r\n\r\n",
    "a space before the colon": b"GET /echo HTTP/1.1\r\nHost : a\r\n\r\n",
    "a NUL in a field": b"GET /echo HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "a bare line feed": b"GET /echo HTTP/1.1\nHost: a\n\n",
    "length and chunks": b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
    "no length": b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nabcd",
    "another coding": b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "a coding before the chunks": b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "no chunk": b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a proxy's": b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    "a version to come": b"GET /echo HTTP/3.0\r\nHost: a\r\n\r\n",
    "a field without end": b"GET /echo HTTP/1.1\r\nHost: a\r\nX: " + b"x" * (4 * LONGEST_PIECE),
    "fields without end": b"GET /echo HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * LONGEST_PIECE,
    "an address without end": b"GET /" + b"x" * (4 * LONGEST_PIECE),
    "trailers without end": CHUNKED[:-2] + b"X: y\r\n" * LONGEST_PIECE,
    "an extension without end": CHUNKED[: CHUNKED.index(b"=")] + b"x" * (4 * LONGEST_PIECE),
}


@pytest.mark.parametrize("wrong", NO_HTTP.values(), ids=NO_HTTP.keys())
def test_what_is_no_http_is_refused_and_ends_the_connection(listening, wrong):
    with listening.connect() as client:
        client.sendall(request("/nothing"))
        assert client.recv(23) == b"HTTP/1.1 204 No Content"
        client.settimeout(PATIENCE_S)
        try:
            client.sendall(wrong)
        except OSError:  # refused before all of it has come
            return
        assert b"HTTP/1.1 400 Bad Request\r\n" in rest_of(client)


def test_what_was_asked_before_it_is_answered_and_not_refused_for_it(listening):
    assert listening.said(request("/echo", b"a") * 2 + b"\0\r\n") == [(200, b"POST /echo  a")] * 2


def test_what_was_asked_before_a_body_that_goes_wrong_is_answered(listening):
    wrong = CHUNKED[: CHUNKED.index(b"3;x")] + b"xyz\r\n"
    assert listening.said(request("/echo", b"a") * 2 + wrong) == [(200, b"POST /echo  a")] * 2


def test_an_old_clients_wish_leaves_it_an_old_client(listening):
    wish = b"GET /echo HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    assert listening.said(wish) == [(200, b"GET /echo  ")]
    assert listening.application.seen[0]["http_version"] == "1.0"


def test_trailers_are_nobodys(listening):
    late = CHUNKED.replace(b"Trailer: 1", b"Authorization: Bearer late")
    assert listening.said(late, LAST) == [(200, b"POST /echo  abcd"), BYE]
    assert b"authorization" not in dict(listening.application.seen[0]["headers"])


@pytest.mark.parametrize("path", ["/half", "/too_much", "/injects"])
def test_no_client_takes_an_answer_that_went_wrong_for_a_whole_one(listening, path):
    answer = listening.raw(request(path) + LAST)
    assert b"Set-Cookie" not in answer
    assert b"bye" not in answer
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 500 " in head or len(body) < 2


def test_what_an_application_is_told_of_a_request(listening):
    fields = b"Host: fabd\r\nX-Odd:  a b \r\nX-Empty:\r\nX-Latin: \xe4\r\n"
    listening.said(b"GET /echo/%C3%A4?a=%20 HTTP/1.1\r\n" + fields + b"\r\n", LAST)
    told = listening.application.seen[0]
    assert (told["method"], told["path"], told["raw_path"], told["query_string"]) == ("GET", "/echo/ä", b"/echo/%C3%A4", b"a=%20")
    assert (told["scheme"], told["http_version"], told["root_path"]) == ("http", "1.1", "")
    assert told["headers"] == [(b"host", b"fabd"), (b"x-odd", b"a b"), (b"x-empty", b""), (b"x-latin", b"\xe4")]


def test_an_old_client_is_answered_and_let_go(listening):
    assert listening.said(b"GET /echo HTTP/1.0\r\n\r\n") == [(200, b"GET /echo  ")]


def test_who_leaves_while_it_is_answered_is_noticed(listening):
    with listening.connect() as client:
        client.sendall(request("/waits", b"a"))
        assert client.recv(15) == b"HTTP/1.1 200 OK"
        assert not listening.application.left.is_set()
    assert listening.application.left.wait(PATIENCE_S)


def test_who_leaves_while_others_of_theirs_wait_is_noticed(listening):
    with listening.connect() as client:
        client.sendall(request("/waits", b"a") + request("/echo", b"b"))
        assert client.recv(15) == b"HTTP/1.1 200 OK"
    assert listening.application.left.wait(PATIENCE_S)


def test_no_more_requests_are_kept_than_may_wait(listening):
    with listening.connect() as client:
        client.sendall(request("/waits", b"a") + request("/echo", b"b") * 2 * MOST_AHEAD)
        assert client.recv(15) == b"HTTP/1.1 200 OK"
    assert listening.application.left.wait(PATIENCE_S)
    assert len(listening.application.seen) == 1


def test_those_that_may_wait_are_answered(listening):
    told = listening.said(request("/echo", b"b") * 2 * MOST_AHEAD)
    assert set(told) == {(200, b"POST /echo  b")}
    assert len(told) >= MOST_AHEAD


def test_a_server_that_stops_answers_first_what_was_asked(listening):
    with listening.connect() as client:
        client.sendall(request("/echo", b"hello")[:-1])
        client.sendall(b"o")
        assert client.recv(15) == b"HTTP/1.1 200 OK"
        stopping = asyncio.run_coroutine_threadsafe(listening.server.stop(), listening.loop)
        assert rest_of(client).endswith(b"hello")
        stopping.result(PATIENCE_S)


class Line(asyncio.Transport):
    """To a client who takes nothing while there is something `unsent`."""

    def __init__(self, unsent: int = 0) -> None:
        super().__init__({"sockname": ("127.0.0.1", 1), "peername": ("127.0.0.1", 2)})
        self.written, self.unsent = b"", unsent
        self.closing, self.aborted = False, asyncio.Event()

    def write(self, data) -> None:
        self.written += data

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True
        self.aborted.set()

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Held:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.let, self.done = asyncio.Event(), asyncio.Event()

    async def __call__(self, scope, _receive, send) -> None:
        self.begun.append(scope["path"])
        await self.let.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
        self.done.set()


def connected(application, line: Line) -> Connection:
    config = uvicorn.Config(application, ws="none", lifespan="off", log_config=None)
    made = Connection(config, ServerState(), {}, asyncio.get_running_loop(), door=Door(1))
    made.connection_made(line)
    return made


def in_a_loop(test):
    @wraps(test)
    def run(*arguments, **named) -> None:
        asyncio.run(test(*arguments, **named))

    return run


async def settled() -> None:
    """Whatever could begin has begun."""
    for _ in range(10):
        await asyncio.sleep(0)


@in_a_loop
async def test_a_stop_lets_what_is_answered_be_and_begins_nothing_that_waits_behind_it():
    held, line = Held(), Line()
    made = connected(held, line)
    made.data_received(request("/first") + request("/second") * 3)
    await settled()
    made.shutdown()
    made.data_received(request("/third"))
    held.let.set()
    await asyncio.wait_for(held.done.wait(), PATIENCE_S)
    await settled()
    assert held.begun == ["/first"]
    assert b"connection: close" in line.written
    assert line.closing
    made.connection_lost(None)


@in_a_loop
async def test_a_stop_closes_at_once_where_nothing_is_answered():
    line = Line()
    made = connected(Held(), line)
    made.shutdown()
    assert line.closing
    made.connection_lost(None)


@in_a_loop
async def test_nothing_is_begun_for_a_client_that_cannot_be_answered_any_more():
    held, line = Held(), Line()
    made = connected(held, line)
    line.close()
    made.data_received(request("/order"))
    await settled()
    assert held.begun == []
    made.connection_lost(None)


LAST_ANSWERS = {"of a request": LAST.replace(b"\r\n", b"\r\nConnection: close\r\n", 1), "of what is none": b"\0\r\n\r\n"}


@pytest.mark.parametrize("asked", LAST_ANSWERS.values(), ids=LAST_ANSWERS.keys())
@in_a_loop
async def test_who_does_not_take_the_last_answer_is_cut_off(monkeypatch, asked):
    monkeypatch.setattr(connection, "WRITE_DEADLINE_S", 0.0)
    held, line = Held(), Line(unsent=1)
    held.let.set()
    made = connected(held, line)
    made.data_received(asked)
    await asyncio.wait_for(line.aborted.wait(), PATIENCE_S)
    made.connection_lost(None)


@in_a_loop
async def test_who_takes_some_of_the_last_answer_and_no_more_is_cut_off(monkeypatch):
    monkeypatch.setattr(connection, "WRITE_DEADLINE_S", 0.0)
    line = Line(unsent=1)
    made = connected(Held(), line)
    made.pause_writing()
    line.close()
    made.resume_writing()
    await asyncio.wait_for(line.aborted.wait(), PATIENCE_S)
    made.connection_lost(None)
