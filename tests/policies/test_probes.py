"""Where services are measured, by their specification."""

import pytest

from policies.errors import InvalidPolicy, RenderingFailed
from policies.probes import Probe, may_be_accepted, probes
from policies.rendering import ServiceFacts
from policies.specification import Acceptance, Specification, parse
from tests.policies.shipped import files, shipped

FACTS = ServiceFacts("svc-1", "a line", "1000001")
ACCEPTED = Acceptance(loss_ratio=0.1)


def spec_with(monitors: str, name: str = "internet-access") -> Specification:
    there = files(name)
    head, _, rest = there["spec.yaml"].partition("\nmonitors:")
    there["spec.yaml"] = f"{head}\nmonitors:\n{monitors}\n{rest[rest.index('tests:') :]}"
    return parse(there, folder="toy")


def found(spec, characteristics, allocations=None):
    values = {"link4": "10.0.0.0/31", "link6": "2001:db8::/127"} if allocations is None else allocations
    return probes(spec, FACTS, characteristics, values)


@pytest.mark.parametrize(
    ("ordered", "wanted"),
    [
        ({}, ()),
        ({"probe": True}, ()),
        ({"measure": "echo"}, (Probe("echo", "10.0.0.1", 862, 1.0, acceptance=ACCEPTED),)),
        ({"measure": "stamp"}, (Probe("stamp", "10.0.0.1", 862, 1.0, acceptance=ACCEPTED),)),
        ({"measure": "stamp", "measurePort": 8620}, (Probe("stamp", "10.0.0.1", 8620, 1.0, acceptance=ACCEPTED),)),
    ],
)
def test_internet_access_is_measured_only_when_that_is_ordered(ordered, wanted):
    assert found(shipped("internet-access"), {"port": "pe1/ge-0/0/1", **ordered}) == wanted


@pytest.mark.parametrize("name", ["l2-elan", "l2-eline", "l3vpn", "iptv", "voice-line", "leased-circuit", "evpn-eline"])
def test_no_other_shipped_specification_sends_anything(name):
    assert shipped(name).probes == ()


def test_one_per_site_goes_to_each_with_its_own_values():
    spec = spec_with(
        "  - {kind: echo, per: site, every_s: 5, when: at.characteristics.probe,\n"
        "     target: '{{ at.allocations.link4 | second_address }}'}",
        "l3vpn",
    )
    sites = [{"port": "pe1/ge-0/0/1", "vlan": 5}, {"port": "pe2/Gi0/1"}, {"port": "pe3/eth1", "probe": False}]
    values = {"link4:pe1/ge-0/0/1.5": "10.0.0.4/31", "link4:pe2/Gi0/1": "10.0.0.6/31", "rd": "65000:1"}
    assert found(spec, {"sites": sites, "probe": True}, values) == (
        Probe("echo", "10.0.0.5", 862, 5.0, "pe1/ge-0/0/1.5"),
        Probe("echo", "10.0.0.7", 862, 5.0, "pe2/Gi0/1"),
    )


def test_what_two_monitors_say_alike_is_measured_once():
    twice = "\n".join(["  - {kind: echo, target: '192.0.2.1'}"] * 2)
    assert len(found(spec_with(twice), {"port": "pe1/ge-0/0/1"})) == 1


def test_a_target_that_is_not_given_out_is_told():
    with pytest.raises(RenderingFailed, match="link4"):
        found(shipped("internet-access"), {"port": "pe1/ge-0/0/1", "measure": "echo"}, {})


@pytest.mark.parametrize("text", ["x", "0", "65536", "9" * 50, "-1", "٣"])
def test_a_port_that_is_none_is_told(text):
    spec = spec_with("  - {kind: stamp, target: '192.0.2.1', port: '{{ characteristics.description }}'}")
    with pytest.raises(RenderingFailed, match="it has to be 1 to 65535"):
        found(spec, {"port": "pe1/ge-0/0/1", "description": text})


@pytest.mark.parametrize("text", ["nowhere", "10.0.0.0/31", "300.1.1.1", "::g"])
def test_a_target_that_is_no_address_is_told(text):
    spec = spec_with("  - {kind: echo, target: '{{ characteristics.description }}'}")
    with pytest.raises(RenderingFailed, match="is no IP address"):
        found(spec, {"port": "pe1/ge-0/0/1", "description": text})


@pytest.mark.parametrize(
    ("monitor", "message"),
    [
        ("{kind: echo}", "target"),
        ("{kind: echo, target: '{{ allocations.link5 }}'}", "there is no 'link5' among the allocations"),
        ("{kind: echo, target: '{{ at.port }}'}", "'at' is not known here"),
        ("{kind: echo, target: x, when: 'characteristics.sped'}", "there is no 'sped' among the characteristics"),
        ("{kind: stamp, target: x, port: '{{ element.name }}'}", "'element' is not known here"),
        ("{kind: echo, target: x, every_s: 0.01}", "every_s"),
        ("{kind: echo, target: 192.0.2.1, acceptance: {packets: 1}}", "packets"),
        ("{kind: echo, target: x, of: [endpoint]}", "of"),
        ("{kind: state, target: x}", "target"),
        ("{kind: twamp, target: x}", "kind"),
    ],
)
def test_a_mistake_is_told_where_it_stands(monitor, message):
    with pytest.raises(InvalidPolicy) as refused:
        spec_with(f"  - {monitor}")
    line = files("internet-access")["spec.yaml"].splitlines().index("monitors:") + 2
    assert message in str(refused.value)
    assert f"toy/spec.yaml:{line}" in str(refused.value)


@pytest.mark.parametrize(
    ("monitor", "may"),
    [
        ("{kind: echo, target: x}", False),
        ("{kind: echo, target: 192.0.2.1, acceptance: {}}", True),
        ("{kind: echo, target: 192.0.2.1, acceptance: {}, when: characteristics.probe}", False),
        ("{kind: echo, target: 192.0.2.1, acceptance: {}, when: allocations.link4}", True),
        ("{kind: echo, target: 192.0.2.1, acceptance: {}, per: site, when: 'false'}", True),
    ],
)
def test_whether_a_service_may_have_been_tried_is_known_without_its_values(monitor, may):
    assert may_be_accepted(spec_with(f"  - {monitor}"), {"port": "pe1/ge-0/0/1"}) is may
