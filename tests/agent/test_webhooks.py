"""Events on their way out of a running daemon: signed, in order, correlated with the order, and not lost with the process."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from agent.api.context import HEADER
from tests.agent.installation import ORDERS, Installation, Process, add, eventually
from tests.loopback import own_address

SECRET = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cyBvZiB3ZWJob29rcw=="
SETTINGS = """
[outbox]
allow_http = true
allow_private = ["127.0.0.0/8"]
webhooks = [{{url = "http://{host}:{port}/fabd", secret = "crm-hook"}}]
"""


@dataclass
class Subscriber:
    """Verifies what it gets before it looks at it."""

    host: str
    port: int
    events: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def listening(self) -> Iterator[None]:
        subscriber = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                subscriber.events.append(Webhook(SECRET).verify(body, dict(self.headers)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer((self.host, self.port), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()

    def states(self, order_id: str) -> list[str]:
        """As the order went through them; what it reached on the way is told apart."""
        of_it = [event for event in self.events if event["subject"] == f"order:{order_id}"]
        return [event["data"]["serviceOrder"]["state"] for event in of_it if event["type"] != "serviceOrderMilestoneEvent"]

    def has_seen_the_end_of(self, order_id: str) -> bool:
        return bool({"completed", "failed"} & set(self.states(order_id)))


@pytest.fixture
def subscriber() -> Subscriber:
    host = own_address()
    with socket.socket() as probe:
        probe.bind((host, 0))
        return Subscriber(host, probe.getsockname()[1])


@pytest.fixture
def subscribed(tmp_path: Path, sim, subscriber: Subscriber) -> Iterator[Installation]:
    with Installation(tmp_path / "fabd", sim, more=SETTINGS.format(host=subscriber.host, port=subscriber.port)) as installation:
        with (installation.folder / "credentials.toml").open("a") as file:
            file.write(f'[crm-hook]\npassword = "{SECRET}"\n')
        yield installation


def place(installation: Installation, process: Process, correlation_id: str) -> str:
    with installation.client(process) as http:
        wanted = installation.order(add("1", port="pe1/ge-0/0/1", description="Head office"))
        answer = http.post(ORDERS, json=wanted, headers={HEADER: correlation_id})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_a_subscriber_hears_of_an_order_from_its_beginning_to_its_end(subscribed: Installation, subscriber: Subscriber) -> None:
    with subscriber.listening(), subscribed.running() as process:
        order_id = place(subscribed, process, "cor-from-the-client")
        eventually(lambda: subscriber.has_seen_the_end_of(order_id))
        with subscribed.client(process) as http:
            shown = http.get("/api/v1/events", params={"limit": "1000"}).text + http.get("/api/v1/subscriptions").text
    assert subscriber.states(order_id) == ["acknowledged", "inProgress", "completed"]
    for _, of_one in groupby(sorted(subscriber.events, key=itemgetter("subject")), key=itemgetter("subject")):
        numbers = [event["sequence"] for event in of_one]
        assert numbers == sorted(set(numbers))
    of_the_order = [event for event in subscriber.events if event["subject"].startswith(("order:", "service:"))]
    assert {event["correlationid"] for event in of_the_order} == {"cor-from-the-client"}
    assert len({event["traceparent"].split("-")[1] for event in of_the_order}) == 1
    assert '"correlation_id": "cor-from-the-client"' in process.log
    for kept in (process.log, shown, (subscribed.folder / "fabd.db").read_bytes().decode("latin-1")):
        assert SECRET.removeprefix("whsec_") not in kept


def test_events_outlive_the_daemon_and_reach_a_subscriber_that_comes_back(subscribed: Installation, subscriber: Subscriber) -> None:
    with subscribed.running() as process:
        order_id = place(subscribed, process, "cor-before-the-crash")
        process.wait_for("delivery failed")
        with subscribed.client(process) as http:
            eventually(lambda: http.get(f"{ORDERS}/{order_id}").json()["state"] == "completed")
        process.send(signal.SIGKILL)
        process.wait()
    assert subscriber.events == []
    with subscriber.listening(), subscribed.running():
        eventually(lambda: subscriber.has_seen_the_end_of(order_id))
    assert subscriber.states(order_id) == ["acknowledged", "inProgress", "completed"]
    assert len({event["id"] for event in subscriber.events}) == len(subscriber.events)
