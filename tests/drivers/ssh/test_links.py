import json

import pytest

from drivers.ssh import links


def shown(*found: dict[str, object]) -> str:
    return json.dumps([{"mtu": 1500, "flags": ["BROADCAST", "UP"]} | each for each in found])


@pytest.mark.parametrize(
    ("link", "header"),
    [
        ({"ifname": "eth1"}, "port eth1"),
        ({"ifname": "eth1", "link": "eth2", "linkinfo": {"info_kind": "veth"}}, "port eth1"),
        ({"ifname": "br1", "linkinfo": {"info_kind": "bridge", "info_data": {"stp_state": 0}}}, "link br1 type bridge"),
        (
            {
                "ifname": "vx1",
                "linkinfo": {"info_kind": "vxlan", "info_data": {"id": 7, "local": "192.0.2.1", "port": 4789, "learning": False}},
            },
            "link vx1 type vxlan id 7 local 192.0.2.1 dstport 4789 nolearning",
        ),
        (
            {"ifname": "vx1", "linkinfo": {"info_kind": "vxlan", "info_data": {"id": 7, "local6": "2001:db8::1", "port": 8472}}},
            "link vx1 type vxlan id 7 local 2001:db8::1 dstport 8472",
        ),
        (
            {"ifname": "eth1.5", "link": "eth1", "linkinfo": {"info_kind": "vlan", "info_data": {"protocol": "802.1Q", "id": 5}}},
            "link eth1.5 type vlan link eth1 id 5",
        ),
        ({"ifname": "acme", "linkinfo": {"info_kind": "vrf", "info_data": {"table": 100}}}, "link acme type vrf table 100"),
    ],
)
def test_what_only_a_new_link_can_be_given_stands_in_the_header(link: dict[str, object], header: str) -> None:
    assert links.render(shown(link)).splitlines()[0] == header


def test_what_can_be_changed_stands_below() -> None:
    slave = {"learning": False, "neigh_suppress": True, "isolated": False}
    link = {"ifname": "eth1", "master": "br1", "mtu": 9000, "flags": ["BROADCAST"], "linkinfo": {"info_slave_data": slave}}
    assert links.render(shown(link)).splitlines()[1:] == [
        " master br1",
        " learning off",
        " neigh-suppress on",
        " mtu 9000",
        " down",
    ]


@pytest.mark.parametrize("answer", ['Object "lnk" is unknown', "{}", '[{"ifname": 1}]'])
def test_what_is_no_list_of_links_is_told(answer: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|list|string"):
        links.render(answer)
