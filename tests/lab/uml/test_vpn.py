"""An IP VPN over MPLS, ordered from a running daemon: two customer hosts reach each other as long as it is ordered."""

from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from tests.lab import lock
from tests.lab.fabd import SERVICES, Fabd, complaints, deletion
from tests.lab.shell import wait_until
from tests.lab.uml.machine import Machine

pytestmark = pytest.mark.uml

PATIENCE = 90  # seconds
JOINED_WITHIN = 90.0


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    built = Machine(tmp_path_factory.mktemp("uml"))
    with lock.held(within=PATIENCE):
        try:
            built.up()
            yield built
        finally:
            built.down()


@pytest.fixture(scope="module")
def fabd(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabd]:
    """Patient: the kernel takes seconds for what others do in milliseconds."""
    with pytest.MonkeyPatch.context() as environment:
        for phase in ("CONNECT", "STAGE", "COMMIT", "VERIFY"):
            environment.setenv(f"FABD_FULFILLMENT__{phase}_TIMEOUT_S", str(PATIENCE))
        with Fabd(machine, tmp_path_factory.mktemp("fabd")) as running:
            running.patience = 4 * PATIENCE
            yield running


def test_two_sites_reach_each_other_over_mpls_from_the_order_to_its_delete(fabd: Fabd, machine: Machine) -> None:
    before = {node: machine.within(node, "vtysh", "-c", "'show running-config'") for node in ("pe1", "p1", "pe2")}
    sites = [{"port": "pe1/cust1"}, {"port": "pe2/cust1"}]
    service = {"serviceSpecification": {"id": "l3vpn"}, "serviceCharacteristic": [{"name": "sites", "value": sites}]}
    order = fabd.order({"id": "1", "action": "add", "service": service})
    assert order["state"] == "completed", complaints(order)
    [access] = fabd.active()
    resources = fabd.get(f"{SERVICES}/{access.id}")["supportingResource"]
    here, there = (ip_network(each["name"]) for each in resources if each["role"].startswith("link4"))
    for host, link in (("ce1", here), ("ce2", there)):
        machine.within(host, "ip", "address", "replace", f"{link[1]}/31", "dev", "wan")
        machine.within(host, "ip", "route", "replace", "100.64.0.0/16", "via", str(link[0]))
    wait_until("ce1 reaches ce2", lambda: machine.reaches("ce1", str(there[1])), within=JOINED_WITHIN)
    routes = machine.within("pe1", "vtysh", "-c", "'show ip route vrf all'").splitlines()
    assert any(str(there) in route and "label" in route for route in routes)
    assert not machine.reaches("p1", str(there[1])), "the core does not know the customer's addresses"
    assert fabd.order(deletion(access))["state"] == "completed"
    assert not machine.reaches("ce1", str(there[1]))
    assert {node: machine.within(node, "vtysh", "-c", "'show running-config'") for node in before} == before
