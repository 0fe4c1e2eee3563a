"""`kill -9` in the middle of an order over a router and netconfd: whoever comes back finds an order that ends, and no halves."""

import pytest

from tests.lab import configurations
from tests.lab.configurations import Configurations, changed
from tests.lab.fabd import NC_PORT, ON_BOTH, Fabd, deletion, internet
from tests.lab.lab import Lab
from tests.lab.shell import wait_until

pytestmark = pytest.mark.lab

BUNDLE = (internet("pe1/cust1"), internet(NC_PORT, reference="2", bundle="1"))
BEGUN_WITHIN = 20.0  # seconds


@pytest.mark.parametrize("step", ["connect", "stage", "commit", "verify", "confirm", "save"])
def test_an_order_ends_after_a_kill_and_the_elements_are_as_the_database_says(
    fabd: Fabd, lab: Lab, before: Configurations, step: str
) -> None:
    order_id = fabd.place(*BUNDLE)
    wait_until(f"{step} has begun", lambda: step in fabd.steps(order_id), within=BEGUN_WITHIN)
    fabd.kill()
    fabd.start()
    order = fabd.outcome(order_id)
    there = changed(before, configurations.read(lab))
    active = fabd.active()
    if order["state"] == "completed":
        assert (there, len(active)) == (set(ON_BOTH), 2)
        first, second = active
        assert fabd.order(deletion(first), deletion(second, reference="2", bundle="1"))["state"] == "completed"
    else:
        assert (order["state"], there, active) == ("failed", set(), [])
    fabd.assert_no_trace(before)
