"""What fits for sure fits by JSON Schema as well; what may not is judged by it alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.fitting import fitting
from policies.specification import check_characteristics
from tests.policies.shipped import shipped

SPECIFICATIONS = ("internet-access", "l2-eline", "l3vpn", "voice-line")
NAMES = ("port", "accessPort", "vlan", "rate", "probe", "measure", "measurePort", "description", "a", "b", "sites", "other")
ODD = st.none() | st.booleans() | st.integers(-1, 400_001) | st.floats(allow_nan=False) | st.lists(st.integers(), max_size=1)
TEXT = st.text(max_size=4) | st.sampled_from(["pe1/ge-0/0/1", "sw1/3", "pe1/x\n", "Acme, Ghent", "echo", "stamp", "é", "a" * 200])
CHARACTERISTICS = st.dictionaries(st.sampled_from(NAMES), ODD | TEXT, max_size=4)


@pytest.mark.parametrize("name", SPECIFICATIONS)
@given(characteristics=CHARACTERISTICS)
def test_what_fits_for_sure_the_validator_finds_nothing_wrong_with(name: str, characteristics: dict[str, Any]) -> None:
    spec = shipped(name)
    if spec.fits(characteristics):
        assert spec.validator.is_valid(characteristics)


@pytest.mark.parametrize(
    "characteristics",
    [
        {"port": "pe1/ge-0/0/1"},
        {"accessPort": "sw1/3", "vlan": 1, "rate": 400_000, "description": "Acme, Ghent"},
        {"port": "pe1/ge-0/0/1", "measure": "stamp", "measurePort": 65_535, "probe": True},
    ],
)
def test_an_ordinary_order_fits_for_sure(characteristics: dict[str, Any]) -> None:
    assert shipped("internet-access").fits(characteristics)
    assert check_characteristics(shipped("internet-access"), characteristics) == []


@pytest.mark.parametrize(
    "characteristics",
    [
        {},
        {"vlan": 5},
        {"port": "pe1"},
        {"port": "pe1/1", "other": 1},
        {"port": "pe1/1", "vlan": True},
        {"port": "pe1/1", "vlan": 5.0},
        {"port": "pe1/1", "vlan": 4_095},
        {"port": "pe1/1", "measure": 1},
        {"port": "pe1/1", "description": ""},
        {"port": "pe1/1", "description": "two\nlines"},
        {"port": ["pe1/1"]},
    ],
)
def test_what_does_not_fit_is_refused(characteristics: dict[str, Any]) -> None:
    assert not shipped("internet-access").fits(characteristics)
    assert check_characteristics(shipped("internet-access"), characteristics)


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {},
        {"type": ["string", "null"]},
        {"type": "string", "format": "ipv4-prefix"},
        {"type": "integer", "multipleOf": 2},
        {"enum": ["a", 1]},
        {"type": "object", "properties": {}, "additionalProperties": False, "maxProperties": 1},
        {"type": "object", "properties": {}, "additionalProperties": False, "anyOf": [{"minProperties": 1}]},
        {"type": "object", "properties": {}},
    ],
)
@pytest.mark.parametrize("value", ["a", 2, None, {}, {"x": 1}])
def test_a_schema_of_another_kind_is_left_to_the_validator(schema: object, value: object) -> None:
    assert not fitting(schema)(value)
