"""`kill -9`, and SIGTERM, in the middle of an order over a router and netconfd: the order ends, and there are no halves.

The instants are those at which a look at the plan finds a step begun, in the midst of what it does to the network. Those before and
after each point of the journal are in `test_every_point`.
"""

import re
from contextlib import suppress

import pytest

from tests.lab import configurations
from tests.lab.configurations import Configurations, changed
from tests.lab.errors import NotReady
from tests.lab.fabd import NC_PORT, ON_BOTH, OWN, Access, Document, Fabd, change, deletion, internet
from tests.lab.lab import Lab
from tests.lab.shell import wait_until

pytestmark = pytest.mark.lab

BUNDLE = (internet("pe1/cust1"), internet(NC_PORT, reference="2", bundle="1"))
OLD, NEW = ("192.0.2.0", "192.0.2.4"), ("192.0.2.2", "192.0.2.6")
"""The provider's addresses on the router and on netconfd."""
PUSHED_WITHIN = 3.0  # the lines before BGP's take a tenth of a second


def assert_whole(fabd: Fabd, before: Configurations, order_id: str) -> None:
    """Completed with everything in place and saved, or failed with nothing; and what is in place can be deleted without trace."""
    order = fabd.outcome(order_id)
    there, active = changed(before, configurations.read(fabd.lab)), fabd.active()
    if order["state"] == "completed":
        assert (there, len(active)) == (set(ON_BOTH), 2)
        first, second = active
        assert fabd.order(deletion(first), deletion(second, reference="2", bundle="1"))["state"] == "completed"
    else:
        assert (order["state"], there, active) == ("failed", set(), [])
    fabd.assert_no_trace(before)


def begun(fabd: Fabd, step: str, *items: Document) -> str:
    """An order over both elements, as soon as its plan has come to this step."""
    order_id = fabd.place(*(items or BUNDLE))
    wait_until(f"{step} has begun", lambda: step in fabd.steps(order_id))
    return order_id


@pytest.mark.parametrize("step", ["connect", "commit", "save"])
def test_an_order_ends_after_a_kill_and_the_elements_are_as_the_database_says(
    fabd: Fabd, before: Configurations, step: str
) -> None:
    order_id = begun(fabd, step)
    fabd.kill()
    fabd.start()
    assert_whole(fabd, before, order_id)


def on_both(fabd: Fabd) -> list[Access]:
    return fabd.ordered(
        internet("pe1/cust1", spec=OWN, description="Acme, Ghent", prefix=f"{OLD[0]}/31"),
        internet(NC_PORT, reference="2", bundle="1", spec=OWN, description="Acme, Ghent", prefix=f"{OLD[1]}/31"),
    )


def addresses(found: Configurations, element: str) -> set[str]:
    """Which of the services' addresses stand in what the element runs and has saved, each as `running 192.0.2.0`."""
    texts = {name.split()[1]: text for name, text in found.items() if name in (f"{element} running", f"{element} startup")}
    return {f"{name} {each}" for name, text in texts.items() for each in (*OLD, *NEW) if re.search(rf"{each}\b", text)}


@pytest.mark.parametrize("step", ["stage", "commit"])
def test_a_change_holds_whole_or_not_at_all_after_a_kill(fabd: Fabd, before: Configurations, step: str) -> None:
    services = on_both(fabd)
    there = configurations.read(fabd.lab)
    first, second = (change(each, prefix=f"{NEW[n]}/31", description="Acme, Bruges") for n, each in enumerate(services))
    bundle = {"serviceOrderItemRelationship": [{"relationshipType": "bundle", "orderItem": {"itemId": "1"}}]}
    order_id = begun(fabd, step, first, second | {"id": "2"} | bundle)
    fabd.kill()
    fabd.start()
    state, now = fabd.outcome(order_id)["state"], configurations.read(fabd.lab)
    if state == "completed":
        for n, element in enumerate(("pe1", "nc1")):
            assert addresses(now, element) == {f"running {NEW[n]}", f"startup {NEW[n]}"}
            assert all("Acme, Bruges" in now[name] and "Acme, Ghent" not in now[name] for name in ON_BOTH)
    else:
        assert (state, changed(there, now)) == ("failed", set())
    delete_both(fabd, services)
    fabd.assert_no_trace(before)


@pytest.mark.parametrize("step", ["commit", "confirm"])
def test_a_delete_takes_everything_or_nothing_after_a_kill(fabd: Fabd, before: Configurations, step: str) -> None:
    first, second = services = on_both(fabd)
    there = configurations.read(fabd.lab)
    order_id = begun(fabd, step, deletion(first), deletion(second, reference="2", bundle="1"))
    fabd.kill()
    fabd.start()
    state, now = fabd.outcome(order_id)["state"], configurations.read(fabd.lab)
    if state != "completed":
        assert (state, changed(there, now), len(fabd.active())) == ("failed", set(), 2)
        delete_both(fabd, services)
    assert fabd.active() == []
    fabd.assert_no_trace(before)


def delete_both(fabd: Fabd, services: list[Access]) -> None:
    first, second = services
    assert fabd.order(deletion(first), deletion(second, reference="2", bundle="1"))["state"] == "completed"


@pytest.mark.parametrize("step", ["connect", "commit"])
def test_an_order_ends_after_a_stop_in_its_middle(fabd: Fabd, before: Configurations, step: str) -> None:
    order_id = begun(fabd, step)
    fabd.stop()
    fabd.start()
    assert_whole(fabd, before, order_id)


def test_a_router_that_took_half_of_its_lines_before_the_kill_is_made_whole(fabd: Fabd, lab: Lab, before: Configurations) -> None:
    """Its BGP stands still, so that the push comes no further than the interface, or not even there when BGP stopped too soon."""
    order_id = begun(fabd, "commit")
    with lab.paused("pe1", "bgpd"):
        with suppress(NotReady):
            wait_until("pe1 has the address", lambda: "inet 100.64." in lab.exec("pe1", ["ip", "address"]), within=PUSHED_WITHIN)
        fabd.kill()
    fabd.start()
    assert_whole(fabd, before, order_id)
