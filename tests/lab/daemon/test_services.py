"""Services on real elements, ordered from the running daemon over HTTP: they work, they are where they should be, they go."""

import re

import pytest

from tests.drivers.sim.exchange import interfaces, text
from tests.lab import configurations
from tests.lab.configurations import Configurations, changed, netconf_server
from tests.lab.fabd import BROKEN, NC_PORT, ON_BOTH, Fabd, complaints, deletion, internet
from tests.lab.lab import Lab
from tests.lab.shell import wait_until
from tests.lab.topology import NC1, P1, PE2

pytestmark = pytest.mark.lab


def test_the_host_keys_that_were_recorded_are_the_elements_own(fabd: Fabd, lab: Lab) -> None:
    assert set(fabd.known_hosts.read_text().split("\n")) == set(lab.known_hosts.read_text().split("\n"))


def test_a_customer_of_a_router_reaches_the_core_from_the_order_to_its_delete(fabd: Fabd, lab: Lab, before: Configurations) -> None:
    [access] = fabd.ordered(internet("pe1/cust1", description="Acme, Ghent"))
    assert access.state == "active"
    after = configurations.read(lab)
    assert changed(before, after) == {"pe1 running", "pe1 startup"}
    for line in (
        " description Acme, Ghent",
        f" ip address {access.link4[0]}/31",
        f" ipv6 address {access.link6[0]}/127",
        f"  network {access.link4}",
        f"  network {access.link6}",
    ):
        assert line in after["pe1 running"].splitlines()
        assert line in after["pe1 startup"].splitlines()
    lab.attach("ce1", access.customer4, access.link4[0])
    lab.attach("ce1", access.customer6, access.link6[0])
    try:
        wait_until("ce1 reaches pe2", lambda: lab.reaches("ce1", PE2.loopback))
        wait_until("ce1 reaches pe2 over IPv6", lambda: lab.reaches("ce1", PE2.loopback6))
        assert fabd.order(deletion(access))["state"] == "completed"
        assert not lab.reaches("ce1", PE2.loopback)
    finally:
        lab.detach("ce1")
    assert fabd.access(access.id).state == "terminated"
    fabd.assert_no_trace(before)


def test_a_router_whose_autonomous_system_is_not_in_the_inventory_announces_nothing(
    fabd: Fabd, lab: Lab, before: Configurations
) -> None:
    fabd.import_network(fabd.network(pe2={}))
    try:
        [access] = fabd.ordered(internet("pe2/cust1"))
    finally:
        fabd.import_network(fabd.network())
    running = lab.vtysh("pe2", "show running-config")
    assert f" ip address {access.link4[0]}/31" in running
    assert f"network {access.link4}" not in running
    lab.attach("ce2", access.customer4, access.link4[0])
    try:
        wait_until("ce2 reaches its edge", lambda: lab.reaches("ce2", PE2.loopback))
        assert not lab.reaches("ce2", P1.loopback), "the core knows no way back"
    finally:
        lab.detach("ce2")
    assert fabd.order(deletion(access))["state"] == "completed"
    fabd.assert_no_trace(before)


def test_what_was_ordered_on_netconfd_is_read_back_by_another_client_and_its_delete_leaves_no_trace(
    fabd: Fabd, lab: Lab, before: Configurations
) -> None:
    [access] = fabd.ordered(internet(NC_PORT, description="Acme, Bruges"))
    with lab.inside("mgmt"), netconf_server(lab).session() as session:
        for store in ("running", "startup"):
            entry = interfaces(session, store)[NC1.ports[0]]
            assert text(entry, "if:description") == "Acme, Bruges"
            assert text(entry, "ip:ipv4/ip:address/ip:ip") == str(access.link4[0])
            assert text(entry, "ip:ipv4/ip:address/ip:prefix-length") == "31"
            assert text(entry, "ip:ipv6/ip:address/ip:ip") == str(access.link6[0])
            assert text(entry, "ip:ipv6/ip:address/ip:prefix-length") == "127"
        assert session.get_config("candidate").data_xml == session.get_config("running").data_xml
    assert fabd.order(deletion(access))["state"] == "completed"
    fabd.assert_no_trace(before)


def test_one_order_over_both_kinds_of_element_and_one_delete_of_both(fabd: Fabd, lab: Lab, before: Configurations) -> None:
    on_router, on_store = fabd.ordered(internet("pe1/cust1"), internet(NC_PORT, reference="2", bundle="1"))
    assert changed(before, configurations.read(lab)) == ON_BOTH
    gone = fabd.order(deletion(on_router), deletion(on_store, reference="2", bundle="1"))
    assert gone["state"] == "completed"
    fabd.assert_no_trace(before)


@pytest.mark.parametrize(
    ("on_router", "on_store", "said"),
    [
        (BROKEN, "internet-access", r"pe1: line \d+ of \d+, 'ip address \S+/99': % Unknown command: ip address \S+/99"),
        ("internet-access", BROKEN, r"nc1: value not in range \(invalid-value, .*prefix-length\)"),
    ],
    ids=["the router", "netconfd"],
)
def test_what_one_element_refuses_leaves_nothing_on_the_other(
    fabd: Fabd, before: Configurations, on_router: str, on_store: str, said: str
) -> None:
    order = fabd.order(internet("pe1/cust1", spec=on_router), internet(NC_PORT, reference="2", bundle="1", spec=on_store))
    assert order["state"] == "failed"
    assert re.match(said, complaints(order))
    fabd.assert_no_trace(before)


def test_a_router_that_runs_another_autonomous_system_is_quoted(fabd: Fabd, before: Configurations) -> None:
    fabd.import_network(fabd.network(pe1={"bgp_as": 65009}))
    try:
        order = fabd.order(internet("pe1/cust1"), internet(NC_PORT, reference="2", bundle="1"))
    finally:
        fabd.import_network(fabd.network())
    assert order["state"] == "failed"
    assert "'router bgp 65009': BGP is already running; AS is 65000" in complaints(order)
    fabd.assert_no_trace(before)


def test_a_port_without_carrier_is_no_service_and_everything_goes_back(fabd: Fabd, lab: Lab, before: Configurations) -> None:
    lab.link_down("pe1", "cust1")
    try:
        order = fabd.order(internet("pe1/cust1"), internet(NC_PORT, reference="2", bundle="1"))
    finally:
        lab.link_up("pe1", "cust1")
    assert order["state"] == "failed"
    assert "pe1: port cust1 is down" in complaints(order)
    fabd.assert_no_trace(before)
