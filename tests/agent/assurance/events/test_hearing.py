"""From events to alarms: what is read back, what stands on an element's word, what was lost or not believed."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from agent.assurance.events import crowding
from agent.assurance.events.claims import AGAIN_AFTER_S
from agent.assurance.events.crowding import CROWD
from agent.assurance.events.eventwatch import DAEMON, DISBELIEVED, FORGIVEN_AFTER_S, OVER_AFTER_S, STORM
from agent.assurance.events.hearing import Ears, Hearing
from agent.assurance.events.translation import Notice
from agent.assurance.tables import AlarmRow, ObservationRow
from agent.config import AssuranceSettings
from drivers.errors import ElementTimeout
from drivers.events.senders import ANYBODY
from drivers.events.syslog import parse
from drivers.port import Target
from drivers.snmp import oids
from drivers.snmp.traps import Trap, TrapStats
from drivers.snmp.usm import TOO_OLD
from inventory.db import Database
from tests.agent.assurance.world import FakeReceiver, World, metro
from tests.clock import FakeClock

ESTABLISHED, BACKWARD = "1.3.6.1.2.1.15.0.1", "1.3.6.1.2.1.15.0.2"
STATE = "1.3.6.1.2.1.15.3.1.2"
PEER = "192.0.2.99"


class Objects:
    """What elements keep of their neighbours."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {}
        self.silent = False
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    async def __call__(self, target: Target, objects: Sequence[str], deadline: float) -> Mapping[str, int | None]:
        del deadline
        self.asked.append((target.element, tuple(objects)))
        if self.silent:
            raise ElementTimeout(target.element, "no answer in 3 s")
        return {name: self.values.get(name) for name in objects}


@pytest.fixture
def world(database: Database, clock: FakeClock) -> World:
    world = metro(database, clock)
    world.order("web", "Acme", ["pe1/c1"])
    world.receiver = FakeReceiver()  # type: ignore[attr-defined]
    world.objects = Objects()  # type: ignore[attr-defined]
    ears = Ears(traps=world.receiver, objects=world.objects)  # type: ignore[attr-defined]
    world.service.hearing.ears = ears
    world.poll()
    world.clock.advance(1)
    return world


def hearing(world: World) -> Hearing:
    return world.service.hearing


def bgp(world: World, oid: str = BACKWARD, state: int = 1, element: str = "pe1") -> Trap:
    return Trap(world.clock.now(), world.host(element), "v2c", oid, 0, ((f"{STATE}.{PEER}", state),))


def handle(world: World, *events: object) -> None:
    world.run(hearing(world).desk.handle(events))  # type: ignore[arg-type]


def look_out(world: World, after: float = 1.0) -> None:
    world.clock.advance(after)
    world.run(hearing(world).look_out())


def alarms(world: World, cause: str) -> list[AlarmRow]:
    return [alarm for alarm in world.rows(AlarmRow, AlarmRow.element) if alarm.cause == cause]


def test_a_neighbour_that_is_gone_is_an_alarm_once_that_has_been_read_back(world: World) -> None:
    world.objects.values[f"{STATE}.{PEER}"] = 1  # type: ignore[attr-defined]
    handle(world, bgp(world))
    (alarm,) = alarms(world, "bgpNeighbourDown")
    assert (alarm.element, alarm.qualifier, alarm.cleared_at) == ("pe1", PEER, None)
    assert alarm.why["verification"] == "read back"


def test_a_neighbour_that_is_said_to_be_gone_and_is_there_is_no_alarm(world: World) -> None:
    world.objects.values[f"{STATE}.{PEER}"] = 6  # type: ignore[attr-defined]
    handle(world, bgp(world))
    assert alarms(world, "bgpNeighbourDown") == []
    assert [row.finding for row in world.rows(ObservationRow) if row.source == "trap"] == ["bgp4-mib/backward-transition"]


@pytest.mark.parametrize(("silent", "why"), [(False, "does not have the object"), (True, "no answer in 3 s")])
def test_what_cannot_be_read_back_stands_on_the_elements_word_and_says_so(world: World, silent: bool, why: str) -> None:
    world.objects.silent = silent  # type: ignore[attr-defined]
    handle(world, bgp(world))
    (alarm,) = alarms(world, "bgpNeighbourDown")
    assert alarm.why["verification"].startswith("on the element's word alone: ")
    assert why in alarm.why["verification"]
    world.clock.advance(5)
    handle(world, bgp(world, ESTABLISHED, 6))
    assert alarms(world, "bgpNeighbourDown")[0].cleared_at is not None


def of_peer(world: World, number: int, oid: str = BACKWARD, element: str = "pe1") -> Trap:
    state = 6 if oid == ESTABLISHED else 1
    return Trap(world.clock.now(), world.host(element), "v2c", oid, 0, ((f"{STATE}.198.51.100.{number}", state),))


def standing(world: World, element: str = "pe1") -> list[str]:
    found = [alarm for alarm in alarms(world, "bgpNeighbourDown") if alarm.element == element and alarm.cleared_at is None]
    return sorted(alarm.qualifier for alarm in found)


def test_one_element_cannot_fill_the_books_with_conditions(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowding, "MOST_OF_ELEMENT", 2)
    for number in range(1, 6):
        handle(world, of_peer(world, number))
    assert standing(world) == ["198.51.100.1", "198.51.100.2"]
    assert hearing(world).status().crowds == {"pe1": 3}
    look_out(world)
    (alarm,) = alarms(world, CROWD)
    assert alarm.cleared_at is None
    assert alarm.text.startswith("events of pe1 claim more than the 2 conditions that are kept of one element")
    handle(world, of_peer(world, 9, element="sw1"))
    assert standing(world, "sw1") == ["198.51.100.9"]


def test_what_ends_makes_room_and_the_crowd_is_over_after_a_while(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowding, "MOST_OF_ELEMENT", 2)
    for number in (1, 2, 3):
        handle(world, of_peer(world, number))
    look_out(world)
    handle(world, of_peer(world, 1, ESTABLISHED))
    world.clock.advance(AGAIN_AFTER_S)
    handle(world, of_peer(world, 3))
    assert standing(world) == ["198.51.100.2", "198.51.100.3"]
    look_out(world, after=crowding.OVER_AFTER_S)
    assert alarms(world, CROWD)[0].cleared_at is not None
    assert hearing(world).status().crowds == {}


def test_a_flood_of_one_round_is_bounded_before_anything_is_read_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowding, "MOST_OF_ELEMENT", 2)
    handle(world, *(of_peer(world, number) for number in range(1, 101)))
    assert [len(objects) for _, objects in world.objects.asked] == [2]  # type: ignore[attr-defined]
    assert hearing(world).status().crowds == {"pe1": 98}


def test_a_crowd_that_an_earlier_process_told_of_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowding, "MOST_OF_ELEMENT", 2)
    handle(world, *(of_peer(world, number) for number in range(1, 4)))
    look_out(world)
    hearing(world).crowds = crowding.Crowds()
    hearing(world)._recalled = False
    look_out(world)
    look_out(world, after=crowding.OVER_AFTER_S)
    assert alarms(world, CROWD)[0].cleared_at is not None


def test_a_second_look_ends_what_has_mended_itself_unsaid(world: World) -> None:
    world.objects.values[f"{STATE}.{PEER}"] = 1  # type: ignore[attr-defined]
    handle(world, bgp(world))
    world.objects.values[f"{STATE}.{PEER}"] = 6  # type: ignore[attr-defined]
    world.clock.advance(AssuranceSettings().recheck_s)
    world.run(world.service.look_again())
    assert alarms(world, "bgpNeighbourDown")[0].cleared_at is not None
    asked = len(world.objects.asked)  # type: ignore[attr-defined]
    world.clock.advance(10 * AssuranceSettings().recheck_s)
    world.run(world.service.look_again())
    assert len(world.objects.asked) == asked  # type: ignore[attr-defined]


def test_the_same_said_a_thousand_times_is_a_row_a_minute_with_its_number(world: World) -> None:
    world.objects.values[f"{STATE}.{PEER}"] = 1  # type: ignore[attr-defined]
    for _ in range(50):
        handle(world, *[bgp(world)] * 20)
        world.clock.advance(1)
        world.run(world.service.look_again())
    world.clock.advance(AGAIN_AFTER_S)
    handle(world, bgp(world))
    rows = [row for row in world.rows(ObservationRow, ObservationRow.at) if row.finding == "bgp4-mib/backward-transition"]
    assert len(rows) <= 3
    assert sum(row.detail["times"] for row in rows) == 1001


def test_a_line_names_the_port_in_its_own_way(world: World) -> None:
    world.network.down("pe1/c1")
    handle(world, parse(b"<187>%LINK-3-UPDOWN: Interface c1, changed state to down", world.clock.now(), world.host("pe1")))
    assert [(alarm.object, alarm.cleared_at) for alarm in alarms(world, "linkDown")] == [("c1", None)]


def test_a_host_name_is_believed_of_relays_only(world: World) -> None:
    world.network.down("pe1/c1")
    line = parse(b"<187>1 - pe1 - - - - %LINK-3-UPDOWN: Interface c1, changed state to down", world.clock.now(), "192.0.2.200")
    handle(world, line)
    assert alarms(world, "linkDown") == []
    hearing(world).desk._relays = frozenset({"192.0.2.200"})
    handle(world, line)
    assert len(alarms(world, "linkDown")) == 1


def test_an_element_is_known_by_its_other_addresses(world: World) -> None:
    world.network.down("pe1/c1")
    index = world.network.port("pe1/c1").index
    trap = Trap(world.clock.now(), "198.51.100.7", "v2c", oids.LINK_DOWN, 0, ((f"{oids.IF_INDEX}.{index}", index),))
    hearing(world).desk.aliases = {"198.51.100.7": "pe1"}
    handle(world, trap)
    assert len(alarms(world, "linkDown")) == 1


def test_a_notification_leads_to_a_read_like_a_trap(world: World) -> None:
    world.network.down("pe1/c1")
    index = str(world.network.port("pe1/c1").index)
    handle(world, Notice(world.clock.now(), "pe1", "{urn:x}linkDown", {"ifIndex": index}))
    assert len(alarms(world, "linkDown")) == 1
    assert {row.source for row in world.rows(ObservationRow)} >= {"notification", "verify"}


def test_lost_events_are_told_at_once_and_end_in_a_full_read_of_their_element(world: World) -> None:
    world.receiver.senders.lost[world.host("pe1")] = 700  # type: ignore[attr-defined]
    look_out(world)
    (storm,) = alarms(world, STORM)
    assert (storm.element, storm.cleared_at) == ("pe1", None)
    assert "700 dropped" in storm.text
    world.network.down("pe1/x1")
    world.network.asked.clear()
    look_out(world, OVER_AFTER_S)
    assert alarms(world, STORM)[0].cleared_at is not None
    world.clock.advance(1)
    world.run(world.service.look_again())
    assert dict(world.network.asked)["pe1"] == ("c1", "x1")
    assert [alarm.object for alarm in alarms(world, "linkDown")] == ["x1"]


def test_losses_of_nobody_known_end_in_a_read_of_everything(world: World) -> None:
    world.receiver.senders.lost[ANYBODY] = 1  # type: ignore[attr-defined]
    world.receiver.senders.lost["198.51.100.9"] = 2  # type: ignore[attr-defined]
    look_out(world)
    assert [(alarm.element, alarm.why.get("verification")) for alarm in alarms(world, STORM)] == [(DAEMON, "read back")]
    world.network.asked.clear()
    look_out(world, OVER_AFTER_S)
    assert {name for name, _ in world.network.asked} == {"pe1", "p1", "pe2", "sw1"}


def test_what_the_kernel_dropped_is_lost_once(world: World) -> None:
    world.receiver.stats = TrapStats(kernel_drops=5)  # type: ignore[attr-defined]
    look_out(world)
    look_out(world)
    assert hearing(world).status().storms == {DAEMON: 5}


def test_wrong_credentials_are_an_alarm_that_names_their_reference_and_ends_when_the_element_is_heard(world: World) -> None:
    world.receiver.senders.refused[world.host("sw1"), "unknown community"] = 3  # type: ignore[attr-defined]
    world.receiver.senders.refused["198.51.100.9", "unknown user"] = 8  # type: ignore[attr-defined]
    look_out(world)
    (alarm,) = alarms(world, DISBELIEVED)
    assert (alarm.element, "'public'" in alarm.text, "unknown community (3)" in alarm.text) == ("sw1", True, True)
    assert hearing(world).status().strangers == [("198.51.100.9", "unknown user", 8)]
    world.trap("sw1/c1")
    look_out(world)
    assert alarms(world, DISBELIEVED)[0].cleared_at is not None


def test_an_engine_that_forgot_its_starts_is_told_what_is_wrong_with_it(world: World) -> None:
    world.receiver.senders.refused[world.host("sw1"), TOO_OLD] = 2  # type: ignore[attr-defined]
    look_out(world)
    (alarm,) = alarms(world, DISBELIEVED)
    assert ("snmpEngineBoots" in alarm.text, "credential" in alarm.text) == (True, False)


def test_wrong_credentials_that_are_not_tried_again_are_forgotten(world: World) -> None:
    world.receiver.senders.refused[world.host("sw1"), "wrong key"] = 1  # type: ignore[attr-defined]
    look_out(world)
    look_out(world, FORGIVEN_AFTER_S)
    assert alarms(world, DISBELIEVED)[0].cleared_at is not None


def test_storms_and_disbelief_that_an_earlier_process_told_of_end(world: World) -> None:
    world.receiver.senders.lost[world.host("pe1")] = 700  # type: ignore[attr-defined]
    world.receiver.senders.refused[world.host("sw1"), "wrong key"] = 1  # type: ignore[attr-defined]
    look_out(world)
    world.restarted(world.receiver)  # type: ignore[attr-defined]
    look_out(world)
    assert set(hearing(world).status().storms) == {"pe1"}
    look_out(world, FORGIVEN_AFTER_S)
    assert [alarm.cleared_at is None for cause in (STORM, DISBELIEVED) for alarm in alarms(world, cause)] == [False, False]


def test_events_that_are_handed_in_say_what_they_become(world: World) -> None:
    world.network.down("pe1/c1")
    trap = replace(bgp(world), trap_oid=oids.LINK_DOWN, varbinds=((f"{oids.IF_INDEX}.1", 1),))

    async def story() -> list[dict[str, object]]:
        told = await hearing(world).hand_in([trap, replace(trap, source="198.51.100.9")])
        await hearing(world).desk.turn()
        return told

    told = asyncio.run(story())
    assert [(each["means"], each["element"], each["object"]) for each in told] == [
        ("linkDown", "pe1", "c1"),
        ("unknown-source", "", ""),
    ]
    assert len(alarms(world, "linkDown")) == 1
    assert len(hearing(world).recent()) == 2


def test_a_round_that_fails_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.network.down("pe1/c1")
    index = world.network.port("pe1/c1").index
    trap = Trap(world.clock.now(), world.host("pe1"), "v2c", oids.LINK_DOWN, 0, ((f"{oids.IF_INDEX}.{index}", index),))

    async def fails(*_: object, **__: object) -> None:
        raise OSError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(hearing(world).desk, "_watchlist", fails)
        with pytest.raises(OSError, match="gone"):
            handle(world, trap)
    with monkeypatch.context() as broken:
        broken.setattr(hearing(world).desk, "_read", fails)
        with pytest.raises(OSError, match="gone"):
            world.run(hearing(world).desk.turn())
    world.clock.advance(1)
    world.run(world.service.look_again())
    assert len(alarms(world, "linkDown")) == 1


def test_a_clock_that_is_set_back_hides_nothing(world: World) -> None:
    world.network.down("pe1/c1")
    world.trap("pe1/c1")
    world.clock.step_to(world.clock.now() - timedelta(hours=1))
    world.clock.advance(5)
    world.network.up("pe1/c1")
    world.trap("pe1/c1", oids.LINK_UP)
    assert [alarm.cleared_at is not None for alarm in alarms(world, "linkDown")] == [True]
