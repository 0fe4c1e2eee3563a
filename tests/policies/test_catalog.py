"""The catalog as a whole."""

import pytest

from policies.catalog import Catalog
from policies.errors import InvalidPolicy, NotInCatalog
from policies.sla import Sla, parse_sla
from policies.specification import Specification
from tests.policies.shipped import NAMES, shipped


def sla(name: str) -> Sla:
    return parse_sla(f"name: {name}\navailability: 99.9\n", f"{name}.yaml")


def free(name: str) -> Specification:
    return shipped(name).model_copy(update={"sla": None, "tariff": None})


def test_what_is_in_it_is_found_by_name() -> None:
    catalog = Catalog.of([free(name) for name in NAMES], [sla("gold")])
    assert catalog.specification("l3vpn").title == "IP VPN"
    assert catalog.sla("gold").name == "gold"
    assert catalog.pools() >= {"ipv4-links", "ipv6-links", "vlan-access", "vlan-eline", "rd", "rt"}
    assert not any(name.startswith("link:") for name in catalog.pools())


@pytest.mark.parametrize("lookup", ["specification", "sla", "tariff"])
def test_what_is_not_in_it_is_named_with_what_is(lookup: str) -> None:
    catalog = Catalog.of([free("l3vpn")], [sla("gold")])
    with pytest.raises(NotInCatalog, match=r"there is no .* 'nothing'; known are (l3vpn|gold|none)"):
        getattr(catalog, lookup)("nothing")


def test_a_reference_to_nothing_is_a_mistake_of_the_specification() -> None:
    with pytest.raises(InvalidPolicy) as refused:
        Catalog.of([shipped("l3vpn")], [sla("bronze")])
    assert str(refused.value) == (
        "l3vpn/spec.yaml:1: sla: there is no sla 'gold'; known are bronze\n"
        "l3vpn/spec.yaml:1: tariff: there is no tariff 'leased-line'; known are none"
    )


def test_two_of_one_name_are_a_mistake() -> None:
    with pytest.raises(InvalidPolicy, match="two are named 'gold'"):
        Catalog.of([], [sla("gold"), sla("gold")])
