"""The search for what could be had instead has an end, and mends what was refused, whatever the planner says."""

from itertools import count

import pytest

from agent.fulfillment.alternatives import MOST_TRIALS, Trial, search
from agent.fulfillment.errors import OrderConflict, OrderMalformed, Refusal
from tests.agent.fulfillment.network import Operator, internet

ASKED = {"port": "pe2/Gi0/1", "vlan": 5000, "rate": 5000}
CODES = ("portInUse", "vlanInUse", "poolExhausted", "unsupportedFeature", "invalidCharacteristic", "valueNotInPool", "brokenData")


@pytest.fixture
def operator(database, clock) -> Operator:
    return Operator(database, clock)


def refusal(code="invalidCharacteristic", where="/items/0/characteristics/rate", message="too much of pe2/Gi0/1") -> Refusal:
    return Refusal(code, where, message, "correct it")


def searched(operator, imagine, *reasons):
    spec = operator.catalog.specification("internet-access")
    trial = Trial(imagine, operator.database, spec, operator.request(internet(**ASKED)), 0)
    return list(search(trial, reasons))


def test_a_planner_that_always_finds_another_reason_is_not_asked_for_ever(operator):
    asked = []

    def imagine(request):
        asked.append(request.items[0].characteristics)
        number = len(asked)
        raise OrderConflict(refusal(CODES[number % len(CODES)], f"/items/0/characteristics/{'rate' if number % 2 else 'vlan'}"))

    assert searched(operator, imagine, refusal(), refusal("portInUse", "/items/0")) == []
    assert 0 < len(asked) <= MOST_TRIALS


def test_the_same_values_are_planned_once(operator):
    asked = []

    def imagine(request):
        asked.append(dict(request.items[0].characteristics))
        raise OrderConflict(refusal())

    assert searched(operator, imagine, refusal(), refusal()) == []
    assert len(asked) == len({tuple(sorted(each.items())) for each in asked})


def test_the_largest_round_amount_is_found_though_something_else_is_still_wrong(operator):
    def imagine(request):
        wanted = request.items[0].characteristics
        if wanted["rate"] > 300:
            raise OrderMalformed(refusal())
        if wanted["vlan"] > 4094:
            raise OrderMalformed(refusal(where="/items/0/characteristics/vlan", message="5000 is greater than the maximum of 4094"))
        return operator.desk.imagine(operator.database, request, operator.clock.now())

    (nearest, *_) = searched(operator, imagine, refusal())
    assert nearest.characteristics == ASKED | {"rate": 200, "vlan": 4094}
    assert set(nearest.changed) == {"rate", "vlan"}


@pytest.mark.parametrize("reason", [refusal("unknownCustomer", "/customer"), refusal("serviceBusy", "/items/0/service")])
def test_what_no_other_value_would_mend_is_not_tried(operator, reason):
    asked = count()

    def imagine(_request):
        next(asked)
        raise OrderConflict(reason)

    assert searched(operator, imagine, reason) == []
    assert next(asked) == 0
