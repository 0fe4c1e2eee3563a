"""Services with their parts and resources, from creation to the end."""

import pytest

from inventory.allocation import allocate
from inventory.db import Database
from inventory.elements import element, endpoints, set_administrative
from inventory.errors import ServiceStateConflict, UnknownObject
from inventory.fill import fill
from inventory.ports import claim
from inventory.services import (
    NewService,
    change_service,
    create_service,
    service_view,
    services_on,
    set_parts,
    set_resources,
    terminate_service,
)
from inventory.tables import EndpointRow, LinkRow
from tests.clock import EPOCH
from tests.inventory.factory import add_element, add_link, add_pool, port_id

NEW = NewService("internet", "internet-access", "1.0.0", "C-1001", {"port": "pe1/ge-0/0/1"}, id="svc-1")


@pytest.fixture
def network(database: Database) -> Database:
    with database.write() as session:
        add_element(session, "pe1", customer=["ge-0/0/1"], core=["ge-0/0/0"])
        add_element(session, "sw1", platform="qbridge", role="access", customer=["3"], core=["24"])
        add_link(session, "pe1/ge-0/0/0", "sw1/24")
        add_pool(session, "vlans", "vlan", ranges=[[100, 199]], quarantine_s=60)
        create_service(session, NEW, EPOCH)
    return database


def test_a_service_is_shown_with_all_it_has(network: Database) -> None:
    with network.write() as session:
        set_parts(session, "svc-1", {"pe1": "interface ge-0/0/1", "sw1": "vlans: {}"})
        link = session.query(LinkRow).one()
        set_resources(
            session, "svc-1", {port_id(session, "sw1/3"): "endpoint", port_id(session, "pe1/ge-0/0/0"): "transit"}, [link.id]
        )
        allocate(session, "vlans", owner="itm-1", role="vlan", service_id="svc-1", at=EPOCH)
        claim(session, port_id(session, "sw1/3"), vlan=0, service_id="svc-1", owner="itm-1")
    with network.read() as session:
        view = service_view(session, "svc-1")
    assert (view.state, view.revision, view.customer) == ("reserved", 1, "C-1001")
    assert [(part.element, part.platform) for part in view.parts] == [("pe1", "ios"), ("sw1", "qbridge")]
    assert [(port.reference, port.role) for port in view.ports] == [("pe1/ge-0/0/0", "transit"), ("sw1/3", "endpoint")]
    assert view.links == ("pe1/ge-0/0/0--sw1/24",)
    assert view.allocations["vlan"].value == "100"
    assert [(held.port, held.vlan) for held in view.claims] == [("sw1/3", 0)]


def test_parts_and_resources_are_replaced_as_a_whole(network: Database) -> None:
    with network.write() as session:
        set_parts(session, "svc-1", {"pe1": "a", "sw1": "b"})
        set_resources(session, "svc-1", {port_id(session, "sw1/3"): "endpoint"})
    with network.write() as session:
        set_parts(session, "svc-1", {"pe1": "c", "sw1": ""})
        set_resources(session, "svc-1", {port_id(session, "sw1/3"): "transit", port_id(session, "sw1/24"): "endpoint"})
    with network.read() as session:
        view = service_view(session, "svc-1")
    assert [(part.element, part.desired) for part in view.parts] == [("pe1", "c")]
    assert [(port.reference, port.role) for port in view.ports] == [("sw1/24", "endpoint"), ("sw1/3", "transit")]


def test_services_are_found_by_what_they_run_over(network: Database) -> None:
    with network.write() as session:
        set_parts(session, "svc-1", {"pe1": "a"})
        link = session.query(LinkRow).one()
        set_resources(session, "svc-1", {port_id(session, "sw1/3"): "endpoint"}, [link.id])
        assert services_on(session, ports=[port_id(session, "sw1/3")]) == ("svc-1",)
        assert services_on(session, links=[link.id]) == ("svc-1",)
        assert services_on(session, element="pe1") == ("svc-1",)
        assert services_on(session, ports=[port_id(session, "sw1/24")], element="sw1") == ()


def test_the_end_frees_all_and_keeps_the_record(network: Database) -> None:
    with network.write() as session:
        set_parts(session, "svc-1", {"pe1": "a"})
        set_resources(session, "svc-1", {port_id(session, "sw1/3"): "endpoint"})
        allocate(session, "vlans", owner="itm-1", role="vlan", service_id="svc-1", at=EPOCH)
        claim(session, port_id(session, "sw1/3"), vlan=0, service_id="svc-1", owner="itm-1")
    with network.write() as session:
        terminate_service(session, "svc-1", EPOCH)
        view = service_view(session, "svc-1")
        assert (view.state, view.ended_at, view.parts, view.ports, view.claims) == ("terminated", EPOCH, (), (), ())
        assert fill(session, "vlans").quarantined == 1
        with pytest.raises(ServiceStateConflict, match="terminated again"):
            terminate_service(session, "svc-1", EPOCH)
        with pytest.raises(ServiceStateConflict, match="cannot be changed"):
            change_service(session, "svc-1", {})


def test_a_change_counts_a_revision(network: Database) -> None:
    with network.write() as session:
        change_service(session, "svc-1", {"port": "pe1/ge-0/0/1", "rate": 5})
    with network.read() as session:
        view = service_view(session, "svc-1")
    assert (view.revision, view.characteristics["rate"]) == (2, 5)


def test_what_is_not_there_is_named(network: Database) -> None:
    with network.write() as session:
        with pytest.raises(UnknownObject, match="no service 'svc-9'"):
            service_view(session, "svc-9")
        with pytest.raises(UnknownObject, match="no element 'pe9'"):
            set_parts(session, "svc-1", {"pe9": "x"})
        with pytest.raises(UnknownObject, match="no element 'pe9'"):
            element(session, "pe9")


def test_elements_are_found_by_name_and_protocol(network: Database) -> None:
    with network.write() as session:
        pe1 = add_element(session, "pe2")
        ways = [("netconf", 830), ("snmp", 161)]
        pe1.endpoints = [EndpointRow(id=p, protocol=p, host="10.0.0.1", port=port, credential="lab") for p, port in ways]
    with network.write() as session:
        assert [endpoint.element for endpoint in endpoints(session, "snmp")] == ["pe2"]
        assert element(session, "pe2").endpoint("netconf").port == 830
        with pytest.raises(UnknownObject, match="the inventory has netconf, snmp"):
            element(session, "pe2").endpoint("ssh")
        set_administrative(session, "pe2", "locked")
        assert endpoints(session, "snmp") == ()
        assert [endpoint.element for endpoint in endpoints(session, "snmp", locked=True)] == ["pe2"]
        with pytest.raises(ValueError, match="neither locked nor unlocked"):
            set_administrative(session, "pe2", "off")
