"""Differences said in full paths, and by the element's shell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.diff import change_set, lines
from drivers.errors import DriverSetupError
from drivers.platform import load_platform
from drivers.port import Standing

VYOS, LINUX, EOS = (load_platform(name) for name in ("vyos", "frr-linux", "eos"))

ACCESS = """\
set interfaces ethernet eth1 vif 100 address '10.0.0.0/31'
set interfaces ethernet eth1 vif 100 description 'Acme, Ghent'
set protocols bgp address-family ipv4-unicast network 10.0.0.0/31
"""
LINE = """\
link br100 type bridge
 up
link vx100 type vxlan id 100 local 192.0.2.1 dstport 4789 nolearning
 master br100
 learning off
 up
port eth1
 master br100
 up
router bgp 65000
 address-family l2vpn evpn
  advertise-all-vni
  vni 100
   rd 65000:1
"""


def test_full_paths_are_set_one_by_one_and_a_section_of_ours_is_deleted_as_a_whole() -> None:
    there = change_set(VYOS, "r1", "", ACCESS)
    assert there.forward == ACCESS.strip()
    assert there.reverse.splitlines() == [
        "delete protocols bgp address-family ipv4-unicast network 10.0.0.0/31",
        "delete interfaces ethernet eth1 vif 100",
    ]


def test_on_a_port_that_others_use_lines_go_one_by_one() -> None:
    there = change_set(VYOS, "r1", "", "set interfaces ethernet eth1 description 'Acme'\nset interfaces ethernet eth1 mtu '9000'\n")
    assert there.reverse.splitlines() == [
        "delete interfaces ethernet eth1 mtu '9000'",
        "delete interfaces ethernet eth1 description 'Acme'",
    ]


def test_a_value_that_there_can_only_be_one_of_is_set_over_the_old_one() -> None:
    after = ACCESS.replace("Ghent", "Bruges").replace("10.0.0.0/31'", "10.0.0.2/31'")
    assert change_set(VYOS, "r1", ACCESS, after).forward.splitlines() == [
        "delete interfaces ethernet eth1 vif 100 address '10.0.0.0/31'",
        "set interfaces ethernet eth1 vif 100 address '10.0.0.2/31'",
        "set interfaces ethernet eth1 vif 100 description 'Acme, Bruges'",
    ]


def test_what_an_element_prints_in_full_paths_is_compared_with_it() -> None:
    running = "set interfaces ethernet eth0 address '192.0.2.1/24'\n" + ACCESS
    assert lines.assess(VYOS.line_rules, "", ACCESS, running).standing is Standing.AFTER
    without = running.replace("set interfaces ethernet eth1 vif 100 address '10.0.0.0/31'\n", "")
    found = lines.assess(VYOS.line_rules, "", ACCESS, without)
    assert (found.standing, found.missing) == (Standing.MIXED, ("interfaces ethernet eth1 vif 100 / address '10.0.0.0/31'",))


def test_a_section_that_is_made_names_its_port() -> None:
    assert lines.makes(VYOS.line_rules, ACCESS) == {"eth1.100"}
    assert "vx100" in lines.makes(LINUX.line_rules, LINE)
    assert lines.makes(
        EOS.line_rules, "interface Ethernet1.100\n encapsulation dot1q vlan 100\ninterface Ethernet2\n mtu 9000\n"
    ) == {"Ethernet1.100"}


@given(st.text(st.sampled_from("ab '\"`$();|&\\\n!{}<>#~*"), max_size=12))
def test_nothing_that_vyoss_shell_reads_as_more_than_words_can_be_typed(text: str) -> None:
    typed = f"set interfaces ethernet eth1 description '{text}'"
    assert lines.untypable(VYOS.line_rules, typed) is None or set("'\n") & set(text)
    if "'" in text or "\n" in text:
        quotes, words = typed.count("'"), typed.replace("''", "")
        assert lines.untypable(VYOS.line_rules, typed) is not None or (quotes % 2 == 0 and ";" not in _outside(words))


def _outside(line: str) -> str:
    """What of a line stands outside its quotes."""
    return "".join(part for number, part in enumerate(line.split("'")) if number % 2 == 0)


def test_what_the_shell_does_comes_before_what_is_typed_and_goes_after_it() -> None:
    change = change_set(LINUX, "leaf1", "", LINE, ["eth1"])
    assert change.forward.splitlines() == [
        "$ ip link add name br100 type bridge",
        "$ ip link set dev br100 up",
        "$ ip link add name vx100 type vxlan id 100 local 192.0.2.1 dstport 4789 nolearning",
        "$ ip link set dev vx100 master br100",
        "$ bridge link set dev vx100 learning off",
        "$ ip link set dev vx100 up",
        "$ ip link set dev eth1 master br100",
        "$ ip link set dev eth1 up",
        "router bgp 65000",
        " address-family l2vpn evpn",
        "  advertise-all-vni",
        "  vni 100",
        "   rd 65000:1",
        "   exit-vni",
        "  exit-address-family",
        " exit",
    ]
    assert change.reverse.splitlines() == [
        "router bgp 65000",
        " address-family l2vpn evpn",
        "  no vni 100",
        "  no advertise-all-vni",
        "  exit-address-family",
        " exit",
        "$ ip link set dev eth1 nomaster",
        "$ ip link delete dev vx100",
        "$ ip link delete dev br100",
    ]


def test_what_only_a_new_link_can_be_given_makes_it_anew() -> None:
    moved = change_set(LINUX, "leaf1", LINE, LINE.replace("192.0.2.1", "192.0.2.9")).forward.splitlines()
    assert moved[:2] == [
        "$ ip link delete dev vx100",
        "$ ip link add name vx100 type vxlan id 100 local 192.0.2.9 dstport 4789 nolearning",
    ]
    assert "$ ip link set dev vx100 master br100" in moved


def test_another_bridge_takes_the_port_over() -> None:
    changed = change_set(LINUX, "leaf1", "port eth1\n master br1\n", "port eth1\n master br2\n")
    assert changed.forward == "$ ip link set dev eth1 master br2"


@pytest.mark.parametrize(
    "text",
    [
        "port eth1\n qdisc fq\n",
        "port eth1\n master br0; reboot\n",
        "link a-name-that-is-too-long type bridge\n up\n",
        "link x type vxlan id 100 $(reboot) dstport 4789\n up\n",
    ],
)
def test_a_line_that_no_rule_knows_never_gets_to_the_shell(text: str) -> None:
    with pytest.raises(DriverSetupError, match="no rule says how the shell does"):
        change_set(LINUX, "leaf1", "", text)


def test_a_header_that_is_none_is_typed_and_not_done() -> None:
    """FRR refuses it."""
    assert change_set(LINUX, "leaf1", "", "link br100; reboot type bridge\n").forward == "link br100; reboot type bridge"
