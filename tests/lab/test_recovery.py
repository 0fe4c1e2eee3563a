"""`kill -9` in the middle of an order over a router and netconfd: whoever comes back finds an order that ends, and no halves."""

from collections.abc import Iterator

import pytest

from tests.lab import configurations
from tests.lab.configurations import changed
from tests.lab.fabd import Fabd, deletion, internet
from tests.lab.lab import Lab
from tests.lab.shell import wait_until
from tests.lab.topology import NC1

pytestmark = pytest.mark.lab

ON_BOTH = {"pe1 running", "pe1 startup", "nc1 running", "nc1 startup"}
BUNDLE = (internet("pe1/cust1"), internet(f"nc1/{NC1.ports[0]}", reference="2", bundle="1"))
BEGUN_WITHIN = 20.0  # seconds


@pytest.fixture(scope="module")
def fabd(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabd]:
    with Fabd(lab, tmp_path_factory.mktemp("recovery")) as running:
        yield running


@pytest.mark.parametrize("step", ["connect", "stage", "commit", "verify", "confirm", "save"])
def test_an_order_ends_after_a_kill_and_the_elements_are_as_the_database_says(fabd: Fabd, lab: Lab, step: str) -> None:
    before = configurations.settle(lab)
    order_id = fabd.place(*BUNDLE)
    wait_until(f"{step} has begun", lambda: step in fabd.steps(order_id), within=BEGUN_WITHIN)
    fabd.kill()
    fabd.start()
    order = fabd.outcome(order_id)
    there = changed(before, configurations.read(lab))
    active = fabd.active()
    if order["state"] == "completed":
        assert (there, len(active)) == (ON_BOTH, 2)
        first, second = active
        assert fabd.order(deletion(first), deletion(second, reference="2", bundle="1"))["state"] == "completed"
    else:
        assert (order["state"], there, active) == ("failed", set(), [])
    assert changed(before, configurations.read(lab)) == set()
    assert fabd.held() == []
    assert set(fabd.given_out().values()) == {0}
