"""What configurations use of pools, in every platform's language; and what stands in places of ours, and differs."""

import pytest

from drivers.diff.drift import deviation, repaired, within, words
from drivers.diff.uses import uses
from drivers.platform import Platform, load_platform

IETF = """\
<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces">
  <interface>
    <name>ge-0/0/1</name>
    <ipv4 xmlns="urn:ietf:params:xml:ns:yang:ietf-ip">
      <address><ip>10.0.0.1</ip><prefix-length>31</prefix-length></address>
    </ipv4>
  </interface>
</interfaces>
"""
JUNOS = """\
<configuration xmlns="http://xml.juniper.net/xnm/1.1/xnm">
  <vlans><vlan><name>x</name><vlan-id>300</vlan-id></vlan></vlans>
  <interfaces><interface><name>ge-0/0/1</name><unit><name>100</name><vlan-id>100</vlan-id>
    <family><inet><address><name>10.0.0.1/31</name></address></inet></family></unit></interface></interfaces>
  <routing-instances><instance><name>v</name><route-distinguisher><rd-type>65000:1</rd-type></route-distinguisher>
    <vrf-target><community>target:65000:2</community></vrf-target></instance></routing-instances>
</configuration>
"""


def found(platform: str, text: str) -> list[tuple[str, str]]:
    return [(use.kind, use.value) for use in uses(load_platform(platform), text)]


@pytest.mark.parametrize(
    ("platform", "text", "expected"),
    [
        (
            "ios",
            "interface Gi0/1.100\n encapsulation dot1Q 100\n ip address 10.0.0.1 255.255.255.254\n",
            "vlan 100, address 10.0.0.1/31",
        ),
        ("ios", "interface Gi0/1\n ip address dhcp\n ipv6 address 2001:db8::1/64\n", "address 2001:db8::1/64"),
        ("ios", "vlan 10,20-21\nvrf definition a\n rd 65000:1\n", "vlan 10, vlan 20, vlan 21, rd 65000:1"),
        ("ios", "interface Gi0/1\n switchport trunk allowed vlan 7,9\n", "vlan 7, vlan 9"),
        ("eos", "interface Ethernet1.5\n encapsulation dot1q vlan 5\n ip address 10.0.0.1/31\n", "vlan 5, address 10.0.0.1/31"),
        (
            "frr",
            "interface eth1\n ip address 10.0.0.1/31\n ipv6 address 2001:db8::1/127\n",
            "address 10.0.0.1/31, address 2001:db8::1/127",
        ),
        ("frr-linux", "link vx1 type vxlan id 70000 local 192.0.2.1 dstport 4789 nolearning\n up\n", "vni 70000"),
        ("frr-linux", "link eth1.7 type vlan link eth1 id 7\n up\n", "vlan 7"),
        ("vyos", "set interfaces ethernet eth1 vif 100 address '10.0.0.1/31'\n", "vlan 100, address 10.0.0.1/31"),
        ("vyos", "set vrf name a protocols bgp address-family ipv4-unicast rd vpn export '65000:1'\n", "rd 65000:1"),
        ("ietf", IETF, "address 10.0.0.1/31"),
        ("junos", JUNOS, "vlan 300, vlan 100, address 10.0.0.1/31, rd 65000:1, rt 65000:2"),
        ("qbridge", "vlans: {100: {name: a}, 200: {name: b, tagged: [1]}}\n", "vlan 100, vlan 200"),
        ("ios", "", ""),
    ],
)
def test_values_are_found_in_every_language(platform: str, text: str, expected: str) -> None:
    assert ", ".join(f"{kind} {value}" for kind, value in found(platform, text)) == expected


def test_a_find_says_where_it_stands() -> None:
    (use,) = uses(load_platform("ietf"), IETF)
    assert use.where == "interfaces/interface[ge-0/0/1]/ipv4/address[10.0.0.1]"
    (use,) = uses(load_platform("ios"), "interface Gi0/1.100\n encapsulation dot1Q 100\n")
    assert use.where == "interface Gi0/1.100 / encapsulation dot1Q 100"


IOS = load_platform("ios")
EXPECTED = "interface Gi0/1.100\n description ours\n encapsulation dot1Q 100\ninterface Gi0/1\n switchport trunk allowed vlan 100\n"


@pytest.mark.parametrize(
    ("running", "missing", "unexpected"),
    [
        (EXPECTED, (), ()),
        (EXPECTED + "interface Gi0/2\n description others\n", (), ()),
        (EXPECTED.replace("vlan 100\n", "vlan 100,200\n"), (), ()),
        (
            EXPECTED.replace("ours", "other"),
            ("interface Gi0/1.100 / description ours",),
            ("interface Gi0/1.100 / description other",),
        ),
        (EXPECTED.replace(" description ours\n", ""), ("interface Gi0/1.100 / description ours",), ()),
        (
            EXPECTED.replace("dot1Q 100\n", "dot1Q 100\n ip access-group A in\n"),
            (),
            ("interface Gi0/1.100 / ip access-group A in",),
        ),
        (EXPECTED.replace("vlan 100\n", "vlan 200\n"), ("interface Gi0/1 / switchport trunk allowed vlan 100",), ()),
    ],
)
def test_what_is_ours_is_compared_and_nothing_else(running: str, missing: tuple[str, ...], unexpected: tuple[str, ...]) -> None:
    assert told(IOS, EXPECTED, running) == (missing, unexpected)


def test_what_every_link_has_is_nothing_left_over_but_what_can_be_taken_back_is() -> None:
    linux = load_platform("frr-linux")
    expected = "link br1 type bridge\n up\nport eth1\n master br1\n up\n"
    running = "link br1 type bridge\n mtu 1500\n up\nport eth1\n master br1\n mtu 9000\n up\n"
    assert told(linux, expected, running) == ((), ())
    assert told(linux, expected, running.replace("bridge\n", "bridge\n isolated on\n")) == (
        (),
        ("link br1 type bridge / isolated on",),
    )
    wanted = expected.replace("bridge\n", "bridge\n mtu 9000\n")
    assert told(linux, wanted, running) == (("link br1 type bridge / mtu 9000",), ("link br1 type bridge / mtu 1500",))


def told(platform: Platform, expected: str, running: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    differs = deviation(platform, expected, within(platform, expected, running))
    return words(platform, differs.missing), words(platform, differs.unexpected)


def test_the_digest_is_of_what_is_said_and_not_of_how() -> None:
    one = deviation(IOS, EXPECTED, EXPECTED)
    other = deviation(IOS, EXPECTED, EXPECTED.replace(" description ours\n", "  description   ours\n").replace("dot1Q", "dot1Q"))
    assert one.digest == other.digest
    assert one.digest != deviation(IOS, EXPECTED, "").digest


def test_what_others_rightly_have_in_the_same_places_stays_when_one_is_repaired() -> None:
    mine, theirs = "vlan 100\n name joint\ninterface Gi0/1\n description mine\n", "vlan 100\n name joint\n"
    observed = "vlan 100\n name joint\ninterface Gi0/1\n description hacked\n"
    before, after = repaired(IOS, mine, observed, [theirs])
    assert "description hacked" in before
    assert deviation(IOS, mine, after).in_sync
