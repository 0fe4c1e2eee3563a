"""What the shipped specifications put on each element, compared with golden files.

To accept a change, write the new text into tests/policies/golden and review the difference.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from jinja2 import Environment

from drivers.diff import change_set
from drivers.platform import load_platform
from policies.errors import RenderingFailed
from policies.layout import lay_out, unsupported
from policies.rendering import Need, ServiceFacts, context, needs, render, service_name
from policies.specification import Specification, check_characteristics, parse
from policies.templates import environment
from tests.policies.network import REALISES, network
from tests.policies.shipped import files, shipped

GOLDEN = Path(__file__).parent / "golden"
CASES: dict[str, tuple[str, dict[str, object]]] = {
    "internet-on-ios-vlan-rate": (
        "internet-access",
        {"port": "pe1/ge-0/0/1", "vlan": 100, "rate": 50, "description": "Acme, Ghent"},
    ),
    "internet-on-ios-untagged": ("internet-access", {"port": "pe1/ge-0/0/2"}),
    "internet-on-ietf": ("internet-access", {"port": "pe2/ge-0/0/1", "description": "Acme"}),
    "internet-on-frr": ("internet-access", {"port": "pe3/eth1", "description": "Acme"}),
    "internet-through-switches-tagged": ("internet-access", {"accessPort": "sw1/3", "rate": 100, "description": "Acme"}),
    "internet-through-a-switch-untagged": ("internet-access", {"accessPort": "sw3/3"}),
    "internet-through-an-ios-switch": ("internet-access", {"accessPort": "pe4/ge-0/0/1"}),
    "eline-over-snmp-and-ios": ("l2-eline", {"a": "sw1/3", "b": "pe4/ge-0/0/1", "description": "Acme line"}),
    "eline-on-one-switch": ("l2-eline", {"a": "sw1/3", "b": "sw1/4"}),
    "l3vpn-two-edges": (
        "l3vpn",
        {"sites": [{"port": "pe1/ge-0/0/1", "vlan": 5}, {"port": "pe1/ge-0/0/2"}, {"port": "pe4/ge-0/0/1"}], "rate": 10},
    ),
}


def values(wanted: tuple[Need, ...]) -> dict[str, str]:
    """Allocations as the pools of a fresh network give them."""
    fixed = {"vlan": "200", "rd": "65000:7", "rt": "65000:8"}
    links = {"link4": "10.0.0.{}/31", "link6": "2001:db8::{:x}/127"}
    return {
        need.role: fixed.get(need.role) or links[need.role.partition(":")[0]].format(2 * position)
        for position, need in enumerate(wanted)
    }


def rendered(name: str, characteristics: dict[str, object]) -> dict[str, tuple[str, str]]:
    """Element → (platform, text), by the steps that planning takes."""
    spec, net = shipped(name), network()
    assert check_characteristics(spec, characteristics) == []
    layout = lay_out(spec, characteristics, net, REALISES)
    assert unsupported(spec, characteristics, layout, REALISES) == []
    allocations = values(needs(spec, characteristics, layout))
    service = ServiceFacts("svc-1", service_name(spec, characteristics, "C-1001"), "C-1001")
    texts = {}
    for element in map(net.element, layout.elements):
        facts = context(layout, element, service, characteristics, allocations)
        texts[element.name] = (element.platform, render(spec, element.platform, facts))
    return texts


@pytest.mark.parametrize("case", CASES)
def test_the_text_is_the_golden_one(case: str) -> None:
    text = "".join(f"### {element} ({platform})\n{body}" for element, (platform, body) in rendered(*CASES[case]).items())
    assert text == (GOLDEN / f"{case}.txt").read_text()


@pytest.mark.parametrize("case", CASES)
def test_every_text_is_one_that_the_platform_reads_and_can_take_back(case: str) -> None:
    for element, (platform, text) in rendered(*CASES[case]).items():
        change = change_set(load_platform(platform), element, "", text)
        assert change.forward
        assert change.reverse
        assert change_set(load_platform(platform), element, text, text).empty


def test_the_features_that_tests_assume_are_those_of_the_platforms() -> None:
    assert {name: load_platform(name).realises for name in REALISES} == REALISES


def test_both_addresses_of_a_point_to_point_prefix_are_usable() -> None:
    assert shown("{{ p | first_address }} {{ p | second_address }}", p="10.0.0.2/31") == "10.0.0.2 10.0.0.3"
    assert shown("{{ p | first_address }} {{ p | second_address }}", p="2001:db8::2/127") == "2001:db8::2 2001:db8::3"
    assert shown("{{ p | first_address }} {{ p | second_address }}", p="10.0.0.0/30") == "10.0.0.1 10.0.0.2"
    assert shown("{{ p | netmask }} {{ p | prefix_length }} {{ p | network_address }}", p="10.0.0.0/30") == (
        "255.255.255.252 30 10.0.0.0"
    )


def shown(template: str, **names: object) -> str:
    language: Environment = environment()
    return language.from_string(template).render(names)


def toy(**templates: str) -> Specification:
    """internet-access with other templates; `_` in a name stands for the dots of the file's."""
    named = {f"{name.replace('_', '.')}.j2": text for name, text in templates.items()}
    return parse({"spec.yaml": files("internet-access")["spec.yaml"]} | named)


INJECTION = 'x\n</name><evil/>&<a b="c">'


@pytest.mark.parametrize("syntax", ["xml", "lines", "objects"])
def test_no_value_can_begin_a_line_of_its_own(syntax: str) -> None:
    spec = toy(**{f"ios_{syntax}": "{{ text }}"})
    if syntax == "objects":
        with pytest.raises(RenderingFailed, match="control character"):
            render(spec, "ios", {"text": "a\nadmin: {3: down}"})
        assert render(spec, "ios", {"text": 'a: b, "c": 1'}) == '"a: b, \\"c\\": 1"\n'
    else:
        with pytest.raises(RenderingFailed, match="control character"):
            render(spec, "ios", {"text": "x\rshutdown"})


def test_markup_in_a_value_stays_text() -> None:
    assert render(toy(ios_xml="<a>{{ text }}</a>"), "ios", {"text": '<b/>&"'}) == "<a>&lt;b/&gt;&amp;&#34;</a>\n"
    assert render(toy(ios_xml="<a>{{ text | safe }}</a>"), "ios", {"text": "<b/>"}) == "<a><b/></a>\n"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("a\n{{ vlan }}", "'vlan' is undefined"),
        ("a\n{{ element.serial }}", "has no attribute 'serial'"),
        ("a\n{{ none }}", "a value is missing"),
        ("a\n{{ text | first_address }}", "does not appear to be an IPv4 or IPv6 network"),
        ("a\n{{ ''.__class__.__mro__ }}", "unsafe"),
        ("a\n{{ 1 / 0 }}", "division by zero"),
    ],
)
def test_what_cannot_be_rendered_names_template_line_and_element(template: str, message: str) -> None:
    with pytest.raises(RenderingFailed, match=message) as failure:
        render(toy(ios_lines=template), "ios", {"text": "x", "element": {"name": "pe1"}})
    assert (failure.value.template, failure.value.line, failure.value.element) == ("internet-access/ios.lines.j2", 2, "pe1")


def test_a_port_without_interface_number_is_named_where_the_template_prints_one() -> None:
    spec, net = shipped("l2-eline"), network()
    characteristics = {"a": "sw1/3", "b": "sw1/4"}
    layout = lay_out(spec, characteristics, net, REALISES)
    bare = replace(layout, attachments=tuple(replace(use, if_index=None) for use in layout.attachments))
    facts = context(bare, net.element("sw1"), ServiceFacts("svc-1", "line", "C"), characteristics, {"vlan": "200"})
    with pytest.raises(RenderingFailed, match="port sw1/3 has no if_index; give it one in the inventory"):
        render(spec, "qbridge", facts)


def test_nothing_that_a_template_did_is_there_when_it_is_used_again() -> None:
    spec = toy(ios_lines="{% set text = text ~ '!' %}{{ text }}")
    assert [render(spec, "ios", {"text": text}) for text in "ab"] == ["a!\n", "b!\n"]


def test_a_platform_without_template_is_named() -> None:
    with pytest.raises(RenderingFailed, match="no template for platform junos"):
        render(toy(), "junos", {"element": {"name": "pe1"}})


def test_a_template_may_use_another_file_of_its_folder() -> None:
    spec = toy(ios_lines="{% include 'common.lines.j2' %}", common_lines="hello {{ text }}")
    assert render(spec, "ios", {"text": "there"}) == "hello there\n"


def test_a_vlan_is_asked_for_only_where_one_is_needed() -> None:
    spec, net = shipped("internet-access"), network()

    def asked(characteristics: dict[str, object]) -> dict[str, str | None]:
        layout = lay_out(spec, characteristics, net, REALISES)
        return {need.role: need.wanted for need in needs(spec, characteristics, layout)}

    assert asked({"port": "pe1/ge-0/0/1", "vlan": 9}) == {"link4": None, "link6": None}
    assert asked({"accessPort": "sw1/3"}) == {"link4": None, "link6": None, "vlan": None}
    assert asked({"accessPort": "sw1/3", "vlan": 9}) == {"link4": None, "link6": None, "vlan": "9"}


def test_each_site_keeps_its_roles_while_others_come_and_go() -> None:
    spec, net = shipped("l3vpn"), network()

    def roles(*sites: dict[str, object]) -> set[str]:
        wanted = {"sites": list(sites)}
        return {need.role for need in needs(spec, wanted, lay_out(spec, wanted, net, REALISES))}

    a: dict[str, object]
    b: dict[str, object]
    a, b = {"port": "pe1/ge-0/0/1", "vlan": 5}, {"port": "pe4/ge-0/0/1"}
    assert roles(a, b) == {"rd", "rt", "link4:pe1/ge-0/0/1.5", "link4:pe4/ge-0/0/1"}
    assert roles(b) == {"rd", "rt", "link4:pe4/ge-0/0/1"}


def test_a_long_text_fits_an_interface_alias() -> None:
    spec, net = shipped("internet-access"), network()
    characteristics = {"port": "pe1/ge-0/0/1"}
    layout = lay_out(spec, characteristics, net, REALISES)
    facts = context(layout, net.element("pe1"), ServiceFacts("svc-1", "n" * 100, "C"), characteristics, {})
    assert facts["text"] == "n" * 64
