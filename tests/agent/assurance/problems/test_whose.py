"""Elements are asked whose address it is, within bounds; and a link is named by what they answer."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from agent.assurance.alarms.alarm import Alarm
from agent.assurance.alarms.causes import LINK_SILENT
from agent.assurance.events.hearing import Ears
from agent.assurance.problems import whose
from agent.assurance.problems.neighbours import Neighbours
from agent.assurance.problems.strangers import UNHEARD_S
from agent.assurance.problems.whose import MOST_ADDRESSES, instances, owned
from agent.assurance.tables import AlarmRow
from agent.assurance.topology.watching import Watching
from agent.assurance.topology.watchlist import WatchedElement, Watchlist
from drivers.errors import ElementTimeout
from drivers.port import Credential, Target
from drivers.snmp.traps import Trap
from inventory.db import Database
from inventory.topology import Topology
from tests.agent.assurance.problems.test_silent_links import EAST, goes_by
from tests.agent.assurance.world import FakeReceiver, World, metro
from tests.clock import FakeClock

NEIGHBOUR_LOST, STATE, ROUTER = "1.3.6.1.2.1.14.16.2.2", "1.3.6.1.2.1.14.10.1.6", "1.3.6.1.2.1.14.10.1.1"
DOWN, FULL = 1, 8


@dataclass
class Agents:
    """What elements say of their addresses."""

    known: Mapping[tuple[str, str], int]
    """Element and address → ifIndex."""
    dead: frozenset[str] = frozenset()
    asked: list[tuple[str, int]] = field(default_factory=list)

    async def __call__(self, target: Target, objects: Sequence[str], deadline: float) -> Mapping[str, int | None]:
        del deadline
        self.asked.append((target.element, len(objects)))
        if target.element in self.dead:
            raise ElementTimeout(target.element, "no answer in 3 s")
        mine = {
            each: number for (name, address), number in self.known.items() if name == target.element for each in instances(address)
        }
        return {each: mine.get(each) for each in objects}


def ask(agents: Agents, wanted: Mapping[str, Sequence[str]]) -> dict[str, dict[str, int] | None]:
    elements = {name: WatchedElement(name, name, "frr", "192.0.2.1", 161, "public", ()) for name in ("a", "b", "c")}
    watchlist = Watchlist(Topology.of((), (), ()), elements)
    return asyncio.run(
        owned(agents, lambda each: Target(each.name, "frr", "snmp", "192.0.2.1", 161, Credential("x")), watchlist, wanted)
    )


def test_elements_say_which_addresses_are_their_own() -> None:
    agents = Agents({("b", "10.0.0.2"): 7, ("b", "2001:db8::2"): 8})
    found = ask(agents, {"a": ["10.0.0.2", "2001:db8::2"], "b": ["10.0.0.2", "2001:db8::2"]})
    assert found == {"a": {}, "b": {"10.0.0.2": 7, "2001:db8::2": 8}}


def test_who_does_not_answer_or_is_not_watched_any_more_has_had_its_turn() -> None:
    agents = Agents({("a", "10.0.0.1"): 1}, frozenset({"c"}))
    assert ask(agents, dict.fromkeys(("a", "c", "stranger"), ("10.0.0.1",))) == {"a": {"10.0.0.1": 1}, "c": None, "stranger": None}
    assert {name for name, _ in agents.asked} == {"a", "c"}


def test_who_is_asked_too_late_has_its_turn_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whose, "ENOUGH_S", -1.0)
    agents = Agents({("a", "10.0.0.1"): 1})
    assert ask(agents, {"a": ["10.0.0.1"]}) == {}
    assert agents.asked == []


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.0.0.1", ("1.3.6.1.2.1.4.20.1.2.10.0.0.1", "1.3.6.1.2.1.4.34.1.3.1.4.10.0.0.1")),
        ("2001:db8::1", ("1.3.6.1.2.1.4.34.1.3.2.16.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1",)),
        ("999.0.0.1", ()),
    ],
)
def test_the_objects_are_those_of_the_ip_mib(address: str, expected: tuple[str, ...]) -> None:
    assert instances(address) == expected


def test_a_link_is_named_by_neighbours_whose_addresses_only_the_elements_know(database: Database, clock: FakeClock) -> None:
    world = metro(database, clock)
    world.poll()
    ports = {port: world.network.port(port).index for port in EAST}
    agents = Agents({("p1", "10.1.0.1"): ports[EAST[0]], ("pe2", "10.1.0.2"): ports[EAST[1]]})
    world.service.hearing.ears = Ears(traps=FakeReceiver(), objects=agents)
    for element, neighbour in (("p1", "10.1.0.2"), ("pe2", "10.1.0.1")):
        lost(world, element, neighbour)
    goes_by(world, 60, silent=[EAST])
    standing = [(f"{row.element}/{row.object}", row.problem_id) for row in world.rows(AlarmRow) if row.cause == LINK_SILENT]
    assert sorted(port for port, _ in standing) == sorted(EAST)
    symptoms = [(row.standing, row.problem_id) for row in world.rows(AlarmRow) if row.cause == "ospfNeighbourDown"]
    assert symptoms == [("symptom", standing[0][1])] * 2


@pytest.mark.parametrize("dead", [frozenset(), frozenset({"pe2"})], ids=["had no address yet", "could not be asked"])
def test_an_address_is_asked_for_anew_when_its_neighbour_is_lost_anew(
    database: Database, clock: FakeClock, dead: frozenset[str]
) -> None:
    """An element without power, or one that has just started, does not say what is its own."""
    world = metro(database, clock)
    world.poll()
    world.service.hearing.ears = Ears(traps=FakeReceiver(), objects=Agents({}, dead))
    lost(world, "p1", "10.1.0.2")
    goes_by(world, 10)
    ports = {port: world.network.port(port).index for port in EAST}
    agents = Agents({("p1", "10.1.0.1"): ports[EAST[0]], ("pe2", "10.1.0.2"): ports[EAST[1]]})
    world.service.hearing.ears = Ears(traps=FakeReceiver(), objects=agents)
    told(world, "p1", "10.1.0.2", FULL)
    goes_by(world, 10)
    for element, neighbour in (("p1", "10.1.0.2"), ("pe2", "10.1.0.1")):
        lost(world, element, neighbour)
    goes_by(world, 60, silent=[EAST])
    standing = [row.problem_id for row in world.rows(AlarmRow) if row.cause == LINK_SILENT]
    assert len(standing) == 2
    symptoms = [(row.standing, row.problem_id) for row in world.rows(AlarmRow) if row.cause == "ospfNeighbourDown"]
    assert symptoms == [("symptom", standing[0])] * 2


def test_who_could_not_be_asked_is_asked_when_it_talks_and_nobody_else_had_the_address(
    database: Database, clock: FakeClock
) -> None:
    metro(database, clock)
    with database.read() as session:
        watchlist = Watching().watchlist(session)
    at = clock.now()
    alarm = Alarm("1", "p1", "", "ospfNeighbourDown", "10.9.0.1", "major", "", at, at)
    neighbours = Neighbours()

    def asked(now: float, silent: str = "") -> set[str]:
        return set(neighbours.unknown(watchlist, [alarm], {}, now, talking=lambda names: frozenset(names) - {silent}))

    assert asked(0.0) == {"pe1", "pe2"}
    neighbours.learn({"pe1": {}, "pe2": None}, 0.0)
    assert asked(UNHEARD_S - 1) == set()
    assert asked(UNHEARD_S, silent="pe2") == set()
    assert asked(UNHEARD_S) == {"pe1", "pe2"}
    neighbours.learn({"pe1": {}, "pe2": {}}, UNHEARD_S)
    assert asked(3 * UNHEARD_S) == set(), "everybody has answered"

    neighbours = Neighbours()
    assert asked(0.0, silent="pe2") == {"pe1"}
    neighbours.learn({"pe1": {}}, 0.0)
    assert asked(UNHEARD_S, silent="pe2") == set()
    assert asked(UNHEARD_S) == {"pe1", "pe2"}
    neighbours.learn({"pe1": {}, "pe2": {"10.9.0.1": 7}}, UNHEARD_S)
    assert asked(3 * UNHEARD_S) == set(), "it is known whose it is"


def test_those_that_lose_somebody_later_are_asked_too(database: Database, clock: FakeClock) -> None:
    """Who lost it first is told sooner than those far away, whose address it may be."""
    metro(database, clock)
    with database.read() as session:
        watchlist = Watching().watchlist(session)
    at = clock.now()
    alarms = [Alarm(name, name, "", "bgpNeighbourDown", "10.9.0.1", "major", "", at, at) for name in ("p1", "pe1", "sw1")]
    neighbours, elements = Neighbours(), watchlist.elements.keys()
    assert {"p1", "pe1", "sw1"} <= elements
    for some in (alarms[:2], alarms):
        asked = neighbours.unknown(watchlist, some, {}, 0.0)
        assert {alarm.element for alarm in some} <= asked.keys()
        neighbours.learn({element: {} for element in asked}, 0.0)
        assert neighbours.unknown(watchlist, some, {}, 0.0) == {}, "nobody else has lost anybody"


def test_one_far_away_that_could_not_be_asked_is_asked_again(database: Database, clock: FakeClock) -> None:
    metro(database, clock)
    with database.read() as session:
        watchlist = Watching().watchlist(session)
    at = clock.now()
    alarms = [Alarm(name, name, "", "bgpNeighbourDown", "10.9.0.1", "major", "", at, at) for name in ("p1", "sw1")]
    neighbours = Neighbours()
    asked = neighbours.unknown(watchlist, alarms, {}, 0.0).keys()
    neighbours.learn({element: None if element == "sw1" else {} for element in asked}, 0.0)
    assert neighbours.unknown(watchlist, alarms, {}, UNHEARD_S - 1) == {}
    assert "sw1" in neighbours.unknown(watchlist, alarms, {}, UNHEARD_S)


def test_what_nobody_was_asked_for_goes_before_what_was_nobodys(database: Database, clock: FakeClock) -> None:
    metro(database, clock)
    with database.read() as session:
        watchlist = Watching().watchlist(session)
    at = clock.now()
    storm = [
        Alarm(str(number), "p1", "", "bgpNeighbourDown", f"10.9.0.{number}", "major", "", at, at)
        for number in range(2 * MOST_ADDRESSES)
    ]
    neighbours, asked = Neighbours(), list[frozenset[str]]()
    for losers in (["pe1"], ["pe1", "sw1"]):
        alarms = [*storm, *(Alarm(each, each, "", "bgpNeighbourDown", "10.9.9.9", "major", "", at, at) for each in losers)]
        wanted = neighbours.unknown(watchlist, alarms, {}, 0.0)
        asked.append(wanted["p1"])
        neighbours.learn({element: {} for element in wanted}, 0.0)
    assert len(asked[0]) == len(asked[1]) == MOST_ADDRESSES
    assert not asked[0] & asked[1]


def test_a_storm_of_unknown_neighbours_is_asked_for_a_few_at_a_time(database: Database, clock: FakeClock) -> None:
    metro(database, clock)
    with database.read() as session:
        watchlist = Watching().watchlist(session)
    names = [f"10.9.0.{number}" for number in range(3 * MOST_ADDRESSES)]
    at = clock.now()
    storm = [
        Alarm(f"{element} {name}", element, "", "bgpNeighbourDown", name, "major", "", at, at)
        for name in names
        for element in ("p1", "pe1")
    ]
    neighbours, asked = Neighbours(), set[str]()
    for _ in range(3):
        wanted = neighbours.unknown(watchlist, storm, {}, 0.0)
        assert wanted.keys() == {"p1", "pe1", "pe2"}
        [now] = set(wanted.values())
        assert len(now) == MOST_ADDRESSES
        neighbours.learn({element: {} for element in wanted}, 0.0)
        asked |= now
    assert asked == set(names)
    assert neighbours.unknown(watchlist, storm, {}, 0.0) == {}


def test_elements_that_are_silent_are_not_asked(database: Database, clock: FakeClock) -> None:
    metro(database, clock)
    with database.read() as session:
        watchlist = Watching().watchlist(session)
    at = clock.now()
    alarm = Alarm("1", "p1", "", "bgpNeighbourDown", "10.9.0.1", "major", "", at, at)
    wanted = Neighbours().unknown(watchlist, [alarm], {}, 0.0, talking=lambda names: frozenset(names) - {"pe1"})
    assert wanted == {"pe2": {"10.9.0.1"}}
    assert Neighbours().unknown(watchlist, [alarm], {}, 0.0, talking=lambda _: frozenset()) == {}


def lost(world: World, element: str, neighbour: str) -> None:
    told(world, element, neighbour, DOWN)


def told(world: World, element: str, neighbour: str, state: int) -> None:
    values = ((f"{ROUTER}.{neighbour}.0", neighbour), (f"{STATE}.{neighbour}.0", state))
    trap = Trap(world.clock.now(), world.host(element), "v2c", NEIGHBOUR_LOST, 100, values)
    asyncio.run(world.service.hearing.desk.handle([trap]))
