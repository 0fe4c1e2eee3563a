"""NetBox's objects as an inventory document, of either generation of its API."""

import json

import pytest

from inventory.document import InventoryDocument, read_document
from inventory.errors import InvalidDocument
from inventory.netbox.mapping import map_dump
from inventory.netbox.objects import Dump
from inventory.netbox.rules import PoolRule, Rules, read_rules
from inventory.source import Source
from tests.inventory.netbox.server import cable, choice, device, interface, network, ref

PROTOCOLS = {"ios": "ssh", "frr": "ssh", "qbridge": "snmp", "ietf": "netconf"}
RULES = Rules(
    platforms={"cisco-ios": "ios"},
    roles={"provider-edge": "edge"},
    pools=(PoolRule(name="ipv4-links", prefix_role="customer-links", length=31, low_watermark=10),),
)


def mapped(content=None, rules=RULES, current=None, given=frozenset()):
    found = map_dump(Dump.read(content or network(), "netbox"), rules, current or InventoryDocument(), PROTOCOLS, given)
    return read_document(Source.of_data(json.loads(json.dumps(found.data)), "netbox")), found.remarks


@pytest.mark.parametrize("old", [False, True])
def test_both_generations_of_the_api_say_the_same(old):
    document, _ = mapped(network(old=old))
    assert document == mapped()[0]


def test_devices_become_elements_with_ports_by_their_roles():
    document, _ = mapped()
    assert [(each.name, each.platform, each.role, each.site) for each in document.elements] == [
        ("pe1", "ios", "edge", "Ghent"),
        ("pe2", "frr", "edge", "Ghent"),
        ("sw1", "qbridge", "access", "Ghent"),
    ]
    ports = {f"{each.name}/{port.name}": (port.role, port.speed_bps) for each in document.elements for port in each.ports}
    assert ports == {
        "pe1/Gi0/0": ("core", 10**10),
        "pe1/Gi0/1": ("customer", 10**9),
        "pe1/Gi0/2": ("management", 10**9),
        "pe2/eth0": ("core", 10**10),
        "pe2/eth1": ("core", 10**10),
        "sw1/1": ("core", 10**10),
        "sw1/2": ("customer", 10**10),
    }


def test_only_sites_with_elements_come_and_their_addresses_are_one_line():
    document, _ = mapped()
    assert [(site.name, site.address) for site in document.sites] == [("Ghent", "Kouter 1 9000 Ghent")]


def test_cables_and_ways_over_patch_panels_become_links_planned_ones_do_not():
    document, _ = mapped()
    assert [(link.a, link.b) for link in document.links] == [("pe1/Gi0/0", "pe2/eth0"), ("pe2/eth1", "sw1/1")]


def test_elements_are_reached_at_their_primary_address_by_what_configures_them_and_snmp():
    document, _ = mapped()
    ways = {
        each.name: {name: (way.host, way.port, way.credential) for name, way in each.endpoints.items()}
        for each in document.elements
    }
    assert ways["pe1"] == {
        "ssh": ("192.0.2.1", 22, "netbox-elements"),
        "snmp": ("192.0.2.1", 161, "netbox-elements"),
    }
    assert ways["sw1"] == {"snmp": ("192.0.2.3", 161, "netbox-elements")}


def test_a_configuration_context_says_what_netbox_has_no_word_for():
    content = network()
    content["devices"][0]["config_context"] = {
        "fabd": {
            "platform": "ietf",
            "role": "core",
            "credential": "core-routers",
            "endpoints": {"netconf": {"port": 8300, "host": "198.51.100.1"}},
            "attributes": {"bgp_as": 65000},
        },
        "ntp": ["192.0.2.123"],
    }
    document, _ = mapped(content)
    pe1 = document.elements[0]
    assert (pe1.platform, pe1.role) == ("ietf", "core")
    assert pe1.attributes == {"bgp_as": 65000, "netbox_id": 11}
    netconf = pe1.endpoints["netconf"]
    assert (netconf.host, netconf.port, netconf.credential) == ("198.51.100.1", 8300, "core-routers")
    assert pe1.endpoints["snmp"].credential == "core-routers"


def test_what_is_left_out_is_said_with_what_to_do():
    _, remarks = mapped()
    assert [remark for remark in remarks if "pdu1" in remark] == [
        "device pdu1 is left out: its platform is 'apc'; name fabd's for it under `platforms` of the rules"
    ]
    assert any("device my router is left out: elements have names of letters" in remark for remark in remarks)
    assert not any("pe9" in remark for remark in remarks)


def test_pools_come_from_prefixes_and_vlan_groups_with_what_is_in_use():
    document, _ = mapped()
    pools = {pool.name: pool for pool in document.pools}
    links, vlans = pools["ipv4-links"], pools["vlan-access"]
    assert (links.kind, links.prefix, links.length, links.low_watermark) == ("ipv4-prefix", "100.64.0.0/16", 31, 10)
    assert [(each.value, each.reason) for each in links.reserved] == [
        ("100.64.0.4/31", "in NetBox: old link"),
        ("100.64.0.6/31", "in NetBox: old link"),
    ]
    assert vlans.ranges == [[100, 199]]
    assert [(each.value, each.reason) for each in vlans.reserved] == [("110", "in NetBox: VLAN old-customer")]


def test_what_services_have_is_not_kept_back():
    document, _ = mapped(given=frozenset({("vlan-access", "110"), ("ipv4-links", "100.64.0.4/31")}))
    kept = {pool.name: [each.value for each in pool.reserved] for pool in document.pools}
    assert kept == {"ipv4-links": ["100.64.0.6/31"], "vlan-access": []}


def test_what_the_inventory_knows_beside_netbox_stays():
    current = InventoryDocument.model_validate(
        {
            "elements": [{"name": "pe1", "site": "Ghent", "platform": "ios", "attributes": {"bgp_as": 65000, "netbox_id": 3}}],
            "links": [{"name": "backbone-1", "a": "pe2/eth0", "b": "pe1/Gi0/0"}],
        }
    )
    document, _ = mapped(current=current)
    assert document.elements[0].attributes == {"bgp_as": 65000, "netbox_id": 11}
    assert document.links[0].name == "backbone-1"


def test_a_tag_chooses_what_fabd_manages():
    content = network()
    content["devices"][1]["tags"] = [ref(9, "fabd")]
    document, remarks = mapped(content, RULES.model_copy(update={"tag": "fabd"}))
    assert [each.name for each in document.elements] == ["pe2"]
    assert remarks == ()


def test_a_port_ends_one_link_and_others_are_said():
    content = network()
    content["cables"].append(cable(3, ("pe1", "Gi0/0"), ("sw1", "2")))
    _, remarks = mapped(content)
    assert [remark for remark in remarks if "ends another link already" in remark] == [
        "the way from pe1/Gi0/0 to sw1/2 is left out: one of the ports ends another link already"
    ]


def test_names_that_ports_cannot_have_and_names_that_come_twice_are_said():
    content = network()
    content["interfaces"].append(interface(9, "pe1", "Ethernet 1"))
    content["devices"].append(device(17, "pe1", platform="frr", role="edge", ip="192.0.2.9/32"))
    _, remarks = mapped(content)
    assert any("interface 'Ethernet 1' of pe1 is left out" in remark for remark in remarks)
    assert any("device pe1 is left out: another one has the same name" in remark for remark in remarks)


def test_two_prefixes_are_not_one_pool():
    content = network()
    content["prefixes"].append({"id": 4, "prefix": "100.65.0.0/16", "role": ref(1, "customer-links"), "custom_fields": {}})
    document, remarks = mapped(content)
    assert len([pool for pool in document.pools if pool.name == "ipv4-links"]) == 1
    assert any(remark.startswith("prefix 100.65.0.0/16 is left out") for remark in remarks)


def test_a_length_that_is_none_is_said():
    content = network()
    content["prefixes"][0]["custom_fields"] = {"fabd_pool": "links", "fabd_length": "thirty-one"}
    document, remarks = mapped(content)
    assert [pool.name for pool in document.pools] == ["vlan-access"]
    assert "prefix 100.64.0.0/16 is left out: its fabd_length is 'thirty-one', which is no length of a prefix" in remarks


def test_what_netbox_leaves_empty_is_left_out():
    content = network()
    empty = {"config_context": None, "custom_fields": None, "tags": None, "primary_ip": None}
    content["devices"] = [each | empty if each["name"] == "pe2" else each for each in content["devices"]]
    document, remarks = mapped(content)
    assert next(each for each in document.elements if each.name == "pe2").endpoints == {}
    assert "device pe2 has no primary IP address: fabd does not know how to reach it" in remarks


def test_prefixes_of_another_vrf_are_not_in_use_here():
    content = network()
    content["prefixes"][1]["vrf"] = ref(5, "customers")
    document, _ = mapped(content)
    assert next(pool for pool in document.pools if pool.name == "ipv4-links").reserved == []


def test_groups_of_one_name_and_prefixes_of_one_text_are_told_apart():
    """A group's name is unique at its site only, a prefix in its VRF."""
    content = network()
    elsewhere = ref(2, "Access VLANs", "access-vlans-west")
    content["vlan_groups"].append(elsewhere | {"custom_fields": {"fabd_pool": "vlan-west"}, "vid_ranges": [[100, 199]]})
    content["vlans"].append({"id": 3, "vid": 120, "name": "western", "group": elsewhere, "status": choice("active")})
    private = {"vrf": ref(5, "customers"), "custom_fields": {}}
    content["prefixes"].insert(0, {"id": 8, "prefix": "100.64.0.0/16", "status": choice("container")} | private)
    content["prefixes"].append({"id": 9, "prefix": "100.64.8.0/31", "status": choice("active")} | private)
    document, _ = mapped(content)
    kept = {pool.name: [each.value for each in pool.reserved] for pool in document.pools}
    assert kept == {"ipv4-links": ["100.64.0.4/31", "100.64.0.6/31"], "vlan-access": ["110"], "vlan-west": ["120"]}


def test_what_is_no_netbox_is_refused_with_its_place():
    with pytest.raises(InvalidDocument, match=r"dump.json: devices.0.id"):
        Dump.read({"devices": [{"name": "x"}]}, "dump.json")
    with pytest.raises(InvalidDocument, match=r"dump.json: sites: Input should be a list; this is not as NetBox answers"):
        Dump.read({"sites": 5}, "dump.json")


def test_rules_that_cannot_be_are_refused_with_their_place():
    with pytest.raises(InvalidDocument, match=r"rules.yaml: roles.x"):
        read_rules("roles: {x: emperor}", "rules.yaml")
    with pytest.raises(InvalidDocument, match=r"rules.yaml: nonsense: there is no such key here; correct its spelling"):
        read_rules("nonsense: 1", "rules.yaml")
