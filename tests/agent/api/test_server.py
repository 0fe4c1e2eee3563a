"""Over a real socket: what comes in too large, too slowly or not at all as HTTP should be."""

import json
import socket
import threading
from http.client import HTTPResponse

import httpx
import pytest

from agent.api import body, connection
from agent.api.server import ApiServer
from agent.config import ApiSettings
from agent.errors import AddressInUse
from agent.security.roles import Role
from tests.agent.api.listening import PATIENCE_S, Listening, rest_of
from tests.agent.api.office import ORDERS, Office
from tests.agent.installation import eventually

pytestmark = pytest.mark.any_database  # the same request without a socket is tested on both

LIMIT = 10_000


class Served(Listening):
    """The office."""

    def __init__(self, office: Office, app=None, **settings) -> None:
        super().__init__(app or office.app, **settings)
        self.office = office
        self.headers = {"Authorization": f"Bearer {office.tokens[Role.ADMIN]}", "Content-Type": "application/json"}

    def post(self, content, **headers) -> httpx.Response:
        with httpx.Client(timeout=PATIENCE_S, trust_env=False) as client:
            return client.post(f"{self.server.url}{ORDERS}", content=content, headers=self.headers | headers)


@pytest.fixture
def serve(database, clock):
    begun = []

    def begin(app=None, **settings) -> Served:
        begun.append(Served(Office(database, clock, max_body_bytes=LIMIT), app, **settings))
        return begun[-1]

    yield begin
    for each in begun:
        each.stop()


@pytest.fixture
def served(serve):
    return serve()


def status_of(client: socket.socket) -> int:
    """Of the next answer, which is read whole."""
    with HTTPResponse(client) as answer:
        answer.begin()
        answer.read()
        return answer.status


def padded(office, size) -> bytes:
    order = json.dumps(office.order() | {"description": ""}).encode()
    return order.replace(b'"description": ""', b'"description": "%s"' % (b"x" * (size - len(order))))


def test_a_body_up_to_the_limit_is_taken(served):
    content = padded(served.office, LIMIT)
    assert (len(content), served.post(content).status_code) == (LIMIT, 201)


@pytest.mark.parametrize("size", [LIMIT + 1, 5_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_larger_one_is_refused_however_it_is_sent(served, size, chunked):
    content = padded(served.office, size)
    answer = served.post((content[at : at + 4096] for at in range(0, size, 4096)) if chunked else content)
    assert (answer.status_code, answer.json()["code"]) == (413, "bodyTooLarge")
    assert f"larger than {LIMIT} bytes" in answer.json()["message"]
    assert "api.max_body_bytes" in answer.json()["message"]
    assert served.office.get(ORDERS).json() == []


def test_a_client_that_asks_first_is_told_before_it_sends(served):
    head = [f"POST {ORDERS} HTTP/1.1", "Host: x", "Connection: close", "Content-Length: 5000000", "Expect: 100-continue"]
    head += [f"{name}: {value}" for name, value in served.headers.items()]
    answer = served.raw("\r\n".join([*head, "", ""]).encode())
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_body_that_does_not_come_is_not_waited_for_without_end(served, monkeypatch):
    monkeypatch.setattr(body, "READ_DEADLINE_S", 0.1)
    head = [f"POST {ORDERS} HTTP/1.1", "Host: x", "Connection: close", "Content-Length: 100"]
    head += [f"{name}: {value}" for name, value in served.headers.items()]
    answer = served.raw("\r\n".join([*head, "", "{"]).encode())
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"bodyTimeout" in answer


@pytest.mark.parametrize("said", [b"", b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_request_that_does_not_come_is_not_waited_for_without_end(served, monkeypatch, said):
    monkeypatch.setattr(connection, "HEAD_DEADLINE_S", 0.1)
    assert served.raw(said) == b""


def test_a_body_that_nobody_reads_does_not_hold_the_connection(served, monkeypatch):
    monkeypatch.setattr(connection, "HEAD_DEADLINE_S", 3.0)  # it runs from the connection on: the request has to come in that time
    with served.connect() as client:
        client.sendall(f"POST {ORDERS} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n".encode())
        assert status_of(client) == 401
        client.sendall(b"{")
        assert rest_of(client) == b""


def test_a_client_that_does_not_take_its_answer_is_let_go(serve, monkeypatch):
    monkeypatch.setattr(connection, "WRITE_DEADLINE_S", 0.1)
    gone = threading.Event()

    async def generous(_, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 50_000_000, "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()

    with serve(generous).connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert gone.wait(PATIENCE_S)


def test_a_connection_that_rests_is_ended_by_the_client_first(served):
    """Else a request may be sent just as the server closes: after a pause of those five seconds both would have come to."""
    kept_by_clients = httpx.Limits().keepalive_expiry
    assert served.server._config(served.office.app).timeout_keep_alive >= 3 * kept_by_clients


def test_no_more_are_connected_than_may_be(serve):
    served = serve(max_connections=2)
    head = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
    with served.connect() as first, served.connect() as second:
        for client in (first, second):
            client.sendall(head)
            assert status_of(client) == 200
        with served.connect() as third:
            assert rest_of(third) == b""
        first.sendall(head)
        assert status_of(first) == 200


@pytest.mark.parametrize(("trusted", "source"), [([], "127.0.0.1"), (["127.0.0.0/8"], "192.0.2.9"), (["192.0.2.1"], "127.0.0.1")])
def test_only_a_proxy_that_is_trusted_says_who_calls(serve, trusted, source):
    served = serve(trusted_proxies=trusted)
    said = served.headers | {"X-Forwarded-For": "192.0.2.9"}
    with httpx.Client(timeout=PATIENCE_S, trust_env=False) as client:
        assert client.get(f"{served.server.url}/api/v1/me", headers=said).json()["source"] == source


def test_head_is_answered_without_content_over_the_wire(served):
    answer = served.raw(b"HEAD /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"content-length: 3" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_a_client_that_leaves_in_the_middle_is_no_failure_of_ours(served):
    with served.connect() as client:
        said = "".join(f"{name}: {value}\r\n" for name, value in served.headers.items())
        client.sendall(f"POST {ORDERS} HTTP/1.1\r\nHost: x\r\n{said}Content-Length: 100\r\n\r\n{{".encode())
    route = f'route="{ORDERS}",status="499"'
    eventually(lambda: route in served.office.parts.metrics.text().decode())
    assert 'status="500"' not in served.office.parts.metrics.text().decode()


def test_what_is_no_http_is_refused(served):
    assert served.raw(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_the_server_does_not_tell_what_it_is_made_of(served):
    assert "server" not in served.post(b"{}").headers


def test_a_port_that_is_taken_is_named(served):
    with pytest.raises(AddressInUse, match=str(served.port)):
        ApiServer(ApiSettings(port=served.port))
