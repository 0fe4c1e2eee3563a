"""What somebody types into real elements behind fabd's back: found, shown, put right; and what others configured stays."""

import json
import time
from ipaddress import IPv4Interface
from typing import Any

import pytest

from tests.lab import configurations
from tests.lab.configurations import netconf_server
from tests.lab.errors import CommandFailed
from tests.lab.fabd import NC_PORT, Fabd, internet, line
from tests.lab.lab import Lab
from tests.lab.shell import wait_until
from tests.lab.topology import NC1

pytestmark = pytest.mark.lab

DONE_WITHIN = 60.0  # seconds
HACKED = f"""
<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">
  <interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces">
    <interface><name>{NC1.ports[0]}</name><description>typed by hand</description></interface>
  </interfaces>
</config>
"""
STRAY = "100.64.77.0/31"
HERE, THERE = IPv4Interface("10.100.0.1/24"), IPv4Interface("10.100.0.2/24")


def redeployed(fabd: Fabd, element: str) -> None:
    plan = fabd.post(f"/api/v1/elements/{element}/redeploy", {})["plan_id"]
    wait_until(f"plan {plan} has ended", lambda: fabd.get(f"/api/v1/plans/{plan}")["finished_at"] is not None)
    assert fabd.get(f"/api/v1/plans/{plan}")["state"] == "done"


def compared(fabd: Fabd, element: str) -> dict[str, Any]:
    found: dict[str, Any] = fabd.post(f"/api/v1/elements/{element}/diff", {})
    return found


def test_a_router_and_a_netconf_server_are_in_sync_drift_and_are_put_right(fabd: Fabd, lab: Lab) -> None:
    access, _ = fabd.ordered(internet("pe1/cust1", description="Acme, Ghent"), internet(NC_PORT, reference="2", bundle="1"))
    ordered = configurations.read(lab)
    for element in ("pe1", "nc1"):
        assert (compared(fabd, element)["state"], compared(fabd, element)["unexpected"]) == ("inSync", [])

    lab.vtysh("pe1", "configure terminal", "interface cust1", "description typed by hand", f"no ip address {access.link4[0]}/31")
    lab.vtysh("pe1", "configure terminal", "interface lo", "description of others")
    with lab.inside("mgmt"), netconf_server(lab).session() as session:
        session.edit_config(target="candidate", config=HACKED, test_option="test-then-set")
        session.commit()
    try:
        router, server = compared(fabd, "pe1"), compared(fabd, "nc1")
        assert router["state"] == server["state"] == "drifted"
        assert router["unexpected"] == ["interface cust1 / description typed by hand"]
        assert router["missing"] == [
            "interface cust1 / description Acme, Ghent",
            f"interface cust1 / ip address {access.link4[0]}/31",
        ]
        assert server["unexpected"] == [f"/interfaces/interface[{NC1.ports[0]}]/description = typed by hand"]
        alarms = {alarm["element"] for alarm in fabd.get("/api/v1/alarms", cleared="false", cause="configurationDrift")}
        assert alarms == {"pe1", "nc1"}
        for element in ("pe1", "nc1"):
            redeployed(fabd, element)
            assert compared(fabd, element)["state"] == "inSync"
        assert fabd.get("/api/v1/alarms", cleared="false", cause="configurationDrift") == []
        assert " description of others" in lab.vtysh("pe1", "show running-config")
    finally:
        lab.vtysh("pe1", "configure terminal", "interface lo", "no description", "end", "write memory")
    assert configurations.changed(ordered, configurations.read(lab)) == set()


def test_looking_at_a_router_is_cheap(fabd: Fabd) -> None:
    fabd.ordered(internet("pe1/cust1"))
    started = time.monotonic()
    for _ in range(10):
        assert fabd.post("/api/v1/elements/pe1/check-sync", {})["state"] == "inSync"
    assert time.monotonic() - started < DONE_WITHIN


def test_what_somebody_takes_from_the_kernel_of_a_leaf_is_found_and_put_back(fabd: Fabd, lab: Lab) -> None:
    fabd.ordered(line("leaf1/cust1", "leaf2/cust1"))
    for leaf in ("leaf1", "leaf2"):
        found = compared(fabd, leaf)
        assert (found["missing"], found["unexpected"], found["state"]) == ([], [], "inSync")
    assert json.loads(fabd.command("inventory", "audit", "--json"))["leaks"] == []
    lab.join("ce3", HERE)
    lab.join("ce4", THERE)
    try:
        wait_until("ce3 reaches ce4", lambda: lab.reaches("ce3", THERE.ip))
        lab.exec("leaf1", ["ip", "link", "set", "dev", "cust1", "nomaster"])
        assert not lab.reaches("ce3", THERE.ip)
        found = compared(fabd, "leaf1")
        assert found["state"] == "drifted"
        assert any("master" in each for each in found["missing"])
        redeployed(fabd, "leaf1")
        assert compared(fabd, "leaf1")["state"] == "inSync"
        wait_until("ce3 reaches ce4 again", lambda: lab.reaches("ce3", THERE.ip))
    finally:
        lab.detach("ce3")
        lab.detach("ce4")


def test_the_audit_is_silent_and_finds_an_address_of_a_pool_that_nobody_has(fabd: Fabd, lab: Lab) -> None:
    fabd.ordered(internet("pe1/cust1"), internet(NC_PORT, reference="2", bundle="1"))
    sound = json.loads(fabd.command("inventory", "audit", "--json"))
    assert sound["leaks"] == []
    assert {"pe1", "nc1"} <= set(sound["asked"])
    lab.vtysh("pe2", "configure terminal", "interface lo", f"ip address {STRAY}")
    try:
        with pytest.raises(CommandFailed):
            fabd.command("inventory", "audit", "--reserve-found")
    finally:
        lab.vtysh("pe2", "configure terminal", "interface lo", f"no ip address {STRAY}", "end", "write memory")
    kept = json.loads(fabd.command("inventory", "pool", "show", "ipv4-links", "--json"))["keptBackValues"]
    assert [(each["value"], each["reason"]) for each in kept] == [(STRAY, "found in use on pe2")]
    fabd.command("inventory", "pool", "release", "ipv4-links", STRAY)
    assert json.loads(fabd.command("inventory", "audit", "--json"))["leaks"] == []
