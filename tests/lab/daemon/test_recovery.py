"""`kill -9`, and SIGTERM, in the middle of an order over a router and netconfd: the order ends, and there are no halves."""

from contextlib import suppress

import pytest

from tests.lab import configurations
from tests.lab.configurations import Configurations, changed
from tests.lab.errors import NotReady
from tests.lab.fabd import NC_PORT, ON_BOTH, Fabd, deletion, internet
from tests.lab.lab import Lab
from tests.lab.shell import wait_until

pytestmark = pytest.mark.lab

BUNDLE = (internet("pe1/cust1"), internet(NC_PORT, reference="2", bundle="1"))
BEGUN_WITHIN = 20.0  # seconds
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


def begun(fabd: Fabd, step: str) -> str:
    """An order over both elements, as soon as its plan has come to this step."""
    order_id = fabd.place(*BUNDLE)
    wait_until(f"{step} has begun", lambda: step in fabd.steps(order_id), within=BEGUN_WITHIN)
    return order_id


@pytest.mark.parametrize("step", ["connect", "stage", "commit", "verify", "confirm", "save"])
def test_an_order_ends_after_a_kill_and_the_elements_are_as_the_database_says(
    fabd: Fabd, before: Configurations, step: str
) -> None:
    order_id = begun(fabd, step)
    fabd.kill()
    fabd.start()
    assert_whole(fabd, before, order_id)


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
