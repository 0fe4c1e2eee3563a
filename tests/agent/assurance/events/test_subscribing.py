"""Whose notifications are asked for: bounded, told of, and taken up after a restart where they were left."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from agent.assurance.events import subscribing
from agent.assurance.events.subscribing import ATTRIBUTE, Subscribing
from agent.assurance.tables import HeardUntilRow
from drivers.netconf.notifications import LISTENING, Notification
from drivers.port import Credential, Target
from inventory.db import Database
from inventory.tables import ElementRow, EndpointRow
from policies.values import new_id
from tests.clock import EPOCH, FakeClock
from tests.inventory.factory import add_element


class FakeSubscription:
    made: list["FakeSubscription"]

    def __init__(
        self,
        target: Target,
        sink: Callable[[Notification], None],
        resumed: Callable[[str], None],
        longest_pause_s: float,
        latest: datetime | None = None,
    ) -> None:
        self.target, self.sink, self.resumed, self.longest_pause_s = target, sink, resumed, longest_pause_s
        self.latest = self.began_with = latest
        self.standing = LISTENING
        self.made.append(self)

    def start(self) -> None: ...

    def stop(self) -> None:
        self.standing = "stopped"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[FakeSubscription]:
    FakeSubscription.made = []
    monkeypatch.setattr(subscribing, "Subscription", FakeSubscription)
    return FakeSubscription.made


@pytest.fixture
def network(database: Database) -> Database:
    with database.write() as session:
        for number, name in enumerate(("pe1", "pe2", "pe3"), start=1):
            row = add_element(session, name, attributes={ATTRIBUTE: True})
            row.endpoints.append(
                EndpointRow(id=new_id("end"), protocol="netconf", host=f"192.0.2.{number}", port=830, credential="netconf")
            )
    return database


def target(element: ElementRow, place: EndpointRow) -> Target:
    return Target(element.name, element.platform, "netconf", place.host, place.port, Credential(place.credential))


def subscribed(network: Database, most: int = 256) -> Subscribing:
    found = Subscribing(network, FakeClock(), target, most)
    asyncio.run(found.refresh())
    return found


def kept(database: Database) -> Mapping[str, datetime]:
    with database.read() as session:
        return {row.element: row.event_time for row in session.scalars(select(HeardUntilRow))}


@pytest.mark.usefixtures("made")
def test_elements_beyond_the_bound_are_told_of_once(network: Database, capsys: pytest.CaptureFixture[str]) -> None:
    found = subscribed(network, most=1)
    asyncio.run(found.refresh())
    no_room = "not subscribed: 1 elements are at most (notifications.elements); those before it by name come first"
    assert found.standing() == {"pe1": LISTENING, "pe2": no_room, "pe3": no_room}
    assert capsys.readouterr().out.count("raise notifications.elements") == 1


@pytest.mark.usefixtures("made")
def test_room_that_comes_free_is_given_to_the_next(network: Database) -> None:
    found = subscribed(network, most=2)
    with network.write() as session:
        session.scalars(select(ElementRow).where(ElementRow.name == "pe1")).one().attributes = {}
    asyncio.run(found.refresh())
    assert found.standing() == {"pe2": LISTENING, "pe3": LISTENING}


def test_after_a_restart_an_element_is_asked_from_its_latest_event(network: Database, made: list[FakeSubscription]) -> None:
    before = subscribed(network)
    made[0].latest = EPOCH
    asyncio.run(before.refresh())
    made[1].latest = EPOCH + timedelta(minutes=1)
    before.stop()
    made.clear()
    subscribed(network)
    assert [each.began_with for each in made] == [EPOCH, EPOCH + timedelta(minutes=1), None]


def test_a_clock_that_was_set_back_counts_from_then_on(network: Database, made: list[FakeSubscription]) -> None:
    found = subscribed(network)
    for at in (EPOCH, EPOCH - timedelta(hours=1)):
        made[0].latest = at
        asyncio.run(found.refresh())
        assert kept(network) == {"pe1": at}


def test_of_elements_that_ask_no_more_nothing_is_kept(network: Database, made: list[FakeSubscription]) -> None:
    found = subscribed(network)
    for each in made:
        each.latest = EPOCH
    asyncio.run(found.refresh())
    with network.write() as session:
        session.scalars(select(ElementRow).where(ElementRow.name == "pe2")).one().attributes = {}
    asyncio.run(found.refresh())
    assert set(kept(network)) == {"pe1", "pe3"}


def test_what_an_element_tells_when_the_daemon_has_ended_is_heard_by_nobody(
    network: Database, made: list[FakeSubscription]
) -> None:
    found = subscribed(network)  # in a loop that is closed by now
    made[0].sink(Notification("pe1", EPOCH, "{urn:x}linkDown", {}))
    assert found.queue.empty()


def test_subscriptions_end_though_the_database_does_not_answer(
    network: Database, made: list[FakeSubscription], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise OSError("no space left")

    found = subscribed(network)
    made[0].latest = EPOCH
    monkeypatch.setattr(network, "write", full)
    with pytest.raises(OSError, match="no space left"):
        found.stop()
    assert {each.standing for each in made} == {"stopped"}
