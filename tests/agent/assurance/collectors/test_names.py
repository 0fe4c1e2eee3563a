"""Neighbours of one address, told apart; and alarms that stand when what they are about is named otherwise."""

import json
from pathlib import Path

import pytest

from policies.collecting.collector import Collector
from policies.collecting.meaning import parse_collector
from tests.agent.assurance.collectors.field import made

BGP, OSPF, BFD = "show bgp vrf all summary json", "show ip ospf vrf all neighbor json", "show bfd peers json"
PEER = "192.0.2.99"
ADJACENCY = {"nbrState": "Full/-", "ifaceAddress": "10.0.1.2", "ifaceName": "x1:10.0.1.1"}


def shipped(name: str) -> Collector:
    path = Path(f"policies/collectors/{name}.yaml")
    return parse_collector(path.read_text(encoding="utf-8"), path.name)


NAMED = {name: shipped(name) for name in ("frr-bgp", "frr-ospf", "frr-bfd")}
"""As they are now."""


def as_before(collector: Collector) -> Collector:
    """It named neighbours by their address alone."""
    (rule,) = collector.states
    names = {"qualifier": rule.qualifier.split(" ")[0], "also": rule.also[:-1], "apart": ""}
    return collector.model_copy(update={"states": (rule.model_copy(update=names),), "samples": ()})


@pytest.fixture
def field(database, clock):
    return made(database, clock)


def asks(field, *collectors):
    field.collectors = list(collectors)
    field.restarted()


def bgp(field, **states):
    """VRF → state of its neighbour."""
    every = {vrf: {"ipv4Unicast": {"peers": {PEER: {"state": state}}}} for vrf, state in states.items()}
    field.show("pe1", BGP, json.dumps(every))
    field.show("pe2", BGP, "{}")


def standing(field):
    return [qualifier for element, _, qualifier in field.alarms() if element == "pe1"]


def test_neighbours_of_one_address_in_several_vrfs_are_an_alarm_each(field):
    asks(field, NAMED["frr-bgp"])
    bgp(field, default="Established", red="Active", blue="Established")
    field.turn()
    assert standing(field) == [f"{PEER} red"]
    bgp(field, default="Active", red="Active", blue="Connect")
    field.turn()
    assert standing(field) == [PEER, f"{PEER} blue", f"{PEER} red"]
    bgp(field, default="Active", red="Established", blue="Connect")
    field.turn()
    assert standing(field) == [PEER, f"{PEER} blue"]


def test_an_alarm_by_the_address_alone_is_that_of_the_only_neighbour_that_has_it(field):
    asks(field, as_before(NAMED["frr-bgp"]))
    bgp(field, red="Active")
    field.turn()
    assert standing(field) == [PEER]
    asks(field, NAMED["frr-bgp"])
    field.turn()
    field.turn()
    assert standing(field) == [PEER]
    bgp(field, red="Established")
    field.turn()
    assert field.alarms() == []


@pytest.mark.parametrize("others", [{"default": "Established"}, {"blue": "Established"}])
def test_an_alarm_that_was_of_several_becomes_that_of_the_one_that_is_lost(field, others):
    asks(field, as_before(NAMED["frr-bgp"]))
    bgp(field, red="Active", **others)
    field.turn()
    assert standing(field) == [PEER]
    asks(field, NAMED["frr-bgp"])
    field.turn()
    assert standing(field) == [f"{PEER} red"]
    bgp(field, red="Established", **others)
    field.turn()
    assert field.alarms() == []


def test_an_alarm_by_a_name_that_is_anothers_now_is_told_by_its_own(field):
    asks(field, as_before(NAMED["frr-bgp"]))
    bgp(field, red="Active")
    field.turn()
    asks(field, NAMED["frr-bgp"])
    field.turn()
    bgp(field, red="Active", default="Established")
    field.turn()
    assert standing(field) == [f"{PEER} red"]


def test_an_alarm_by_a_name_that_is_nobodys_any_more_ends_and_is_told_by_its_own(field):
    asks(field, as_before(NAMED["frr-bgp"]))
    bgp(field, red="Active")
    field.turn()
    asks(field, NAMED["frr-bgp"])
    field.turn()
    assert standing(field) == [PEER]
    bgp(field, red="Active", blue="Established")
    field.turn()
    assert standing(field) == [f"{PEER} red"]
    bgp(field, red="Established", blue="Established")
    field.turn()
    assert field.alarms() == []


def test_an_adjacency_that_is_named_by_its_vrf_from_now_on_is_not_lost(field):
    field.show("pe1", OSPF, json.dumps({"red": {"neighbors": {"10.9.9.9": [ADJACENCY]}}}))
    field.show("pe2", OSPF, "{}")
    asks(field, as_before(NAMED["frr-ospf"]))
    field.turn()
    asks(field, NAMED["frr-ospf"])
    field.turn()
    field.turn()
    assert field.alarms(standing=False) == []
    field.show("pe1", OSPF, "{}")
    field.turn()
    field.turn(10)
    assert standing(field) == ["10.0.1.2.0 red"]


def test_sessions_with_one_neighbour_over_two_interfaces_are_told_apart_while_there_are_two(field):
    over = {name: {"peer": "10.255.255.2", "vrf": "default", "interface": name, "status": "up"} for name in ("x1", "x2")}
    asks(field, NAMED["frr-bfd"])
    field.show("pe2", BFD, "[]")
    field.show("pe1", BFD, json.dumps([over["x1"]]))
    field.turn()
    field.show("pe1", BFD, json.dumps([over["x1"], {**over["x2"], "status": "down"}]))
    field.turn()
    field.turn(10)
    assert standing(field) == ["10.255.255.2 x2"]
    field.show("pe1", BFD, json.dumps([{**over["x2"], "status": "down"}]))
    field.turn()
    field.turn(10)
    assert standing(field) == ["10.255.255.2"]
    field.show("pe1", BFD, json.dumps([over["x2"]]))
    field.turn()
    assert field.alarms() == []
