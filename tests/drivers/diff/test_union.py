import pytest
import yaml

from drivers.diff import change_set
from drivers.diff.union import union
from drivers.errors import DriverSetupError
from drivers.platform import load_platform

IETF, IOS, BRIDGE = load_platform("ietf"), load_platform("ios"), load_platform("qbridge")


def interface(name, address):
    return f"""<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"><interface><name>{name}</name>
<ipv4 xmlns="urn:ietf:params:xml:ns:yang:ietf-ip"><address><ip>{address}</ip><prefix-length>31</prefix-length></address></ipv4>
</interface></interfaces>"""


@pytest.mark.parametrize("texts", [[], [""], ["", " \n"]])
def test_nothing_and_nothing_is_nothing(texts):
    assert union(IETF, texts) == ""


def test_one_text_stays_as_it_is():
    assert union(IOS, ["", "interface Gi0/1\n", ""]) == "interface Gi0/1\n"


def test_xml_entries_come_together_under_their_keys():
    both = union(IETF, [interface("a", "10.0.0.0"), interface("b", "10.0.0.2"), interface("a", "10.0.0.4")])
    assert both.count("<interfaces") == 1
    assert both.count("<name>a</name>") == 1
    assert all(address in both for address in ("10.0.0.0", "10.0.0.2", "10.0.0.4"))


def test_taking_one_service_from_a_union_leaves_the_other():
    one, other = interface("a", "10.0.0.0"), interface("b", "10.0.0.2")
    change = change_set(IETF, "pe1", union(IETF, [one, other]), other)
    assert ">a<" in change.forward
    assert ">b<" not in change.forward


def test_lines_follow_each_other():
    both = union(IOS, ["vlan 10\n name a", "vlan 20\n name b\n"])
    assert both == "vlan 10\n name a\nvlan 20\n name b\n"


def test_objects_are_joined_by_key_and_lists_by_member():
    one = "vlans:\n  10: {name: a, tagged: [24], untagged: [1]}\npvid:\n  1: 10\nalias:\n"
    other = "vlans:\n  10: {name: a, tagged: [24, 25], untagged: []}\n  20: {name: b, tagged: [24]}\npvid:\nalias:\n  2: x\n"
    assert yaml.safe_load(union(BRIDGE, [one, other])) == {
        "vlans": {10: {"name": "a", "tagged": [24, 25], "untagged": [1]}, 20: {"name": "b", "tagged": [24]}},
        "pvid": {1: 10},
        "alias": {2: "x"},
    }


@pytest.mark.parametrize(("platform", "bad"), [(IETF, "<open>"), (BRIDGE, "a: [")])
def test_what_is_not_in_the_language_is_the_templates_fault(platform, bad):
    with pytest.raises(DriverSetupError, match=f"platform {platform.name} rendered bad"):
        union(platform, [bad, bad])
