"""Layouts of many places: trees over switches, places on an overlay, ways that reserve."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from inventory.topology import ElementNode, LinkNode, PortNode, Topology
from policies.errors import Refused, RenderingFailed
from policies.layout import Layout, lay_out, unsupported
from policies.rendering import needs
from policies.specification import Specification, parse
from tests.policies.network import CUSTOMER, ELEMENTS, REALISES, network
from tests.policies.shipped import files, shipped

GIGABIT = 1_000_000_000
ROOMY = {"link:sw1/24": GIGABIT, "link:sw2/24": GIGABIT, "link:pe4/ge-0/0/0": GIGABIT}


def laid(spec: str | Specification, characteristics: Mapping[str, object], pools: Mapping[str, int] = ROOMY) -> Layout:
    found = shipped(spec) if isinstance(spec, str) else spec
    return lay_out(found, characteristics, network(), REALISES, pools.get)


def sites(*ports: str) -> dict[str, object]:
    return {"sites": [{"port": port} for port in ports]}


def test_a_tree_joins_each_place_to_what_is_there_already() -> None:
    layout = laid("l2-elan", sites("sw1/3", "pe4/ge-0/0/1", "sw2/3"))
    assert layout.elements == ("pe1", "pe4", "sw1", "sw2")
    assert sorted(layout.links) == ["lnk-pe4/ge-0/0/0", "lnk-sw1/24", "lnk-sw2/24"]
    assert [at.reference for at in layout.sites] == ["sw1/3", "pe4/ge-0/0/1", "sw2/3"]
    assert [at.pointer for at in layout.sites] == ["/sites/0/port", "/sites/1/port", "/sites/2/port"]


def test_a_tree_has_no_loop_whatever_the_order_of_its_places() -> None:
    ports = ["sw1/3", "sw2/3", "pe4/ge-0/0/1"]
    for order in (ports, ports[::-1], [ports[1], ports[2], ports[0]]):
        layout = laid("l2-elan", sites(*order))
        assert len(layout.links) == len(set(layout.links)) == len(layout.elements) - 1
        assert len({claim.port_id for claim in layout.claims}) == len(layout.claims)


def test_a_tree_on_one_switch_uses_no_link() -> None:
    assert laid("l2-elan", sites("sw1/3", "sw1/4")).links == ()


@pytest.mark.parametrize(
    ("spec", "characteristics", "pointer", "message"),
    [
        ("l2-elan", sites("sw1/3", "sw3/3"), "/sites/1/port", "there is no way from sw3 to sw1 over elements that can switch"),
        ("l2-elan", sites("sw1/3", "sw1/3"), "/sites/1/port", "used twice"),
        ("l2-elan", sites("sw1/3", "sw9/3"), "/sites/1/port", "no element 'sw9'"),
        ("evpn-eline", {"a": "pe1/ge-0/0/1", "b": "pe1/ge-0/0/1"}, "/b", "used twice"),
        ("evpn-elan", sites("pe1/ge-0/0/1", "pe1/ge-0/0/0"), "/sites/1/port", "only customer ports are sold"),
        ("leased-circuit", {"a": "sw1/3", "b": "sw2/3", "rate": 2000}, "/rate", "2000 Mbit/s exceeds the speed of sw1/3"),
    ],
)
def test_what_has_no_place_is_refused_where_it_was_asked(
    spec: str, characteristics: dict[str, object], pointer: str, message: str
) -> None:
    with pytest.raises(Refused, match=message) as refused:
        laid(spec, characteristics)
    assert [refusal.pointer for refusal in refused.value.refusals] == [pointer]


def test_on_an_overlay_only_the_places_count() -> None:
    line = laid("evpn-eline", {"a": "pe1/ge-0/0/1", "b": "pe3/eth1"})
    assert [(at.reference, at.layer, at.role, at.tagged) for at in line.attachments] == [
        ("pe1/ge-0/0/1", "l2", "endpoint", False),
        ("pe3/eth1", "l2", "endpoint", False),
    ]
    lan = laid("evpn-elan", {"sites": [{"port": "pe1/ge-0/0/1", "vlan": 7}, {"port": "pe3/eth1"}]})
    assert [(claim.port, claim.vlan) for claim in lan.claims] == [("pe1/ge-0/0/1", 7), ("pe3/eth1", 0)]
    assert (line.links, lan.links) == ((), ())
    assert [at.reference for at in laid("iptv", {"port": "sw1/3", "package": "basic"}).attachments] == ["sw1/3"]


def test_what_an_element_cannot_is_named_by_layer_and_by_role() -> None:
    circuit = {"a": "sw1/3", "b": "pe4/ge-0/0/1", "rate": 10}
    refusals = unsupported(shipped("leased-circuit"), circuit, laid("leased-circuit", circuit), REALISES)
    assert [str(refusal) for refusal in refusals] == [
        "/a: sw1 (platform qbridge) cannot realise rate, which leased-circuit needs; choose another element or leave it out"
    ]
    line = {"a": "pe1/ge-0/0/1", "b": "pe3/eth1"}
    refusals = unsupported(shipped("evpn-eline"), line, laid("evpn-eline", line), REALISES)
    assert {refusal.pointer for refusal in refusals} == {"/a", "/b"}
    assert all("evpn" in refusal.message for refusal in refusals)


def test_a_characteristic_of_a_site_is_refused_at_the_site() -> None:
    vpn = {"sites": [{"port": "pe1/ge-0/0/1"}, {"port": "pe3/eth1", "rate": 5}]}
    refusals = unsupported(shipped("l3vpn"), vpn, laid("l3vpn", vpn), REALISES)
    assert "/sites/1/rate" in {refusal.pointer for refusal in refusals}


CIRCUIT = {"a": "sw1/3", "b": "pe4/ge-0/0/1", "rate": 600}


def test_a_circuit_takes_its_rate_of_every_link_on_its_way() -> None:
    wanted = needs(shipped("leased-circuit"), CIRCUIT, laid("leased-circuit", CIRCUIT))
    assert [(need.role, need.pool, need.amount_bps) for need in wanted if need.amount_bps] == [
        ("bandwidth:sw1/24", "link:sw1/24", 600_000_000),
        ("bandwidth:sw2/24", "link:sw2/24", 600_000_000),
        ("bandwidth:pe4/ge-0/0/0", "link:pe4/ge-0/0/0", 600_000_000),
    ]


@pytest.mark.parametrize(
    ("pools", "message"),
    [
        (ROOMY | {"link:sw2/24": 599_999_999}, "link sw2/24 has 599 of the 600 Mbit/s left"),
        ({"link:sw1/24": GIGABIT}, "link sw2/24 has no pool link:sw2/24 of kind bandwidth; ask for less"),
        ({}, "link sw1/24 has no pool link:sw1/24 of kind bandwidth"),
    ],
)
def test_a_way_without_room_is_refused_with_the_link_that_lacks_it(pools: dict[str, int], message: str) -> None:
    with pytest.raises(Refused, match=message) as refused:
        laid("leased-circuit", CIRCUIT, pools)
    assert [(refusal.pointer, refusal.rule) for refusal in refused.value.refusals] == [("/b", "bandwidth")]


def test_a_circuit_within_one_switch_reserves_nothing() -> None:
    characteristics = {"a": "sw1/3", "b": "sw1/4", "rate": 1}
    wanted = needs(shipped("leased-circuit"), characteristics, laid("leased-circuit", characteristics, {}))
    assert [need.role for need in wanted] == ["vlan"]


@pytest.mark.parametrize(("left", "links"), [(GIGABIT, ("short",)), (1, ("long-1", "long-2"))])
def test_a_detour_is_taken_where_the_short_way_is_full(left: int, links: tuple[str, ...]) -> None:
    """a ── b, and a ── c ── b."""
    ends = {
        name: PortNode(f"prt-{name}", name[0], name[1:], 1, GIGABIT, "core" if int(name[1]) else "customer")
        for name in ("a0", "b0", "a1", "b1", "a2", "c1", "c2", "b2")
    }
    cables = {"short": ("a1", "b1"), "long-1": ("a2", "c1"), "long-2": ("c2", "b2")}
    triangle = Topology.of(
        [ElementNode(name, name, "ios", "access", "lab") for name in "abc"],
        ends.values(),
        [LinkNode(name, name, ends[a], ends[b]) for name, (a, b) in cables.items()],
    )
    pools = {"link:short": left, "link:long-1": GIGABIT, "link:long-2": GIGABIT}
    circuit = {"a": "a/0", "b": "b/0", "rate": 100}
    assert lay_out(shipped("leased-circuit"), circuit, triangle, REALISES, pools.get).link_names == links


def test_an_amount_that_is_no_number_is_the_specifications_mistake() -> None:
    there = files("leased-circuit")
    there["spec.yaml"] = there["spec.yaml"].replace("characteristics.rate * 1000000", "characteristics.a")
    with pytest.raises(RenderingFailed, match="'sw1/3' is not a whole number"):
        laid(parse(there), CIRCUIT)


def test_a_voice_line_enters_by_its_vlan() -> None:
    layout = laid("voice-line", {"accessPort": "sw1/3"})
    first = layout.attachments[0]
    assert (first.reference, first.role, first.tagged) == ("sw1/3", "endpoint", True)
    assert [claim.vlan for claim in layout.claims] == [None] * 5


def test_an_element_may_lack_what_its_platform_can() -> None:
    whole = network()
    lacking = {
        name: replace(whole.element(name), attributes={"lacks": ["switching", "rate"]}) if name == "pe1" else whole.element(name)
        for name in ELEMENTS
    }
    poorer = Topology(lacking, {port: whole.port(port) for port in CUSTOMER}, ())
    access = {"port": "pe1/ge-0/0/1", "rate": 5}
    layout = lay_out(shipped("internet-access"), access, poorer, REALISES)
    assert [refusal.pointer for refusal in unsupported(shipped("internet-access"), access, layout, REALISES)] == ["/rate"]
    line = {"a": "pe1/ge-0/0/1", "b": "pe1/ge-0/0/2"}
    layout = lay_out(shipped("l2-eline"), line, poorer, REALISES)
    refusals = unsupported(shipped("l2-eline"), line, layout, REALISES)
    assert {refusal.pointer for refusal in refusals} == {"/a", "/b"}
    assert "pe1 (platform ios) cannot realise switching" in str(refusals[0])
