"""What is tried on an element before a service counts as delivered."""

from collections.abc import Mapping

import pytest

from policies.errors import InvalidPolicy, RenderingFailed
from policies.layout import lay_out
from policies.rendering import ServiceFacts, checks, context
from policies.specification import Specification, parse
from tests.policies.network import REALISES, network
from tests.policies.shipped import files, shipped

VALUES = {"link4": "10.0.0.0/31", "link6": "2001:db8::/127", "rd": "65000:7", "link4:pe1/ge-0/0/1.5": "10.0.0.4/31"}


def tried(spec: Specification, characteristics: Mapping[str, object], element: str, **attributes: object) -> list[object]:
    net = network()
    layout = lay_out(spec, characteristics, net, REALISES)
    seen = context(layout, net.element(element), ServiceFacts("svc-1", "x", "C"), characteristics, VALUES)
    known = {"element": {"name": element, "platform": "ios", "attributes": attributes}}
    return [(kind, dict(arguments)) for kind, arguments in checks(spec, seen | known)]


def test_an_untagged_port_without_a_router_behind_it_needs_no_test_of_its_own() -> None:
    assert tried(shipped("internet-access"), {"port": "pe1/ge-0/0/2"}, "pe1") == []


def test_a_vlan_of_the_port_must_be_up() -> None:
    wanted = {"port": "pe1/ge-0/0/1", "vlan": 100}
    assert tried(shipped("internet-access"), wanted, "pe1") == [("interface", {"port": "ge-0/0/1.100"})]


def test_a_router_that_is_there_must_answer_and_the_upstream_must_be_there() -> None:
    wanted = {"port": "pe1/ge-0/0/2", "probe": True}
    assert tried(shipped("internet-access"), wanted, "pe1", bgp_neighbour="192.0.2.9") == [
        ("ping", {"address": "10.0.0.1"}),
        ("ping", {"address": "2001:db8::1"}),
        ("neighbour", {"address": "192.0.2.9"}),
    ]


def test_each_site_is_tried_in_its_own_words() -> None:
    sites = [{"port": "pe1/ge-0/0/1", "vlan": 5, "probe": True}, {"port": "pe1/ge-0/0/2", "prefix": "10.9.0.0/24", "probe": True}]
    assert tried(shipped("l3vpn"), {"sites": sites}, "pe1") == [
        ("interface", {"port": "ge-0/0/1.5"}),
        ("ping", {"address": "10.0.0.5", "vrf": "vpn-65000-7"}),
        ("ping", {"address": "10.9.0.2", "vrf": "vpn-65000-7"}),
    ]


def spec_with(tests: str) -> Specification:
    there = files("internet-access")
    text = there["spec.yaml"]
    head, _, rest = text.partition("\ntests:")
    there["spec.yaml"] = f"{head}\ntests:\n{tests}\n{rest[rest.index('sla:') :]}"
    return parse(there, folder="toy")


def test_a_test_of_the_element_is_made_once_and_the_same_test_never_twice() -> None:
    spec = spec_with("  - {kind: routes, of: element}\n  - {kind: routes, of: l3}\n  - {kind: routes, of: endpoint}")
    assert tried(spec, {"port": "pe1/ge-0/0/2"}, "pe1") == [("routes", {})]


def test_an_argument_that_is_not_there_names_the_specification() -> None:
    spec = spec_with("  - {kind: ping, arguments: {address: '{{ element.attributes.gateway }}'}}")
    with pytest.raises(RenderingFailed, match=r"has no attribute 'gateway'"):
        tried(spec, {"port": "pe1/ge-0/0/2"}, "pe1")


@pytest.mark.parametrize(
    ("tests", "message"),
    [
        ("  - {kind: ping, arguments: {address: '{{ allocations.link5 }}'}}", "there is no 'link5' among the allocations"),
        ("  - {kind: ping, of: element, arguments: {address: '{{ at.port }}'}}", "'at' is not known here"),
        ("  - {kind: ping, when: 'characteristics.sped'}", "there is no 'sped' among the characteristics"),
        ("  - {kind: ping, when: '1 +'}", "not a template"),
        ("  - {kind: Ping}", "tests[0].kind"),
        ("  - {kind: ping, of: nowhere}", "tests[0].of"),
    ],
)
def test_a_mistake_is_told_where_it_stands(tests: str, message: str) -> None:
    with pytest.raises(InvalidPolicy) as refused:
        spec_with(tests)
    line = files("internet-access")["spec.yaml"].splitlines().index("tests:") + 2
    assert message in str(refused.value)
    assert f"toy/spec.yaml:{line}" in str(refused.value)
