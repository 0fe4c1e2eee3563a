"""Whom an event is about."""

import pytest

from agent.assurance.events.directory import Directory
from agent.assurance.events.translation import Sender
from agent.assurance.topology.portnames import is_short_for
from agent.assurance.topology.watchlist import WatchedElement, WatchedPort, Watchlist
from agent.catalog import load_translations
from inventory.topology import Topology
from policies.translating import Said

NAMES = ("GigabitEthernet0/1", "Gi0/2", "Et3", "Ethernet3/1")


def element(name: str, host: str) -> WatchedElement:
    ports = tuple(WatchedPort(f"{name}-{place}", name, port, place, 10**9) for place, port in enumerate(NAMES, start=1))
    return WatchedElement(name, name, "ios", host, 161, "lab", ports)


ELEMENTS = {each.name: each for each in (element("r1", "192.0.2.1"), element("r2", "192.0.2.2"), element("r3", "192.0.2.2"))}
WATCHLIST = Watchlist(Topology.of((), (), ()), ELEMENTS)
DIRECTORY = Directory(WATCHLIST, {"198.51.100.1": "r2"}, frozenset({"192.0.2.200"}))


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        (Sender("192.0.2.1"), "r1"),
        (Sender("192.0.2.9", "192.0.2.1"), "r1"),
        (Sender("192.0.2.1", "0.0.0.0"), "r1"),
        (Sender("192.0.2.2"), None),
        (Sender("198.51.100.1"), "r2"),
        (Sender("192.0.2.9", "r1"), None),
        (Sender("192.0.2.200", "r1"), "r1"),
        (Sender("192.0.2.200", "nobody"), None),
        (Sender(element="r3"), "r3"),
        (Sender(element="gone"), None),
    ],
)
def test_an_event_is_about_whom_it_names_or_who_sent_it(sender: Sender, name: str | None) -> None:
    found = DIRECTORY.element(sender)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Gi0/1", "GigabitEthernet0/1", True),
        ("gi0/1", "GigabitEthernet0/1", True),
        ("Gi0/1", "GigabitEthernet0/11", False),
        ("Te0/1", "GigabitEthernet0/1", False),
        ("Et3", "Ethernet3", True),
        ("ge-0/0/1", "ge-0/0/1.0", False),
        ("lo", "loopback", False),
    ],
)
def test_a_kind_may_be_shortened(one: str, other: str, *, same: bool) -> None:
    assert is_short_for(one, other) is is_short_for(other, one) is same


def line(name: str) -> Said:
    said = load_translations().line("", f"%LINK-3-UPDOWN: Interface {name}, changed state to down")
    assert said is not None
    return said


@pytest.mark.parametrize(("said", "port"), [("GigabitEthernet0/2", "Gi0/2"), ("Gi0/1", "GigabitEthernet0/1"), ("Vlan7", None)])
def test_a_port_is_found_by_either_of_its_names(said: str, port: str | None) -> None:
    found = DIRECTORY.port(ELEMENTS["r1"], line(said))
    assert (found.name if found else None) == port
