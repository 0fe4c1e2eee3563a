"""Subscriptions to a simulated element over real SSH."""

import queue
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from drivers.errors import EditRefused
from drivers.netconf.notifications import (
    LISTENING,
    NAMESPACE,
    Notification,
    Subscription,
    create_subscription,
    instant,
    notification,
)
from drivers.netconf.rpc import Operation
from drivers.port import Credential, Target
from tests.agent.installation import eventually
from tests.drivers.simulated import Simulated

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOWHERE = Target("pe1", "any", "netconf", "127.0.0.1", 9, Credential("c"))


class Heard:
    def __init__(self, routers: Simulated, **changed: object) -> None:
        self.notifications: queue.Queue[Notification] = queue.Queue()
        self.resumed: queue.Queue[str] = queue.Queue()
        target = replace(routers.target("pe1"), **changed)  # type: ignore[arg-type]
        self.subscription = Subscription(target, self.notifications.put, self.resumed.put, longest_pause_s=0.1)
        self.subscription.start()

    def until(self, name: str) -> Notification:
        while not (found := self.notifications.get(timeout=60)).name.endswith(f"}}{name}"):
            pass
        return found


def break_session(heard: Heard) -> None:
    """As when the way to the element is cut."""
    client = heard.subscription._client
    assert client is not None
    client._session._transport.sock._socket.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def heard(clean: Simulated) -> Iterator[Heard]:
    found = Heard(clean)
    yield found
    found.subscription.stop()
    assert found.subscription.join(60)


def carrier(routers: Simulated, *, up: bool) -> None:
    routers.sim.call(lambda network: network.plug("pe1", "ge-0/0/1", plugged=up))


def test_what_happens_is_heard_with_its_port(clean: Simulated, heard: Heard) -> None:
    assert heard.resumed.get(timeout=60) == "pe1"
    carrier(clean, up=False)
    down = heard.until("linkDown")
    carrier(clean, up=True)
    assert down.leaves["ifOperStatus"] == "down"
    assert down.leaves["ifIndex"].isdecimal()
    assert down.event_time is not None
    assert heard.subscription.standing == LISTENING


def test_after_a_break_it_subscribes_again_and_says_that_something_may_be_missing(clean: Simulated, heard: Heard) -> None:
    """The simulated element keeps no log: asked for a replay it refuses, and is subscribed to without one."""
    heard.resumed.get(timeout=60)
    carrier(clean, up=False)
    heard.until("linkDown")
    break_session(heard)
    assert heard.resumed.get(timeout=60) == "pe1"
    carrier(clean, up=True)
    assert heard.until("linkUp").leaves["ifOperStatus"] == "up"


def test_it_ends_as_soon_as_it_is_stopped(clean: Simulated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.netconf.notifications.LISTEN_S", 3600.0)
    heard = Heard(clean)
    assert heard.resumed.get(timeout=60) == "pe1"
    heard.subscription.stop()
    assert heard.subscription.join(60)
    assert heard.subscription.standing == LISTENING  # nothing broke


def test_who_does_not_let_in_is_tried_again_and_says_why(clean: Simulated) -> None:
    heard = Heard(clean, credential=clean.target("pe1", password="wrong").credential)
    assert eventually(lambda: "waits to subscribe again" in heard.subscription.standing)
    heard.subscription.stop()
    assert heard.subscription.join(60)
    assert heard.resumed.empty()


def test_a_replay_asks_for_what_came_since() -> None:
    text = create_subscription(AT).text
    assert text == f'<create-subscription xmlns="{NAMESPACE}"><startTime>2026-03-01T12:00:00Z</startTime></create-subscription>'


def event(at: str, content: str = '<linkDown xmlns="urn:x"><object-1><ifIndex>3</ifIndex></object-1></linkDown>') -> etree._Element:
    return etree.fromstring(f'<notification xmlns="{NAMESPACE}"><eventTime>{at}</eventTime>{content}</notification>')


def test_a_notification_is_its_event_and_its_leaves() -> None:
    found = notification("pe1", event("2026-03-01T13:00:00.5+01:00"))
    assert found == Notification("pe1", AT.replace(microsecond=500_000), "{urn:x}linkDown", {"ifIndex": "3"})


@pytest.mark.parametrize(
    "message", [event("x", ""), etree.fromstring('<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"/>')]
)
def test_what_is_no_notification_is_none(message: etree._Element) -> None:
    assert notification("pe1", message) is None


@pytest.mark.parametrize("text", ["", "yesterday", "2026-03-01T12:00:00"])
def test_an_instant_without_a_zone_is_none(text: str) -> None:
    assert instant(text) is None


def test_replayed_events_that_were_heard_before_are_left_out() -> None:
    heard: list[Notification] = []
    subscription = Subscription(None, heard.append, lambda _: None, latest=AT, _since=AT)  # type: ignore[arg-type]
    for at in ("2026-03-01T11:59:59Z", "2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z"):
        taken = event(at)
        subscription.target = type("Target", (), {"element": "pe1"})()  # type: ignore[assignment]
        subscription._take(taken)
    assert [found.event_time.second for found in heard if found.event_time] == [0, 1]


def test_what_follows_a_replay_is_new_whatever_time_it_bears() -> None:
    """The element's clock may have been set back."""
    heard: list[Notification] = []
    subscription = Subscription(NOWHERE, heard.append, lambda _: None, latest=AT, _since=AT)
    over = '<replayComplete xmlns="urn:ietf:params:xml:ns:netmod:notification"/>'
    for message in (event("2026-03-01T11:00:00Z"), event("2026-03-01T11:00:00Z", over), event("2026-03-01T11:00:01Z")):
        subscription._take(message)
    assert [found.event_time.second for found in heard if found.event_time] == [1]


def test_a_replay_that_is_refused_leaves_nothing_out() -> None:
    class Refusing:
        def __init__(self) -> None:
            self.asked: list[str] = []

        def request(self, operation: Operation, _: float) -> None:
            since = etree.fromstring(operation.text).findtext(f"{{{NAMESPACE}}}startTime")
            self.asked.append(since or "now on")
            if since:
                raise EditRefused("pe1", "startTime is yet to come")

    heard: list[Notification] = []
    subscription, client = Subscription(NOWHERE, heard.append, lambda _: None, latest=AT), Refusing()
    subscription._subscribe(client, 0.0)  # type: ignore[arg-type]  # asks as it does
    subscription._take(event("2026-03-01T11:00:00Z"))
    assert (client.asked, len(heard)) == (["2026-03-01T12:00:00Z", "now on"], 1)
    assert subscription.latest == AT - timedelta(hours=1)
