"""What services share on one element: whatever comes and goes, it holds what those say that are there, and what is nobody's."""

from collections.abc import Iterator
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.diff import atoms, change_set, keep, objects, statements, union, xmltree
from drivers.diff.statements import LONGEST_REMEMBERED
from drivers.platform import Platform, load_platform
from drivers.port import ChangeSet
from drivers.snmp.switch import bindings
from tests.drivers.diff import test_lines, test_xmltree
from tests.drivers.diff.device import Device, pruned
from tests.drivers.diff.test_objects import intents
from tests.drivers.snmp.test_switch import EMPTY, applied

IOS, IETF, QBRIDGE = (load_platform(name) for name in ("ios", "ietf", "qbridge"))


class Element(Protocol):
    """One that holds configuration of nobody, and takes what a change sends."""

    platform: Platform

    def take(self, change: ChangeSet) -> None: ...

    def holds(self) -> object: ...


class Line:
    platform = IOS

    def __init__(self) -> None:
        self.device = Device(test_lines.FOREIGN)

    def take(self, change: ChangeSet) -> None:
        self.device.type(change.forward)

    def holds(self) -> object:
        return pruned(self.device.tree)


class Tree:
    platform = IETF

    def __init__(self) -> None:
        self.store = test_xmltree.Datastore(test_xmltree.render(test_xmltree.FOREIGN))

    def take(self, change: ChangeSet) -> None:
        """As the driver does: with an eye on what else is there."""
        self.store.edit(xmltree.forward(IETF.xml_rules, change.before, change.after, self.store.text))

    def holds(self) -> object:
        return self.store.plain()


class Bridge:
    platform = QBRIDGE

    def __init__(self) -> None:
        self.switch = EMPTY

    def take(self, change: ChangeSet) -> None:
        operations = objects.parse_operations(change.forward)
        self.switch = applied(self.switch, bindings(operations, self.switch))

    def holds(self) -> object:
        return self.switch


class Operator:
    """What fulfilment does, without its database: services by number with what they say."""

    def __init__(self, element: Element) -> None:
        self.element, self.platform = element, element.platform
        self.services: dict[int, str] = {}

    def change(self, number: int, after: str, *, fails: bool) -> None:
        others = self._others(number)
        before = self.services.get(number, "")
        old, new = statements(self.platform, before), statements(self.platform, after)
        if any(others.get(place, value) != value for place, value in new.items()):
            return  # refused: one place holds one value
        shared = {place: value for side in (old, new) for place, value in side.items() if others.get(place) == value}
        change = change_set(self.platform, "pe1", before, after, shared=shared)
        self.element.take(change)
        if fails:
            self.element.take(change.inverted())
        else:
            self.services[number] = after

    def _others(self, number: int) -> dict[str, str]:
        said = (statements(self.platform, text) for other, text in self.services.items() if other != number)
        return {place: value for one in said for place, value in one.items()}


@st.composite
def lines(draw: st.DrawFn) -> str:
    """Much alike, so that much is shared."""
    text: list[str] = []
    for vlan in draw(st.sets(st.integers(100, 102))):
        text += [f"vlan {vlan}", *([f" name v{vlan}"] if draw(st.booleans()) else [])]
    for port in draw(st.sets(st.sampled_from(["Gi0/1", "Gi0/1.100", "Gi0/2.200"]))):
        text += [f"interface {port}", *draw(test_lines.port_lines())]
    if draw(st.booleans()):
        text += ["router bgp 65000", " address-family ipv4"]
        text += [f"  network 10.0.{n}.0 mask 255.255.255.0" for n in draw(st.sets(st.integers(0, 2), min_size=1))]
    used = {line.rsplit(maxsplit=1)[-1] for line in text if line.startswith(" vrf forwarding")}
    vrfs = sorted(used | draw(st.sets(st.sampled_from(test_lines.VRFS))))
    return "\n".join([*(f"vrf definition {vrf}\n rd 65000:{len(vrf)}" for vrf in vrfs), *text])


def rendered(intent: objects.Intent) -> str:
    return objects.render_intent(intent)


TEXTS = {"lines": (Line, lines()), "xml": (Tree, test_xmltree.services), "objects": (Bridge, intents().map(rendered))}


def steps(texts: st.SearchStrategy[str]) -> st.SearchStrategy[list[tuple[int, str, bool]]]:
    """Service, what it is to say ("" when it is to go), and whether the change fails."""
    some = st.one_of(st.just(""), texts, texts)
    return st.lists(st.tuples(st.integers(1, 4), some, st.sampled_from([False, False, True])), max_size=8)


def left_by(element: Element, texts: Iterator[str]) -> object:
    """What an element holds to which only these ever came."""
    element.take(change_set(element.platform, "pe1", "", union(element.platform, [text for text in texts if text])))
    return element.holds()


@pytest.mark.parametrize("syntax", TEXTS)
@given(data=st.data())
def test_the_element_holds_what_the_services_say_that_are_there(syntax: str, data: st.DataObject) -> None:
    kind, texts = TEXTS[syntax]
    operator = Operator(kind())
    for number, after, fails in data.draw(steps(texts)):
        operator.change(number, after, fails=fails)
        assert operator.element.holds() == left_by(kind(), iter(operator.services.values()))
    for number in data.draw(st.permutations(list(operator.services))):
        operator.change(number, "", fails=False)
    assert operator.element.holds() == kind().holds()


@pytest.mark.parametrize("syntax", TEXTS)
@given(data=st.data())
def test_what_is_kept_of_a_text_says_just_that(syntax: str, data: st.DataObject) -> None:
    kind, texts = TEXTS[syntax]
    text = data.draw(texts)
    said = statements(kind.platform, text)
    assert statements(kind.platform, keep(kind.platform, text, said)) == said
    assert keep(kind.platform, text, {}) == ""


@pytest.mark.parametrize(
    ("platform", "text", "said"),
    [
        (
            IOS,
            "interface Gi0/1.100\n description Acme\n ip address 10.0.0.1 255.0.0.0\ninterface Gi0/1\n no shutdown\n",
            [
                "interface Gi0/1.100",
                "interface Gi0/1.100 / description = description Acme",
                "interface Gi0/1.100 / ip address = ip address 10.0.0.1 255.0.0.0",
                "interface Gi0/1.100 / vrf forwarding = no vrf forwarding",
                "interface Gi0/1 / shutdown = no shutdown",
            ],
        ),
        (
            IOS,
            "interface Gi0/1\n switchport trunk allowed vlan 100-101\n",
            ["interface Gi0/1 / switchport trunk allowed vlan 100", "interface Gi0/1 / switchport trunk allowed vlan 101"],
        ),
        (
            IOS,
            "router bgp 65000\n address-family ipv4\n  network 10.0.0.0\n",
            ["router bgp 65000 / address-family ipv4 / network 10.0.0.0"],
        ),
        (
            QBRIDGE,
            "vlans: {100: {name: acme, tagged: [24], untagged: [3]}}\npvid: {3: 100}\n",
            ["vlan 100 = acme", "vlan 100: port 24 = tagged", "vlan 100: port 3 = untagged", "port 3: pvid = 100"],
        ),
    ],
)
def test_a_text_is_said_in_its_smallest_parts(platform: Platform, text: str, said: list[str]) -> None:
    assert list(atoms(platform, text)) == said


def test_of_a_tree_entries_and_leaves_are_said_with_the_namespaces_that_change() -> None:
    text = test_xmltree.render({"ge-0/0/1": {"description": "Acme", "ipv4": {"10.0.0.0": 31}}})
    top, inner = "/{urn:ietf:params:xml:ns:yang:ietf-interfaces}interfaces", "{urn:ietf:params:xml:ns:yang:ietf-ip}ipv4"
    assert atoms(IETF, text) == (
        f"{top}/interface[ge-0/0/1]",
        f"{top}/interface[ge-0/0/1]/description = Acme",
        f"{top}/interface[ge-0/0/1]/type = ethernetCsmacd",
        f"{top}/interface[ge-0/0/1]/{inner}",
        f"{top}/interface[ge-0/0/1]/{inner}/address[10.0.0.0]",
        f"{top}/interface[ge-0/0/1]/{inner}/address[10.0.0.0]/prefix-length = 31",
    )


def test_two_spellings_of_one_thing_are_one_statement() -> None:
    one, other = "interface Gi0/1\n ipv6 address 2001:DB8:0::1/127", "interface  Gi0/1\n  ipv6 address 2001:db8::1/127"
    assert statements(IOS, one) == statements(IOS, other)


def test_what_an_orders_text_says_is_remembered_and_what_a_whole_element_does_is_not() -> None:
    one = "interface Gi0/1\n description Acme\n"
    assert statements(IOS, one) is statements(IOS, one)
    whole = "".join(f"interface Gi0/{port}\n description Acme\n" for port in range(LONGEST_REMEMBERED // len(one) + 1))
    assert len(whole) > LONGEST_REMEMBERED
    assert statements(IOS, whole) is not statements(IOS, whole)
    assert statements(IOS, whole) == statements(IOS, whole)
    assert statements(IOS, one).items() <= statements(IOS, whole).items()


def test_what_another_service_needs_stays_when_a_section_would_go_as_a_whole() -> None:
    mine = "interface Gi0/1.100\n encapsulation dot1Q 100\n description Acme\n"
    header = {"interface Gi0/1.100": "", "interface Gi0/1.100 / encapsulation": "encapsulation dot1Q 100"}
    change = change_set(IOS, "pe1", mine, "", shared=header)
    assert [line.strip() for line in change.forward.splitlines()] == ["interface Gi0/1.100", "no description", "exit"]
    assert "encapsulation" not in change.reverse
