import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sim.cli.errors import Ambiguous, Incomplete, InvalidInput
from drivers.sim.cli.grammar import find
from drivers.sim.cli.values import is_route_distinguisher, mask, prefix_length, vlan_list, vlan_set

PATTERNS = (
    "show version",
    "show vlan",
    "show vlan brief",
    "show running-config interface <interface...>",
    "ip address <ipv4> <mask>",
    "description <text...>",
    "rate-limit input|output <bps>",
    "switchport trunk allowed vlan add <vlans>",
    "switchport trunk allowed vlan <vlans>",
)


@pytest.mark.parametrize(
    ("line", "pattern", "values"),
    [
        ("show version", 0, ()),
        ("SHOW Ver", 0, ()),
        ("sh vlan", 1, ()),
        ("  show   vlan  br ", 2, ()),
        ("show run int Gi 0/1.100", 3, ("Gi 0/1.100",)),
        ("ip addr 192.0.2.0 255.255.255.254", 4, ("192.0.2.0", "255.255.255.254")),
        ("description  a  b | c! ", 5, ("a  b | c!",)),
        ("rate-limit in 1000000", 6, ("input", "1000000")),
        ("switchport trunk allowed vlan add 10,20-30", 7, ("10,20-30",)),
        ("switchport trunk allowed vlan 10", 8, ("10",)),
    ],
)
def test_a_line_means_one_pattern(line: str, pattern: int, values: tuple[str, ...]) -> None:
    found = find(line, PATTERNS)
    assert (found.index, tuple(word.text for word in found.values)) == (pattern, values)


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("shaw version", 0),
        ("show version now", 13),
        ("ip address 192.0.2.256 255.0.0.0", 11),
        ("rate-limit both 5", 11),
        ("rate-limit input 5", 17),
        ("switchport trunk allowed vlan 4095", 30),
        ("switchport trunk allowed vlan 20-10", 30),
    ],
)
def test_the_caret_stands_at_the_word_that_nothing_knows(line: str, column: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        find(line, PATTERNS)
    assert refused.value.column == column


@pytest.mark.parametrize("line", ["show", "ip address 192.0.2.1", "description", "switchport trunk allowed vlan add"])
def test_a_line_that_ends_too_early_is_incomplete(line: str) -> None:
    with pytest.raises(Incomplete):
        find(line, PATTERNS)


def test_a_beginning_of_two_keywords_is_ambiguous() -> None:
    with pytest.raises(Ambiguous):
        find("sh v", PATTERNS)


@given(st.sets(st.integers(1, 4094), min_size=1))
def test_a_vlan_list_reads_back_as_it_was(vlans: set[int]) -> None:
    assert vlan_set(vlan_list(vlans)) == vlans


@given(st.integers(0, 32))
def test_a_mask_reads_back_as_its_length(length: int) -> None:
    assert prefix_length(mask(length)) == length


@pytest.mark.parametrize("wrong", ["255.0.255.0", "0.0.0.255", "255.255.255.253"])
def test_a_mask_with_a_hole_is_none(wrong: str) -> None:
    with pytest.raises(ValueError, match="not a mask"):
        prefix_length(wrong)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("65000:1", True),
        ("65000:4294967295", True),
        ("65000:4294967296", False),
        ("4200000000:65535", True),
        ("4200000000:65536", False),
        ("192.0.2.1:7", True),
        ("192.0.2.1:65536", False),
        ("0:1", False),
        ("65000", False),
        (":1", False),
        ("65000:x", False),
    ],
)
def test_route_distinguishers_are_of_one_of_three_types(text: str, good: bool) -> None:
    assert is_route_distinguisher(text) is good
