"""Addresses of lost neighbours that nobody knows are asked for next to who lost them, and what came of it is kept for a while."""

from datetime import UTC, datetime

from agent.assurance.alarms.alarm import Alarm
from agent.assurance.problems.strangers import FORGOTTEN_S, MOST_UNHEARD, UNHEARD_S, Strangers, Told
from agent.assurance.problems.whose import Owner
from agent.assurance.topology.adjacency import Place
from agent.assurance.topology.watchlist import WatchedElement, Watchlist
from inventory.topology import ElementNode, LinkNode, PortNode, Topology

AT = datetime(2026, 3, 1, tzinfo=UTC)
ADDRESS = "10.9.0.1"


def watched(*cables: str) -> Watchlist:
    """`a b`: element a has a cable to b."""
    names = sorted({name for cable in cables for name in cable.split()})
    ends = {cable: [PortNode(f"{cable} {at}", at, cable, 1, 10**9, "core") for at in cable.split()] for cable in cables}
    nodes = (ElementNode(name, name, "frr", "core", "lab") for name in names)
    ports = (port for both in ends.values() for port in both)
    links = (LinkNode(cable, cable, *both) for cable, both in ends.items())
    elements = {name: WatchedElement(name, name, "frr", "192.0.2.1", 161, "public", ()) for name in names}
    return Watchlist(Topology.of(nodes, ports, links), elements)


LINE = watched("a b", "b c", "c d")
STAR = watched(*(f"hub spoke{number}" for number in range(MOST_UNHEARD + 10)))


def lost(element: str, address: str = ADDRESS) -> Alarm:
    return Alarm(f"{element} {address}", element, "", "bgpNeighbourDown", address, "major", "", AT, AT)


def wanted(strangers: Strangers, *alarms: Alarm, now: float = 0.0, among: Watchlist = LINE) -> dict[str, frozenset[str]]:
    return strangers.wanted(among, alarms, {}, now, frozenset)


def test_those_next_to_who_lost_it_are_asked_and_one_of_them_owns_it() -> None:
    strangers = Strangers()
    assert wanted(strangers, lost("b")) == {"a": {ADDRESS}, "c": {ADDRESS}}
    assert strangers.learn({"a": {}, "c": {ADDRESS: 7}}, 0.0)
    assert strangers.owners == {ADDRESS: Owner("c", 7)}


def test_what_nobody_or_several_call_their_own_has_no_owner() -> None:
    for answers in ({"a": {}, "c": {}}, {"a": {ADDRESS: 1}, "c": {ADDRESS: 7}}):
        strangers = Strangers()
        wanted(strangers, lost("b"))
        assert not strangers.learn(answers, 0.0)
        assert strangers.owners == {}


def test_nothing_is_known_until_the_last_of_them_has_answered() -> None:
    strangers = Strangers()
    wanted(strangers, lost("b"))
    assert not strangers.learn({"a": {ADDRESS: 7}}, 0.0)
    assert strangers.owners == {}
    assert wanted(strangers, lost("b")) == {"c": {ADDRESS}}
    assert strangers.learn({"c": {}}, 0.0)
    assert strangers.owners == {ADDRESS: Owner("a", 7)}


def test_neighbours_that_somebody_knows_are_not_asked_for() -> None:
    alarm = lost("b")
    assert Strangers().wanted(LINE, [alarm], {alarm.id: Place("b", "c")}, 0.0, frozenset) == {}


def test_an_alarm_without_an_address_asks_nobody() -> None:
    assert wanted(Strangers(), lost("b", "Loopback0")) == {}


def test_who_lost_somebody_is_asked_where_several_did() -> None:
    other = "10.9.0.2"
    asked = wanted(Strangers(), lost("a"), lost("d", other))
    assert asked == {"a": {ADDRESS, other}, "b": {ADDRESS}, "c": {other}, "d": {ADDRESS, other}}


def test_what_is_known_is_forgotten_and_asked_for_anew_after_some_minutes() -> None:
    strangers = Strangers()
    wanted(strangers, lost("b"))
    strangers.learn({"a": {}, "c": {ADDRESS: 7}}, 0.0)
    assert wanted(strangers, lost("b"), now=FORGOTTEN_S - 1) == {}
    assert strangers.owners == {ADDRESS: Owner("c", 7)}
    assert wanted(strangers, lost("b"), now=FORGOTTEN_S) == {"a": {ADDRESS}, "c": {ADDRESS}}
    assert strangers.owners == {}


def test_of_those_that_do_not_answer_a_bounded_number_is_remembered() -> None:
    strangers, alarms = Strangers(), [lost(spoke) for spoke in STAR.elements if spoke != "hub"]
    assert wanted(strangers, *alarms, among=STAR).keys() == STAR.elements.keys()
    strangers.learn(dict.fromkeys(STAR.elements), 0.0)
    [told] = strangers._told.values()
    assert len(told.unheard) == MOST_UNHEARD


def test_more_can_be_known_of_what_was_nobodys_when_others_lose_it_later_and_when_the_unheard_talk() -> None:
    later = AT.replace(hour=1)
    nobodys, somebodys = Told(None, 0.0, AT, frozenset({"c"})), Told(Owner("c", 7), 0.0, AT, frozenset({"b"}))
    assert not nobodys.is_over(AT, UNHEARD_S - 1, frozenset)
    assert nobodys.is_over(AT, UNHEARD_S, frozenset)
    assert not nobodys.is_over(AT, UNHEARD_S, lambda _: frozenset())
    assert nobodys.is_over(later, 0.0, frozenset)
    assert nobodys.is_over(AT, 0.0, frozenset, more_lost=True)
    assert not somebodys.is_over(later, UNHEARD_S, frozenset, more_lost=True)
