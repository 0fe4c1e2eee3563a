from collections.abc import Mapping
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from drivers.diff import xmltree
from drivers.platform import load_platform
from drivers.port import Standing

IETF = load_platform("ietf").xml_rules
IF, IP = IETF.namespaces["if"], IETF.namespaces["ip"]
NC = "{urn:ietf:params:xml:ns:netconf:base:1.0}operation"
KEYS = {f"{{{IF}}}interface": f"{{{IF}}}name", f"{{{IP}}}address": f"{{{IP}}}ip"}

Ports = Mapping[str, Mapping[str, object]]


def render(ports: Ports) -> str:
    """`{"ge-0/0/1": {"description": "x", "mtu": 9000, "ipv4": {"10.0.0.0": 31}}}` as a template would."""
    return (
        f'<interfaces xmlns="{IF}">{"".join(_interface(name, body) for name, body in ports.items())}</interfaces>' if ports else ""
    )


def _interface(name: str, body: Mapping[str, object]) -> str:
    leaves = "".join(f"<{leaf}>{value}</{leaf}>" for leaf, value in body.items() if not isinstance(value, Mapping))
    kind = '<type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type>'
    families = "".join(_family(family, value) for family, value in body.items() if isinstance(value, Mapping))
    return f"<interface><name>{name}</name>{leaves}{kind}{families}</interface>"


def _family(family: str, addresses: Mapping[str, int]) -> str:
    inner = "".join(f"<address><ip>{ip}</ip><prefix-length>{length}</prefix-length></address>" for ip, length in addresses.items())
    return f'<{family} xmlns="{IP}">{inner}</{family}>'


class Datastore:
    """edit-config with default operation merge, written apart from the diff (RFC 6241 §7.2)."""

    def __init__(self, *contents: str) -> None:
        self.root = etree.Element("data")
        for content in contents:
            self.edit(content)

    def edit(self, content: str) -> None:
        self._merge(self.root, etree.fromstring(f"<config>{content}</config>"))

    @property
    def text(self) -> str:
        return "".join(etree.tostring(child, encoding="unicode") for child in self.root)

    def plain(self) -> object:
        return _plain(self.root) or []

    def _merge(self, into: etree._Element, edit: etree._Element) -> None:
        for node in edit:
            there = next((child for child in into if _same(child, node)), None)
            if node.get(NC) == "remove":
                if there is not None:
                    into.remove(there)
            elif there is None:
                into.append(deepcopy(node))
            elif len(node):
                self._merge(there, node)
            else:
                there.text = node.text


def _same(one: etree._Element, other: etree._Element) -> bool:
    key = KEYS.get(str(one.tag))
    return one.tag == other.tag and (key is None or one.findtext(key) == other.findtext(key))


def _plain(node: etree._Element) -> object:
    """Comparable; empty containers without a meaning of their own are left out."""
    if not len(node):
        return (node.text or "").strip()
    inside = sorted((str(child.tag), repr(_plain(child))) for child in node)
    return [entry for entry in inside if not (entry[0].endswith("}interfaces") and entry[1] == "''")]


FOREIGN = {
    "ge-0/0/1": {"mtu": 9000, "ipv4": {"172.16.0.1": 24}},
    "ge-0/0/9": {"description": "theirs", "ipv4": {"172.16.1.1": 24}},
}
NAMES = ("ge-0/0/1", "ge-0/0/2", "ge-0/0/3.100")
bodies = st.fixed_dictionaries(
    {},
    optional={
        "description": st.sampled_from(["Acme", "Beta"]),
        "enabled": st.sampled_from(["true", "false"]),
        "ipv4": st.dictionaries(st.sampled_from(["10.0.0.0", "10.0.0.2"]), st.sampled_from([31, 30]), min_size=1),
        "ipv6": st.dictionaries(st.sampled_from(["2001:db8::", "2001:db8::2"]), st.just(127), min_size=1),
    },
)
services = st.dictionaries(st.sampled_from(NAMES), bodies).map(render)


@given(services, services)
def test_the_edit_leads_from_before_to_after_and_back_and_touches_nothing_else(before: str, after: str) -> None:
    store = Datastore(render(FOREIGN), before)
    store.edit(xmltree.forward(IETF, before, after, store.text))
    assert store.plain() == Datastore(render(FOREIGN), after).plain()
    store.edit(xmltree.forward(IETF, after, before, store.text))
    assert store.plain() == Datastore(render(FOREIGN), before).plain()
    store.edit(xmltree.forward(IETF, before, "", store.text))
    assert store.plain() == Datastore(render(FOREIGN)).plain()


@given(services, services)
def test_where_nobody_else_configures_the_running_configuration_is_not_needed(before: str, after: str) -> None:
    store = Datastore(before)
    store.edit(xmltree.forward(IETF, before, after))
    assert store.plain() == Datastore(after).plain()


@given(services)
def test_no_difference_is_no_edit(text: str) -> None:
    assert xmltree.forward(IETF, text, text) == ""


@given(services, services)
def test_the_running_configuration_tells_which_side_it_is_on(before: str, after: str) -> None:
    found = xmltree.assess(IETF, before, after, Datastore(render(FOREIGN), after).text)
    assert (found.missing, found.leftover, found.standing) == ((), (), Standing.AFTER)


@given(services, services)
def test_missing_and_leftover_are_empty_only_where_the_change_has_happened(before: str, after: str) -> None:
    found = xmltree.assess(IETF, before, after, Datastore(render(FOREIGN), before).text)
    changes = xmltree.forward(IETF, before, after, Datastore(render(FOREIGN), before).text)
    if found.missing or found.leftover:
        assert changes


ONE = {"description": "Acme", "enabled": "true", "ipv4": {"10.0.0.0": 31}}


def test_only_what_changed_travels() -> None:
    before, after = render({"ge-0/0/1": ONE}), render({"ge-0/0/1": {**ONE, "description": "Beta"}})
    edit = etree.fromstring(xmltree.forward(IETF, before, after))
    assert [etree.QName(node).localname for node in edit.iter()] == ["interfaces", "interface", "name", "description"]


def test_the_prefix_of_an_identity_stays_declared() -> None:
    edit = etree.fromstring(xmltree.forward(IETF, "", render({"ge-0/0/1": ONE})))
    kind = edit.find(f".//{{{IF}}}type")
    assert kind is not None
    assert kind.text == "ianaift:ethernetCsmacd"
    assert kind.nsmap["ianaift"] == "urn:ietf:params:xml:ns:yang:iana-if-type"


@pytest.mark.parametrize(
    "running",
    [
        pytest.param(
            lambda text: text.replace("ianaift:ethernetCsmacd", "x:ethernetCsmacd").replace(":ianaift", ":x"), id="prefix"
        ),
        pytest.param(lambda text: text.replace("ianaift:ethernetCsmacd", "ethernetCsmacd"), id="no prefix"),
        pytest.param(lambda text: text.replace("<enabled>true</enabled>", ""), id="default left out"),
        pytest.param(lambda text: text.replace("2001:db8::", "2001:DB8:0:0::"), id="long address"),
        pytest.param(lambda text: text.replace("<name>", "<name>\n  ").replace("</name>", "\n</name>"), id="white space"),
        pytest.param(lambda text: text.replace("<interface>", "<!-- x --><interface>"), id="comment"),
    ],
)
def test_servers_may_say_the_same_in_other_words(running) -> None:
    owned = render({"ge-0/0/1": {**ONE, "ipv6": {"2001:db8::": 127}}})
    assert xmltree.assess(IETF, "", owned, running(owned)).missing == ()


@pytest.mark.parametrize("comment", ["", "<!-- made by hand -->"])
@given(before=services, after=services)
def test_a_tree_is_assessed_as_its_text_is(comment: str, before: str, after: str) -> None:
    stands = Datastore(render(FOREIGN), before).text.replace("<name>", f"{comment}<name>{comment}")
    found = xmltree.assess(IETF, before, after, etree.fromstring(f"<data>{stands}</data>"))
    assert found == xmltree.assess(IETF, before, after, stands)


def test_a_default_that_is_reported_is_no_leftover() -> None:
    before, after = render({"ge-0/0/1": ONE}), render({"ge-0/0/1": {"description": "Acme", "ipv4": {"10.0.0.0": 31}}})
    assert xmltree.assess(IETF, before, after, before).leftover == ()


def test_an_entry_that_stayed_behind_is_named() -> None:
    found = xmltree.assess(IETF, render({"ge-0/0/1": ONE}), "", render({"ge-0/0/1": {}}))
    assert found.leftover == ("interfaces/interface[ge-0/0/1]",)


def test_missing_leaves_are_named_by_their_path() -> None:
    found = xmltree.assess(IETF, "", render({"ge-0/0/1": ONE}), render({"ge-0/0/1": {"description": "other"}}))
    assert found.missing == (
        "interfaces/interface[ge-0/0/1]/description = Acme",
        "interfaces/interface[ge-0/0/1]/ipv4/address[10.0.0.0]/prefix-length = 31",
    )


def test_a_selection_is_the_same_however_often_it_is_made() -> None:
    text = render({"ge-0/0/1": ONE})
    once = xmltree.selection(IETF, text)
    xmltree.forward(IETF, "", text)
    assert xmltree.selection(IETF, text, text) == xmltree.selection(IETF, text) == once
    assert "urn:ietf:params:xml:ns:netconf" not in once


def test_nothing_that_is_made_of_a_text_changes_the_tree_that_is_kept_of_it() -> None:
    one, other = render({"ge-0/0/1": ONE, "ge-0/0/2": {}}), render({"ge-0/0/1": {"description": "Acme"}})
    trees = [xmltree._read(text) for text in (one, other)]
    before = [etree.tostring(tree) for tree in trees]
    there, back = xmltree.both_ways(IETF, one, other)
    assert (there, back) == (xmltree.forward(IETF, one, other), xmltree.forward(IETF, other, one))
    assert xmltree.keep(IETF, one, xmltree.statements(IETF, one))
    xmltree.assess(IETF, one, other, one)
    xmltree.selection(IETF, one, other)
    assert [xmltree._read(text) for text in (one, other)] == trees
    assert [etree.tostring(tree) for tree in trees] == before


def test_no_tree_of_a_whole_element_is_kept() -> None:
    text = render({f"ge-0/0/{number}": ONE for number in range(100)})
    assert len(text) > xmltree.LONGEST_READ
    assert xmltree._read(text) is not xmltree._read(text)


def test_the_selection_names_entries_and_nothing_more() -> None:
    filter_ = etree.fromstring(xmltree.selection(IETF, render({"ge-0/0/1": ONE}), render({"ge-0/0/2": ONE, "ge-0/0/1": {}})))
    assert [node.text for node in filter_.iter(f"{{{IF}}}name")] == ["ge-0/0/1", "ge-0/0/2"]
    assert filter_.find(f".//{{{IF}}}description") is None


@pytest.mark.parametrize("text", ["<a>", "<a></b>", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "&x;"])
def test_broken_xml_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="not well-formed"):
        xmltree.forward(IETF, "", text)
