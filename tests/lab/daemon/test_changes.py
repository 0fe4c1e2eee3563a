"""Services on real elements are changed and called off: only what differs travels, and what is called off leaves nothing."""

import pytest

from tests.drivers.sim.exchange import interfaces, text
from tests.lab import configurations
from tests.lab.configurations import Configurations, changed, netconf_server
from tests.lab.fabd import NC_PORT, OWN, Fabd, change, deletion, internet
from tests.lab.lab import Lab
from tests.lab.shell import wait_until
from tests.lab.topology import NC1

pytestmark = pytest.mark.lab

STARTED_WITHIN = 10.0  # seconds
ONLY_WHAT_DIFFERS = """\
router bgp 65000
 address-family ipv4 unicast
  no network 192.0.2.0/31
  exit-address-family
 exit
interface cust1
 no ip address 192.0.2.0/31
 exit
interface cust1
 description Acme, Bruges
 ip address 192.0.2.2/31
 exit
router bgp 65000
 address-family ipv4 unicast
  network 192.0.2.2/31
  exit-address-family
 exit"""


def sent(fabd: Fabd, order_id: str) -> str:
    """What went to the one element of the order's one plan."""
    [plan] = fabd.plans(order_id)
    [part] = plan["changes"]
    return str(part["payload"])


def test_on_a_router_only_the_new_address_and_the_new_text_travel(fabd: Fabd, lab: Lab, before: Configurations) -> None:
    [access] = fabd.ordered(internet("pe1/cust1", spec=OWN, description="Acme, Ghent", prefix="192.0.2.0/31"))
    order = fabd.order(change(access, prefix="192.0.2.2/31", description="Acme, Bruges"))
    assert order["state"] == "completed"
    assert sent(fabd, order["id"]).strip() == ONLY_WHAT_DIFFERS
    running = lab.vtysh("pe1", "show running-config")
    assert " ip address 192.0.2.2/31" in running.splitlines()
    assert "192.0.2.0/31" not in running
    assert fabd.order(deletion(access))["state"] == "completed"
    fabd.assert_no_trace(before)


def test_on_netconfd_only_the_leaves_that_differ_travel(fabd: Fabd, lab: Lab, before: Configurations) -> None:
    [access] = fabd.ordered(internet(NC_PORT, spec=OWN, description="Acme, Ghent", prefix="192.0.2.0/31"))
    order = fabd.order(change(access, prefix="192.0.2.2/31", description="Acme, Bruges"))
    assert order["state"] == "completed"
    edit = sent(fabd, order["id"])
    assert edit.count("<description>") == edit.count('operation="remove"') == 1
    assert [leaf in edit for leaf in ("192.0.2.2", "192.0.2.0", "ipv6", "enabled", "<type")] == [True, True, False, False, False]
    with lab.inside("mgmt"), netconf_server(lab).session() as session:
        entry = interfaces(session, "running")[NC1.ports[0]]
        assert text(entry, "if:description") == "Acme, Bruges"
        assert text(entry, "ip:ipv4/ip:address/ip:ip") == "192.0.2.2"
    assert fabd.order(deletion(access))["state"] == "completed"
    fabd.assert_no_trace(before)


def test_a_change_that_changes_nothing_sends_nothing(fabd: Fabd, lab: Lab) -> None:
    [access] = fabd.ordered(internet("pe1/cust1", description="Acme, Ghent"))
    there = configurations.read(lab)
    assert fabd.order(change(access, description="Acme, Ghent"))["state"] == "completed"
    assert changed(there, configurations.read(lab)) == set()


def test_an_order_that_is_called_off_while_it_waits_for_an_element_leaves_nothing(
    fabd: Fabd, lab: Lab, before: Configurations
) -> None:
    with lab.paused("pe1", "zebra"):
        order_id = fabd.place(internet("pe1/cust1"), internet(NC_PORT, reference="2", bundle="1"))
        wait_until("the plan has begun", lambda: bool(fabd.steps(order_id)), within=STARTED_WITHIN)
        fabd.cancel(order_id)
    assert fabd.outcome(order_id)["state"] == "cancelled"
    fabd.assert_no_trace(before)
