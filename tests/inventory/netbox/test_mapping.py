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


def nameless(number, **more):
    """As NetBox refers to what has no name."""
    return {"id": number, "url": f"http://netbox.example/api/x/{number}/", "display": f"x ({number})", "name": None} | more


def test_references_without_a_name_are_understood_by_their_ids():
    content = network()
    ids = {"pe1": 11, "pe2": 12, "sw1": 13}
    for each in content["devices"]:
        each["site"] = nameless(1)
    for each in content["interfaces"]:
        each["device"] = nameless(ids[each["device"]["name"]])
    for each in content["cables"]:
        for end in (*each["a_terminations"], *each["b_terminations"]):
            end["object"]["device"] = nameless(ids[end["object"]["device"]["name"]])
    content["interfaces"][6]["connected_endpoints"][0]["device"] = nameless(12)
    assert mapped(content) == mapped()


def test_a_device_whose_site_has_no_name_is_left_out_and_said_so():
    content = network()
    content["devices"][0]["site"] = nameless(7)
    document, remarks = mapped(content)
    assert "pe1" not in [each.name for each in document.elements]
    assert "device pe1 is left out: its site, with id 7, has no name; give it one in NetBox" in remarks


def test_a_device_without_a_name_is_told_by_its_id_once():
    content = network()
    content["devices"][0]["name"] = None
    for each in content["interfaces"][:4]:
        each["device"] = nameless(11)
    content["cables"][0]["a_terminations"][0]["object"]["device"] = nameless(11)
    document, remarks = mapped(content)
    assert [each.name for each in document.elements] == ["pe2", "sw1"]
    assert [each for each in remarks if "11" in each] == ["device with id 11 is left out: it has no name; give it one in NetBox"]


def test_interfaces_of_a_device_that_nobody_can_name_are_told_at_once():
    content = network()
    content["interfaces"] += [interface(number, "", f"e{number}", device=nameless(99)) for number in (21, 22, 23)]
    document, remarks = mapped(content)
    assert document == mapped()[0]
    assert "interface e21 (id 21) and 2 more are left out: the device with id 99 has no name; give it one in NetBox" in remarks


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ({"device": nameless(99)}, "interface eth0 (id 1) is of the device with id 99, which has no name"),
        ({"device": None}, "interface eth0 (id 1) is of no device"),
        ({"name": None}, "the interface with id 1 has no name"),
    ],
)
def test_a_cable_whose_other_end_nobody_can_name_is_said(end, reason):
    content = network()
    content["cables"][0]["b_terminations"][0]["object"] |= end
    document, remarks = mapped(content)
    assert [(link.a, link.b) for link in document.links] == [("pe2/eth1", "sw1/1")]
    assert f"the way from pe1/Gi0/0 is left out: {reason}; give it a name in NetBox" in remarks


def test_a_cable_neither_end_of_which_anybody_can_name_is_told_by_its_id():
    content = network()
    for side in "ab":
        content["cables"][0][f"{side}_terminations"][0]["object"]["device"] = nameless(98)
    _, remarks = mapped(content)
    assert any(remark.startswith("cable 1 is left out: interface Gi0/0 (id 1) is of the device with id 98") for remark in remarks)


def test_a_cable_to_what_fabd_does_not_manage_is_nobodys_business():
    content = network()
    content["cables"].append(cable(3, ("pe1", "Gi0/1"), ("pe9", "eth0")))
    content["cables"].append(cable(4, ("pe9", "eth1"), ("pe9", "eth2")))
    assert mapped(content) == mapped()


def test_a_way_over_patch_panels_to_what_nobody_can_name_is_said():
    content = network()
    content["interfaces"][6]["connected_endpoints"][0]["device"] = nameless(97)
    _, remarks = mapped(content)
    reason = "interface eth1 (id 6) is of the device with id 97, which has no name"
    assert f"the way from sw1/1 is left out: {reason}; give it a name in NetBox" in remarks


def test_a_platform_or_a_role_without_a_slug_is_told_by_its_id():
    content = network()
    content["devices"][0]["platform"] = nameless(31, slug="")
    content["devices"][1]["role"] = nameless(32, slug="")
    content["devices"][2]["platform"] = None
    content["prefixes"][0]["role"] = nameless(33, slug="")
    _, remarks = mapped(content)
    assert [remark.partition(";")[0] for remark in remarks if "slug" in remark or "said" in remark] == [
        "device pe1 is left out: its platform has no slug (its id is 31)",
        "device pe2 is left out: its role has no slug (its id is 32)",
        "device sw1 is left out: its platform is not said",
        "prefix 100.64.0.0/16 is no pool: its role, with id 33, has no slug",
    ]


def test_a_vlan_without_a_name_is_kept_back_by_its_id():
    content = network()
    content["vlans"][0] |= {"name": "", "group": nameless(1)}
    document, _ = mapped(content)
    kept = next(pool for pool in document.pools if pool.name == "vlan-access").reserved
    assert [(each.value, each.reason) for each in kept] == [("110", "in NetBox: VLAN with id 1")]


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
