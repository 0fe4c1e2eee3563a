"""Services on real elements are changed and called off: only what differs travels, and what is called off leaves nothing."""

import re
import time

import pytest

from tests.drivers.sim.exchange import interfaces, text
from tests.lab import configurations
from tests.lab.configurations import Configurations, changed, limits, netconf_server
from tests.lab.fabd import NC_PORT, OWN, Fabd, change, complaints, deletion, internet
from tests.lab.lab import Lab
from tests.lab.shell import wait_until
from tests.lab.topology import NC1

pytestmark = pytest.mark.lab

FRAME = 1460 + 8 + 20
"""Octets of an echo request that the limit counts at least: payload, ICMP and IPv4 headers."""
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
    [access] = fabd.ordered(internet(NC_PORT, spec=OWN, description="Acme, Ghent", prefix="192.0.2.0/31", rate=40))
    order = fabd.order(change(access, prefix="192.0.2.2/31", description="Acme, Bruges", rate=100))
    assert order["state"] == "completed", complaints(order)
    edit = sent(fabd, order["id"])
    assert edit.count("<description>") == edit.count('operation="remove"') == 1
    assert re.findall(r"rate>(\d+)<", edit) == ["100000000"]
    assert [leaf in edit for leaf in ("192.0.2.2", "192.0.2.0", "ipv6", "enabled", "<type")] == [True, True, False, False, False]
    with lab.inside("mgmt"), netconf_server(lab).session() as session:
        entry = interfaces(session, "running")[NC1.ports[0]]
        assert text(entry, "if:description") == "Acme, Bruges"
        assert text(entry, "ip:ipv4/ip:address/ip:ip") == "192.0.2.2"
        assert [leaf.text for leaf in entry.iter("{urn:fabd:lab:policing}rate")] == ["100000000"]
    assert fabd.order(deletion(access))["state"] == "completed"
    fabd.assert_no_trace(before)


def test_on_a_routers_kernel_only_the_new_rate_travels_and_both_ways_keep_to_it(
    fabd: Fabd, lab: Lab, before: Configurations
) -> None:
    [access] = fabd.ordered(internet("leaf1/cust1", description="Acme, Ghent", rate=40))
    assert limits("leaf1").count("limit rate over 5000000 bytes/second burst 500000 bytes drop") == 2
    order = fabd.order(change(access, rate=8))
    assert order["state"] == "completed"
    payload = sent(fabd, order["id"]).strip()
    assert payload.startswith("$ nft '")
    assert "\n" not in payload
    assert limits("leaf1").count("limit rate over 1000000 bytes/second burst 100000 bytes drop") == 2
    assert "5000000" not in limits("leaf1")
    lab.attach("ce3", access.customer4, access.link4[0])
    try:
        gateway = str(access.link4[0])
        wait_until("ce3 reaches its edge", lambda: lab.reaches("ce3", access.link4[0]))
        # 6 MB at once, against a bucket of a second and a tenth; and a second's worth passes for each second that it lasts
        began = time.monotonic()
        flood = lab.exec("ce3", ["ping", "-q", "-f", "-l", "64", "-c", "4000", "-s", "1460", "-W", "1", gateway], check=False)
        most = 1_100_000 + 1_000_000 * (time.monotonic() - began)
        assert 700 < answered(flood) <= most / FRAME
    finally:
        lab.detach("ce3")
    assert fabd.order(deletion(access))["state"] == "completed"
    fabd.assert_no_trace(before)


def answered(ping: str) -> int:
    [count] = re.findall(r"(\d+) received", ping)
    return int(count)


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
        wait_until("the plan has begun", lambda: bool(fabd.steps(order_id)))
        fabd.cancel(order_id)
    assert fabd.outcome(order_id)["state"] == "cancelled"
    fabd.assert_no_trace(before)
