"""Where services lie on the network, and what is refused before anything is allocated."""

from collections.abc import Mapping

import pytest

from policies.errors import Refused
from policies.layout import Layout, lay_out, unsupported
from tests.policies.network import REALISES, network
from tests.policies.shipped import shipped


def laid(spec: str, characteristics: Mapping[str, object]) -> Layout:
    return lay_out(shipped(spec), characteristics, network(), REALISES)


def ways(layout: Layout) -> list[tuple[str, str, str, bool]]:
    return [(at.reference, at.role, at.layer, at.tagged) for at in layout.attachments]


def test_a_port_of_the_edge_is_the_whole_service() -> None:
    layout = laid("internet-access", {"port": "pe1/ge-0/0/1"})
    assert ways(layout) == [("pe1/ge-0/0/1", "endpoint", "l3", False)]
    assert [(claim.port, claim.vlan) for claim in layout.claims] == [("pe1/ge-0/0/1", 0)]
    assert layout.links == ()


def test_a_vlan_of_the_customers_claims_that_vlan_alone() -> None:
    layout = laid("internet-access", {"port": "pe1/ge-0/0/1", "vlan": 5})
    assert [(claim.port, claim.vlan) for claim in layout.claims] == [("pe1/ge-0/0/1", 5)]
    assert [at.site for at in layout.sites] == ["pe1/ge-0/0/1.5"]


def test_from_a_switch_the_service_is_carried_to_the_nearest_edge() -> None:
    layout = laid("internet-access", {"accessPort": "sw1/3"})
    assert ways(layout) == [
        ("sw1/3", "endpoint", "l2", False),
        ("sw1/24", "transit", "l2", True),
        ("sw2/23", "transit", "l2", True),
        ("sw2/24", "transit", "l2", True),
        ("pe1/ge-0/0/9", "transit", "l3", True),
    ]
    assert layout.links == ("lnk-sw1/24", "lnk-sw2/24")
    assert layout.elements == ("pe1", "sw1", "sw2")
    assert [claim.vlan for claim in layout.claims] == [0, None, None, None, None]
    assert [at.peer for at in layout.attachments] == ["", "sw2/23", "sw1/24", "pe1/ge-0/0/9", "sw2/24"]


def test_an_edge_without_vlans_gets_an_uplink_of_its_own() -> None:
    layout = laid("internet-access", {"accessPort": "sw3/3"})
    assert ways(layout)[1:] == [("sw3/24", "transit", "l2", False), ("pe3/eth9", "transit", "l3", False)]
    assert [claim.vlan for claim in layout.claims] == [0, 0, 0]


def test_the_edge_port_may_be_named() -> None:
    named = laid("internet-access", {"accessPort": "sw1/3", "port": "pe1/ge-0/0/9"})
    chosen = laid("internet-access", {"accessPort": "sw1/3"})
    assert (ways(named), named.links) == (ways(chosen), chosen.links)


def test_a_line_runs_over_every_switch_between_its_ends() -> None:
    layout = laid("l2-eline", {"a": "sw1/3", "b": "pe4/ge-0/0/1"})
    assert [at.reference for at in layout.attachments if at.role == "endpoint"] == ["sw1/3", "pe4/ge-0/0/1"]
    assert layout.elements == ("pe1", "pe4", "sw1", "sw2")
    assert layout.links == ("lnk-sw1/24", "lnk-sw2/24", "lnk-pe4/ge-0/0/0")
    assert [at.reference for at in layout.sites] == ["sw1/3", "pe4/ge-0/0/1"]


def test_a_line_within_one_switch_uses_no_link() -> None:
    layout = laid("l2-eline", {"a": "sw1/3", "b": "sw1/4"})
    assert ways(layout) == [("sw1/3", "endpoint", "l2", False), ("sw1/4", "endpoint", "l2", False)]
    assert layout.links == ()


@pytest.mark.parametrize(
    ("spec", "characteristics", "pointer", "message"),
    [
        ("internet-access", {"port": "pe9/x"}, "/port", "no element 'pe9'"),
        ("internet-access", {"port": "pe1/x"}, "/port", "no port 'pe1/x'"),
        ("internet-access", {"port": "pe1/ge-0/0/0"}, "/port", "only customer ports are sold"),
        ("internet-access", {"port": "pe1/ge-0/0/1", "rate": 1001}, "/rate", "1001 Mbit/s exceeds the speed of pe1/ge-0/0/1"),
        ("internet-access", {"accessPort": "sw1/24"}, "/accessPort", "only customer ports are sold"),
        ("internet-access", {"accessPort": "sw1/3", "rate": 1001}, "/rate", "exceeds the speed of sw1/3"),
        ("internet-access", {"accessPort": "sw1/3", "port": "pe1/ge-0/0/1"}, "/port", "no link towards sw1"),
        ("internet-access", {"accessPort": "sw1/3", "port": "pe3/eth9"}, "/port", "no way from sw1 to pe3/eth9"),
        ("internet-access", {"accessPort": "pe2/ge-0/0/1"}, "/accessPort", "no way from pe2 to an edge element"),
        ("l2-eline", {"a": "sw1/3", "b": "sw1/3"}, "/b", "used twice"),
        ("l2-eline", {"a": "sw1/3", "b": "sw3/3"}, "/b", "no way from sw1 to sw3 over elements that can switch"),
        ("l2-eline", {"a": "sw9/3", "b": "sw3/3"}, "/a", "no element 'sw9'"),
        ("l3vpn", {"sites": [{"port": "pe1/ge-0/0/1"}, {"port": "pe1/ge-0/0/1"}]}, "/sites/1/port", "used twice"),
        ("l3vpn", {"sites": [{"port": "pe1/ge-0/0/1", "vlan": 5}, {"port": "pe1/ge-0/0/1"}]}, "/sites/1/port", "used twice"),
        ("l3vpn", {"sites": [{"port": "pe1/nope"}]}, "/sites/0/port", "no port"),
    ],
)
def test_what_has_no_place_is_refused_where_it_was_asked(
    spec: str, characteristics: dict[str, object], pointer: str, message: str
) -> None:
    with pytest.raises(Refused, match=message) as refused:
        laid(spec, characteristics)
    assert [refusal.pointer for refusal in refused.value.refusals] == [pointer]


def test_two_vlans_of_one_port_are_two_sites() -> None:
    sites = [{"port": "pe1/ge-0/0/1", "vlan": 5}, {"port": "pe1/ge-0/0/1", "vlan": 6}]
    assert [at.site for at in laid("l3vpn", {"sites": sites}).sites] == ["pe1/ge-0/0/1.5", "pe1/ge-0/0/1.6"]


@pytest.mark.parametrize(
    ("spec", "characteristics", "expected"),
    [
        ("internet-access", {"port": "pe2/ge-0/0/1"}, []),
        ("internet-access", {"port": "pe3/eth1", "description": "x"}, []),
        ("internet-access", {"port": "pe2/ge-0/0/1", "vlan": 5}, [("/vlan", "pe2 (platform ietf) cannot realise vlan")]),
        ("internet-access", {"port": "pe3/eth1", "rate": 5}, [("/rate", "pe3 (platform frr) cannot realise rate")]),
        ("internet-access", {"accessPort": "sw3/3", "rate": 5}, [("/rate", "pe3 (platform frr) cannot realise rate")]),
        ("internet-access", {"accessPort": "sw3/3", "vlan": 5}, []),
        (
            "internet-access",
            {"port": "sw1/3"},
            [("/port", "sw1 (platform qbridge) cannot realise ipv4"), ("/port", "sw1 (platform qbridge) cannot realise ipv6")],
        ),
        (
            "l3vpn",
            {"sites": [{"port": "pe1/ge-0/0/1"}, {"port": "pe3/eth1", "vlan": 7}]},
            [
                ("/sites/1/port", "l3vpn has no template for pe3"),
                ("/sites/1/port", "pe3 (platform frr) cannot realise vrf"),
                ("/sites/1/vlan", "pe3 (platform frr) cannot realise vlan"),
            ],
        ),
    ],
)
def test_what_a_platform_cannot_realise_is_refused_by_name(
    spec: str, characteristics: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    refusals = unsupported(shipped(spec), characteristics, laid(spec, characteristics), REALISES)
    found = [(refusal.pointer, refusal.message) for refusal in refusals]
    assert len(found) == len(expected)
    for (pointer, message), (expected_pointer, beginning) in zip(found, expected, strict=True):
        assert pointer == expected_pointer
        assert message.startswith(beginning)


def test_an_element_of_a_platform_that_is_not_installed_is_named() -> None:
    without = {name: features for name, features in REALISES.items() if name != "ios"}
    spec, characteristics = shipped("internet-access"), {"port": "pe1/ge-0/0/1"}
    layout = lay_out(spec, characteristics, network(), without)
    (refusal,) = unsupported(spec, characteristics, layout, without)
    assert refusal.message == "pe1 is of platform ios, which is not installed"
