"""What is read as it is asked for is what the whole network says."""

import pytest

from inventory.db import Database
from inventory.errors import UnknownObject
from inventory.surroundings import Surroundings
from inventory.topology import Topology, load_topology
from tests.inventory.factory import add_element, add_link

NAMES = ("pe1", "p1", "sw1", "sw2")


@pytest.fixture
def whole(database: Database) -> Topology:
    with database.write() as session:
        add_element(session, "pe1", customer=["ge-0/0/1"], core=["ge-0/0/0", "ge-0/0/2"], attributes={"bgp_as": 65000})
        add_element(session, "p1", platform="frr", role="core", core=["c-pe1", "c-sw2"])
        add_element(session, "sw1", platform="qbridge", role="access", customer=["1"], core=["up1", "up2"])
        add_element(session, "sw2", platform="qbridge", role="access", core=["up1", "up2"])
        add_link(session, "pe1/ge-0/0/0", "p1/c-pe1")
        add_link(session, "sw1/up1", "pe1/ge-0/0/2")
        add_link(session, "sw2/up1", "sw1/up2")
        add_link(session, "sw2/up2", "p1/c-sw2")
    with database.read() as session:
        return load_topology(session)


def test_elements_ports_links_and_neighbours_are_those_of_the_whole(database: Database, whole: Topology) -> None:
    with database.read() as session:
        near = Surroundings(session)
        assert [near.neighbours(name) for name in NAMES] == [whole.neighbours(name) for name in NAMES]
    with database.read() as session:
        near = Surroundings(session)
        for reference, port in whole.ports.items():
            assert near.port(reference) == port
            assert near.port_by_id(port.id) == port
            assert near.link_of(reference) == whole.link_of(reference)
            assert near.element(port.element) == whole.element(port.element)
        assert [near.link_by_id(link.id) for link in whole.links] == list(whole.links)


def test_ways_are_those_of_the_whole(database: Database, whole: Topology) -> None:
    with database.read() as session:
        for start in NAMES:
            for end in NAMES:
                assert Surroundings(session).path(start, end) == whole.path(start, end)


def test_a_port_is_found_by_its_id_alone(database: Database, whole: Topology) -> None:
    port = whole.port("sw1/1")
    with database.read() as session:
        assert Surroundings(session).port_by_id(port.id) == port


@pytest.mark.parametrize(
    ("reference", "message"), [("pe1", "write it as element/port"), ("z/1", "no element 'z'"), ("pe1/9", "no port 'pe1/9'")]
)
def test_what_is_not_there_is_named(database: Database, whole: Topology, reference: str, message: str) -> None:
    with database.read() as session, pytest.raises(UnknownObject, match=message):
        Surroundings(session).port(reference)
    with database.read() as session, pytest.raises(UnknownObject):
        Surroundings(session).port_by_id(f"{whole.port('sw1/1').id}-not")
