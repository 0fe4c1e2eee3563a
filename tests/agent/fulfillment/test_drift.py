"""What somebody changed behind fabd's back: found, told in the element's own words, and what others have left alone."""

import pytest
from sqlalchemy import update

from agent.fulfillment.drift import Comparer, DriftState
from agent.fulfillment.tables import ElementHoldRow, PlanRow
from drivers.platform import load_platform
from inventory.tables import EndpointRow
from tests.agent.fulfillment.field import field


@pytest.fixture
def ground(database, tmp_path, host_keys):
    with field(database, tmp_path, host_keys) as made:
        made.routed = made.activate("internet-access", port="pe1/ge-0/0/1", description="Acme")
        made.access = made.activate("internet-access", accessPort="sw1/1")
        made.line = made.activate("l2-eline", a="sw1/2", b="pe2/Gi0/1")
        made.comparer = Comparer(database, made.doors, load_platform)
        yield made


def test_what_stands_as_it_should_is_in_sync_everywhere(ground):
    for element in ("pe1", "pe2", "sw1"):
        found = ground.comparer.compare(element)
        assert (found.state, found.missing, found.unexpected, found.payload) == (DriftState.IN_SYNC, (), (), ""), element
        assert found.digest


def test_a_missing_leaf_a_changed_one_and_what_puts_them_right_over_netconf(ground):
    part = ground.part(ground.routed, "pe1")
    changed = part.replace("Acme", "somebody else")
    ground.configure({"pe1": (part, changed)})
    found = ground.comparer.compare("pe1")
    assert found.state is DriftState.DRIFTED
    assert found.missing == ("/interfaces/interface[ge-0/0/1]/description = Acme",)
    assert found.unexpected == ("/interfaces/interface[ge-0/0/1]/description = somebody else",)
    assert found.services == (ground.routed,)
    assert "Acme" in found.payload
    assert "address" not in found.payload


def test_lines_that_are_gone_other_or_left_over_in_a_section_of_ours(ground):
    vlan = next(line for line in ground.part(ground.access, "pe2").splitlines() if line.startswith("interface")).split(".")[1]
    ground.configure(
        {"pe2": ("", f"interface Gi0/4.{vlan}\n description hacked\n ip address 192.0.2.9 255.255.255.252 secondary\n")}
    )
    found = ground.comparer.compare("pe2")
    assert found.state is DriftState.DRIFTED
    assert f"interface Gi0/4.{vlan} / description hacked" in found.unexpected
    assert f"interface Gi0/4.{vlan} / ip address 192.0.2.9 255.255.255.252 secondary" in found.unexpected
    assert any(line.startswith(f"interface Gi0/4.{vlan} / description ") for line in found.missing)
    assert found.services == (ground.access,)
    assert "no ip address 192.0.2.9 255.255.255.252 secondary" in found.payload


def test_a_member_that_somebody_put_into_a_customers_vlan_is_unexpected(ground):
    vlan = next(line for line in ground.part(ground.line, "sw1").splitlines() if line.strip().rstrip(":").isdigit()).strip(" :")
    name = f"vlans: {{{vlan}: {{name: x, untagged: [3]}}}}"
    ground.configure({"sw1": ("", name)})
    found = ground.comparer.compare("sw1")
    assert found.state is DriftState.DRIFTED
    assert found.unexpected == (f"vlan {vlan}: port 3 = untagged",)
    assert found.missing == ()
    assert '"remove-member"' in found.payload


def test_what_others_configured_beside_ours_is_not_looked_at(ground):
    ground.configure(
        {
            "pe2": ("", "interface Gi0/3\n description others\nvlan 900\n name others\ninterface Gi0/4\n description trunk\n"),
            "sw1": ("", "vlans: {900: {name: others, tagged: [1, 2]}}"),
        }
    )
    assert {ground.comparer.compare(element).state for element in ("pe1", "pe2", "sw1")} == {DriftState.IN_SYNC}


def test_one_service_is_compared_by_itself(ground):
    vlan = next(line for line in ground.part(ground.access, "pe2").splitlines() if line.startswith("interface")).split(".")[1]
    ground.configure({"pe2": ("", f"interface Gi0/4.{vlan}\n description hacked\n")})
    assert ground.comparer.compare("pe2", ground.access).state is DriftState.DRIFTED
    assert ground.comparer.compare("pe2", ground.line).state is DriftState.IN_SYNC
    assert ground.comparer.compare("pe2", ground.routed).reason == "nothing is to stand there"


def test_an_element_that_cannot_be_asked_is_unknown_and_says_why(ground):
    with ground.database.write() as session:
        session.execute(update(EndpointRow).where(EndpointRow.protocol == "ssh").values(port=9))
    found = ground.comparer.compare("pe2")
    assert found.state is DriftState.UNKNOWN
    assert found.reason


def test_an_element_that_a_plan_has_is_skipped(ground):
    at = ground.clock.now()
    with ground.database.write() as session:
        plan = PlanRow(id="pln-1", order_id="", version=1, state="running", step="stage", fence=1, created_at=at, deadline=at)
        session.add(plan)
        session.flush()
        session.add(ElementHoldRow(element="pe2", plan_id="pln-1", fence=1, since=at))
    found = ground.comparer.compare("pe2")
    assert (found.state, found.reason) == (DriftState.SKIPPED, "held by plan pln-1")


def test_an_element_without_services_has_nothing_to_drift(ground):
    with ground.database.write() as session:
        session.execute(update(EndpointRow).values(port=9))  # nobody is asked
    found = ground.comparer.compare("sw1", "svc-other")
    assert (found.state, found.reason) == (DriftState.IN_SYNC, "nothing is to stand there")
