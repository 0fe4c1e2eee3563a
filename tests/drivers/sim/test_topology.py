from pathlib import Path

import pytest

from drivers.sim.errors import TopologyError
from drivers.sim.topology import load_topology, parse_topology

PE1 = {"name": "pe1", "platform": "ietf", "ports": ["ge-0/0/0", "ge-0/0/1"]}
PE2 = {"name": "pe2", "platform": "ios", "ports": ["Gi0/0", "Gi0/1"]}
LINK = {"a": "pe1:ge-0/0/0", "b": "pe2:Gi0/0"}


def document(**changes: object) -> dict[str, object]:
    return {"name": "n", "elements": [PE1, PE2], **changes}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"colour": "red"}, "net.yaml: colour: unknown key; remove it"),
        ({"elements": []}, "elements: List should have at least 1 item"),
        ({"elements": [{"name": "x", "ports": ["a"]}]}, "elements[0].platform: is required; add it"),
        ({"elements": [{**PE1, "platform": "junos"}]}, "elements[0].platform: Input should be 'ietf', 'ios', 'eos' or 'qbridge'"),
        ({"elements": [{**PE1, "name": "1 2"}]}, "elements[0].name: String should match pattern"),
        ({"elements": [PE1, PE1]}, "elements: name pe1 is there 2 times; make it unique"),
        ({"elements": [{**PE1, "ports": ["a", "a"]}]}, "elements[0].ports: name a is there 2 times"),
        ({"elements": [{**PE1, "ports": [{"name": "a", "index": 2}, "b"]}]}, "elements[0].ports: index 2 is there 2 times"),
        ({"elements": [{**PE1, "address": "127.1.0.1"}]}, "elements[0].address: 127.1.0.1 is not in 127.40.0.0/24"),
        ({"elements": [{**PE1, "address": "127.40.0.12"}, PE2]}, "elements: address 127.40.0.12 is there 2 times"),
        ({"network": "10.0.0.0/24"}, "network: 10.0.0.0/24 is not loopback; choose one within 127.0.0.0/8"),
        ({"network": "127.40.0.0/29"}, "network: 127.40.0.0/29 is too small for 2 elements"),
        ({"protocols": {"snmp": 0}}, "protocols.snmp: Input should be greater than or equal to 1"),
        ({"links": [{"a": "pe1", "b": "pe2:Gi0/0"}]}, "links[0].a: 'pe1' names no port; write element:port"),
        ({"links": [{"a": "pe3:x", "b": "pe2:Gi0/0"}]}, "links[0].a: there is no element pe3; it has pe1, pe2"),
        ({"links": [{"a": "pe1:x", "b": "pe2:Gi0/0"}]}, "links[0].a: pe1 has no port x; it has ge-0/0/0, ge-0/0/1"),
        (
            {"links": [LINK, {"a": "pe1:ge-0/0/0", "b": "pe2:Gi0/1"}]},
            "links[1].a: pe1:ge-0/0/0 is in link pe1:ge-0/0/0--pe2:Gi0/0 already",
        ),
        ({"traffic": [{"from": "pe1:x", "to": "pe2:Gi0/0", "bps": 1}]}, "traffic[0].from: pe1 has no port x"),
        ({"traffic": [{"from": "pe1:ge-0/0/0", "to": "pe2:Gi0/0", "bps": "fast"}]}, "traffic[0].bps: Input should be a valid"),
        ({"management": {"inband": True}}, "management.via: with inband management name the element"),
        ({"traps_to": ["here"]}, "traps_to[0]: String should match pattern"),
        ({"credentials": {"v3_auth": "short"}}, "credentials.v3_auth: "),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_path_and_remedy(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(TopologyError) as caught:
        parse_topology(document(**changes), "net.yaml")
    assert complaint in str(caught.value)


def test_all_mistakes_come_at_once() -> None:
    with pytest.raises(TopologyError) as caught:
        parse_topology(document(links=[{"a": "pe3:x", "b": "pe4:y"}]))
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("content", ["name: [", "\tname: x"])
def test_a_file_that_is_no_yaml_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(content)
    with pytest.raises(TopologyError, match=f"{path}: not YAML"):
        load_topology(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match="cannot be read: No such file"):
        load_topology(tmp_path / "none.yaml")


def test_a_document_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(TopologyError, match="the file: "):
        parse_topology(["pe1"])


def test_ports_and_speeds_have_short_forms() -> None:
    ports = ["ge-0/0/[0-2]", {"name": "xe-0/[1-2]/0", "speed": "10G"}]
    [element] = parse_topology(document(elements=[{**PE1, "ports": ports}])).elements
    assert [(port.name, port.speed) for port in element.ports] == [
        *((f"ge-0/0/{n}", 10**9) for n in range(3)),
        *((f"xe-0/{n}/0", 10**10) for n in (1, 2)),
    ]


def test_ports_may_be_written_as_in_the_rest_of_fabd() -> None:
    slashed = {"a": "pe1/ge-0/0/0", "b": "pe2/Gi0/0"}
    assert parse_topology(document(links=[slashed])).links[0].label == parse_topology(document(links=[LINK])).links[0].label


def test_elements_get_addresses_in_file_order() -> None:
    assert parse_topology(document()).addresses() == {"pe1": "127.40.0.11", "pe2": "127.40.0.12"}


def test_a_network_moves_with_its_explicit_addresses() -> None:
    topology = parse_topology(document(elements=[{**PE1, "address": "127.40.0.99"}, PE2]))
    assert topology.moved("127.41.0.0/24").addresses() == {"pe1": "127.41.0.99", "pe2": "127.41.0.12"}


def test_secrets_are_not_shown() -> None:
    topology = parse_topology(document(credentials={"password": "hush-hush-hush"}))
    assert "hush" not in repr(topology)
    assert "hush" not in repr(topology.credentials.resolve())
    assert topology.credentials.resolve().password == "hush-hush-hush"
