"""An Ethernet line over EVPN between two FRR routers on Linux: two customer hosts are in one network as long as it is ordered."""

from ipaddress import IPv4Interface

import pytest

from tests.lab import configurations
from tests.lab.configurations import Configurations, changed
from tests.lab.fabd import Fabd, complaints, deletion, line
from tests.lab.lab import Lab
from tests.lab.shell import wait_until

pytestmark = pytest.mark.lab

HERE, THERE = IPv4Interface("10.100.0.1/24"), IPv4Interface("10.100.0.2/24")
ON_BOTH = {f"{leaf} {what}" for leaf in ("leaf1", "leaf2") for what in ("running", "startup", "links")}


def test_two_hosts_are_joined_from_the_order_to_its_delete(fabd: Fabd, lab: Lab, before: Configurations) -> None:
    lab.join("ce3", HERE)
    lab.join("ce4", THERE)
    try:
        assert not lab.reaches("ce3", THERE.ip)
        [service] = fabd.ordered(line("leaf1/cust1", "leaf2/cust1", description="Acme, north to south"))
        assert changed(before, configurations.read(lab)) == ON_BOTH
        wait_until("ce3 reaches ce4", lambda: lab.reaches("ce3", THERE.ip))
        assert fabd.order(deletion(service))["state"] == "completed"
        assert not lab.reaches("ce3", THERE.ip)
    finally:
        lab.detach("ce3")
        lab.detach("ce4")
    fabd.assert_no_trace(before)


def test_one_change_holds_what_the_kernel_does_and_what_frr_does(fabd: Fabd, before: Configurations) -> None:
    order = fabd.order(line("leaf1/cust1", "leaf2/cust1"))
    [plan] = fabd.plans(order["id"])
    sent = {change["element"]: change["payload"].splitlines() for change in plan["changes"]}
    assert set(sent) == {"leaf1", "leaf2"}
    for lines in sent.values():
        by_kernel = [each for each in lines if each.startswith("$ ")]
        assert any("type vxlan id 10" in each for each in by_kernel)
        assert lines[: len(by_kernel)] == by_kernel, "FRR is told of a network once the kernel has it"
        assert " advertise-all-vni" in " ".join(lines)
    [service] = fabd.active()
    assert fabd.order(deletion(service))["state"] == "completed"
    fabd.assert_no_trace(before)


def test_a_far_end_without_carrier_leaves_nothing_on_the_near_one(fabd: Fabd, lab: Lab, before: Configurations) -> None:
    lab.link_down("leaf2", "cust1")
    try:
        order = fabd.order(line("leaf1/cust1", "leaf2/cust1"))
    finally:
        lab.link_up("leaf2", "cust1")
    assert order["state"] == "failed"
    assert "leaf2: port cust1 is down" in complaints(order)
    fabd.assert_no_trace(before)
