"""From order to active and back to nothing, on simulated elements that speak NETCONF, a command line and SNMP."""

import pytest

from agent.fulfillment.tables import OrderRow
from agent.fulfillment.views import plan_views
from inventory.services import service_view
from tests.agent.fulfillment.network import delete, eline, internet
from tests.agent.fulfillment.running import holds

PRODUCTS = {
    "netconf": (internet(port="pe1/ge-0/0/1", description="Acme, Ghent"), ["pe1"]),
    "command line": (internet(port="pe2/Gi0/1", vlan=100, rate=50), ["pe2"]),
    "command line and snmp": (internet(port="pe2/Gi0/4", accessPort="sw1/1"), ["pe2", "sw1"]),
    "snmp": (eline(a="sw1/1", b="sw1/2"), ["sw1"]),
}


@pytest.mark.parametrize("product", PRODUCTS)
def test_an_order_becomes_active_and_its_delete_leaves_no_trace(fabd, product):
    item, elements = PRODUCTS[product]
    before = fabd.everything()
    order = fabd.order(item)
    assert (order.state, order.items[0].errors) == ("completed", [])
    after = fabd.everything()
    assert sorted(element for element in after if after[element] != before[element]) == elements
    with fabd.database.read() as session:
        service = service_view(session, order.items[0].service_id)
        (plan,) = plan_views(session, order.id)
    assert service.state == "active"
    assert [change.element for change in plan.changes] == elements
    assert {change.state for change in plan.changes} == {"saved"}
    assert [moment.step for moment in plan.timeline if moment.outcome == "started"] == [
        "connect",
        "stage",
        "commit",
        "verify",
        "confirm",
        "save",
    ]
    gone = fabd.order(delete(service.id))
    assert (gone.state, gone.items[0].errors) == ("completed", [])
    assert fabd.everything() == before
    assert holds(fabd) == 0


def test_one_transaction_over_three_protocols_leaves_nothing_when_one_element_refuses(fabd):
    before = fabd.everything()
    fabd.order(internet("9", port="pe1/ge-0/0/3"))
    there = fabd.everything()
    fabd.sim.call(lambda network: network.elements["pe2"].faults.refuse_edit("% Resource not available"))
    order = fabd.order(
        internet("1", port="pe1/ge-0/0/2"), internet("2", port="pe2/Gi0/4", accessPort="sw1/2", related=[("bundle", "1")])
    )
    assert order.state == "failed"
    assert {error["element"] for item in order.items for error in item.errors} == {"pe2"}
    assert fabd.everything() == there != before
    assert holds(fabd) == 0


BEFORE_COMMIT = ("after take", "after hold", "before stage")
UNDECIDED = ("after stage", "after commit", "before decide")
DECIDED = ("after decide", "after confirm", "before activate")


@pytest.mark.parametrize("point", [*BEFORE_COMMIT, *UNDECIDED, *DECIDED])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_killed_in_the_middle_leaves_the_network_as_the_journal_says(fabd, point):
    before = fabd.everything()
    items = internet("1", port="pe1/ge-0/0/1"), internet("2", port="pe2/Gi0/4", accessPort="sw1/1", related=[("bundle", "1")])
    order = fabd.order_killed_at(point, *items)
    assert order.state == ("failed" if point in UNDECIDED else "completed")
    after = fabd.everything()
    if order.state == "failed":
        assert after == before
    else:
        assert all(after[element] != before[element] for element in before)
        assert fabd.order(*(delete(item.service_id, item.reference) for item in order.items)).state == "completed"
    assert fabd.everything() == before
    assert holds(fabd) == 0


def test_a_dry_run_shows_the_native_payload_and_touches_nothing(fabd):
    before = fabd.everything()
    request = fabd.operator.request(internet(port="pe2/Gi0/4", accessPort="sw1/1"))
    preview = fabd.service.plan_only(request)
    assert [change.element for change in preview.changes] == ["pe2", "sw1"]
    assert "interface Gi0/4.100" in preview.changes[0].payload
    assert {given.role: given.value for given in preview.allocations}["vlan"] == "100"
    assert fabd.everything() == before
    with fabd.database.read() as session:
        assert session.query(OrderRow).count() == 0


@pytest.mark.parametrize("point", ["after decide", "before confirm", "after confirm"])
def test_a_switch_that_forgets_by_a_restart_after_the_decision_gets_it_again(fabd, point):
    """SNMP has no session that would be lost with it: its uptime tells."""
    empty = fabd.running("sw1")

    def restart() -> None:
        switch = fabd.sim.network.elements["sw1"].state
        switch.saved = before
        switch.reboot()

    before = fabd.sim.call(lambda network: network.elements["sw1"].state.snapshot())
    fabd.meanwhile[point] = lambda: fabd.sim.call(lambda _: restart())
    order = fabd.order(eline(a="sw1/1", b="sw1/2", description="Acme"))
    assert (order.state, order.items[0].errors) == ("completed", [])
    assert not fabd.meanwhile
    assert "Acme" in fabd.running("sw1")
    fabd.order(delete(order.items[0].service_id))
    assert fabd.running("sw1") == empty
