"""Importing and exporting the inventory document."""

import textwrap
from itertools import pairwise

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.allocation import allocate
from inventory.db import Database
from inventory.difference import difference
from inventory.document import InventoryDocument, json_schema
from inventory.errors import InvalidDocument
from inventory.exporter import export, to_data, to_yaml
from inventory.fill import fill
from inventory.importer import import_document, plan_import
from inventory.ports import claim
from inventory.services import NewService, create_service, set_parts, set_resources
from inventory.source import Source
from inventory.topology import load_topology
from tests.clock import EPOCH
from tests.inventory.factory import port_id

PLATFORMS = {"ios", "frr", "qbridge"}
NETWORK = """\
sites:
  - {name: ghent, parent: belgium}
  - {name: belgium}
elements:
  - name: pe1
    site: ghent
    platform: ios
    role: edge
    endpoints:
      ssh: {host: 192.0.2.1, port: 22, credential: core}
      snmp: {host: 192.0.2.1, port: 161, credential: poll}
    ports:
      - {name: ge-0/0/0, if_index: 1, role: core}
      - {name: ge-0/0/1, if_index: 2, speed_bps: 100000000}
    attributes: {bgp_as: 65000}
  - name: p1
    site: belgium
    platform: frr
    role: core
    ports: [{name: c-pe1, role: core}, {name: c-pe2, role: core}]
links:
  - {name: pe1-p1, a: pe1/ge-0/0/0, b: p1/c-pe1}
pools:
  - {name: ipv4-links, kind: ipv4-prefix, prefix: 10.0.0.0/24, length: 31}
  - {name: vlans, kind: vlan, ranges: [[100, 199]], quarantine_s: 3600, low_watermark: 10}
  - {name: rd, kind: rd, administrator: 65000}
"""


def source(text: str) -> Source:
    return Source.of_text(textwrap.dedent(text), "network.yaml")


def load(database: Database, text: str, *, prune: bool = False) -> list[str]:
    """Import; the diff."""
    with database.write() as session:
        return [str(c) for c in import_document(session, source(text), platforms=PLATFORMS, at=EPOCH, prune=prune)]


def refused(database: Database, text: str, *, prune: bool = False) -> list[str]:
    """Problems, as the operator reads them; nothing has changed."""
    with database.read() as session:
        before = export(session)
    with pytest.raises(InvalidDocument) as refusal:
        load(database, text, prune=prune)
    with database.read() as session:
        assert export(session) == before
    return [str(problem) for problem in refusal.value.problems]


def test_a_network_comes_in_whole(database: Database) -> None:
    assert load(database, NETWORK) == [
        "+ site ghent",
        "+ site belgium",
        "+ element pe1",
        "+ element p1",
        "+ endpoint pe1 ssh",
        "+ endpoint pe1 snmp",
        "+ port pe1/ge-0/0/0",
        "+ port pe1/ge-0/0/1",
        "+ port p1/c-pe1",
        "+ port p1/c-pe2",
        "+ link pe1-p1",
        "+ pool ipv4-links",
        "+ pool vlans",
        "+ pool rd",
    ]
    with database.write() as session:
        topology = load_topology(session)
        assert [hop.in_port.reference for hop in topology.path("pe1", "p1")] == ["p1/c-pe1"]
        assert topology.element("pe1").attributes == {"bgp_as": 65000}
        assert allocate(session, "rd", owner="i", role="rd", service_id="s", at=EPOCH).value == "65000:1"
        assert fill(session, "vlans").low_watermark == 10


def test_the_same_document_again_changes_nothing(database: Database) -> None:
    load(database, NETWORK)
    assert load(database, NETWORK) == []
    assert load(database, NETWORK, prune=True) == []


def test_what_is_exported_imports_as_the_same(database: Database) -> None:
    load(database, NETWORK)
    with database.read() as session:
        exported = export(session)
    assert load(database, to_yaml(exported), prune=True) == []
    assert [site.name for site in exported.sites] == ["belgium", "ghent"]
    assert yaml.safe_load(to_yaml(exported)) == to_data(exported)


def test_a_dry_run_says_the_diff_and_writes_nothing(database: Database) -> None:
    load(database, NETWORK)
    changed = NETWORK.replace("100000000", "10000000000").replace("bgp_as: 65000", "bgp_as: 65001")
    with database.write() as session:
        before = export(session)
        plan = plan_import(session, source(changed), platforms=PLATFORMS)
        assert str(plan) == (
            "~ element pe1: attributes {'bgp_as': 65000} → {'bgp_as': 65001}\n"
            "~ port pe1/ge-0/0/1: speed_bps 100000000 → 10000000000"
        )
        assert export(session) == before
        assert str(plan_import(session, source(NETWORK), platforms=PLATFORMS)) == "nothing changes"


def test_what_a_document_leaves_unsaid_stays(database: Database) -> None:
    load(database, NETWORK)
    part = "elements: [{name: pe1, site: belgium, platform: ios, ports: [{name: ge-0/0/1, role: customer}, {name: ge-0/0/2}]}]"
    assert load(database, part) == ["~ element pe1: site ghent → belgium", "+ port pe1/ge-0/0/2"]
    with database.read() as session:
        topology = load_topology(session)
    assert topology.port("pe1/ge-0/0/1").if_index == 2
    assert topology.element("pe1").attributes == {"bgp_as": 65000}
    assert len(topology.links) == 1


def test_a_link_may_refer_to_what_is_in_the_inventory_already(database: Database) -> None:
    load(database, NETWORK)
    more = """
    elements: [{name: pe2, site: ghent, platform: frr, ports: [{name: eth0, role: core}]}]
    links: [{a: pe2/eth0, b: p1/c-pe2}]
    """
    assert load(database, more) == ["+ element pe2", "+ port pe2/eth0", "+ link p1/c-pe2--pe2/eth0"]
    assert load(database, "links: [{b: pe2/eth0, a: p1/c-pe2}]") == []


def test_two_links_may_exchange_their_ends(database: Database) -> None:
    load(database, NETWORK)
    load(database, "elements: [{name: pe1, site: ghent, platform: ios, ports: [{name: ge-0/0/9, role: core}]}]")
    load(database, "links: [{name: second, a: pe1/ge-0/0/9, b: p1/c-pe2}]")
    with database.read() as session:
        before = {link.name: link.id for link in load_topology(session).links}
    swapped = "links: [{name: pe1-p1, a: pe1/ge-0/0/9, b: p1/c-pe1}, {name: second, a: pe1/ge-0/0/0, b: p1/c-pe2}]"
    assert load(database, swapped) == [
        "~ link pe1-p1: a pe1/ge-0/0/0 → pe1/ge-0/0/9",
        "~ link second: a pe1/ge-0/0/9 → pe1/ge-0/0/0",
    ]
    with database.read() as session:
        topology = load_topology(session)
    assert {link.name: link.id for link in topology.links} == before
    link = topology.link_of("pe1/ge-0/0/9")
    assert link is not None
    assert link.name == "pe1-p1"


def test_only_pruning_removes(database: Database) -> None:
    load(database, NETWORK)
    small = "sites: [{name: belgium}]\nelements: [{name: p1, site: belgium, platform: frr, role: core}]"
    assert load(database, small) == []
    assert load(database, small, prune=True) == [
        "- pool vlans",
        "- pool rd",
        "- pool ipv4-links",
        "- link pe1-p1",
        "- port pe1/ge-0/0/1",
        "- port pe1/ge-0/0/0",
        "- port p1/c-pe2",
        "- port p1/c-pe1",
        "- endpoint pe1 ssh",
        "- endpoint pe1 snmp",
        "- element pe1",
        "- site ghent",
    ]
    with database.read() as session:
        left = to_data(export(session))
    assert left["sites"] == [{"name": "belgium"}]
    assert left["elements"] == [{"name": "p1", "site": "belgium", "platform": "frr", "role": "core", "administrative": "unlocked"}]
    assert left.keys() == {"sites", "elements"}


def test_a_pool_can_grow_at_either_end_and_loses_no_value(database: Database) -> None:
    load(database, "pools: [{name: v, kind: vlan, ranges: [[100, 101]]}]")
    with database.write() as session:
        for owner in "ab":
            allocate(session, "v", owner=owner, role="vlan", service_id=owner, at=EPOCH)
    assert load(database, "pools: [{name: v, kind: vlan, ranges: [[99, 102]]}]") == ["~ pool v: ranges [[100, 101]] → [[99, 102]]"]
    with database.write() as session:
        values = [allocate(session, "v", owner=owner, role="vlan", service_id=owner, at=EPOCH).value for owner in "cd"]
    assert values == ["99", "102"]


@pytest.fixture
def in_use(database: Database) -> Database:
    load(database, NETWORK)
    with database.write() as session:
        create_service(session, NewService("n", "internet-access", "1", "C-1", {}, id="svc-1"), EPOCH)
        set_parts(session, "svc-1", {"pe1": "text"})
        links = [link.id for link in load_topology(session).links]
        set_resources(session, "svc-1", {port_id(session, "pe1/ge-0/0/1"): "endpoint"}, links)
        claim(session, port_id(session, "pe1/ge-0/0/1"), vlan=0, service_id="svc-1", owner="itm-1")
        allocate(session, "vlans", owner="itm-1", role="vlan", service_id="svc-1", at=EPOCH, wanted="150")
    return database


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("- {name: ge-0/0/1, if_index: 2, speed_bps: 100000000}", "", "port pe1/ge-0/0/1 cannot be removed: services svc-1 use it"),
        ("- {name: pe1-p1, a: pe1/ge-0/0/0, b: p1/c-pe1}", "", "link pe1-p1 cannot be removed: services svc-1 use it"),
        ("b: p1/c-pe1", "b: p1/c-pe2", "link pe1-p1 cannot get other ends: it carries services svc-1"),
        ("platform: ios", "platform: qbridge", "the platform of pe1 cannot change: it carries services svc-1"),
        ("- {name: vlans, kind: vlan,", "- {name: others, kind: vlan,", "pool vlans cannot be removed: services svc-1 use it"),
        ("ranges: [[100, 199]]", "ranges: [[160, 199]]", "pool vlans cannot lose values that are given out: 150 (svc-1)"),
        (
            "name: vlans, kind: vlan",
            "name: vlans, kind: integer",
            "the kind of pool vlans cannot change: 1 of its values are given out",
        ),
    ],
)
def test_what_services_live_on_stays(in_use: Database, old: str, new: str, message: str) -> None:
    assert old in NETWORK
    (problem,) = refused(in_use, NETWORK.replace(old, new), prune=True)
    assert message in problem
    assert problem.startswith("network.yaml:")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("- name: p1", "- name: pe1", "network.yaml:16: elements[1].name: element pe1 is defined already, at line 5; give it"),
        ("- {name: belgium}", "- {name: ghent}", "network.yaml:3: sites[1].name: site ghent is defined already, at line 2"),
        (
            "name: ge-0/0/1,",
            "name: ge-0/0/0,",
            "network.yaml:14: elements[0].ports[1].name: port of pe1 ge-0/0/0 is defined already",
        ),
        ("if_index: 2", "if_index: 1", "network.yaml:14: elements[0].ports[1].if_index: if_index of pe1 1 is defined already"),
        ("name: vlans", "name: rd", "network.yaml:26: pools[2].name: pool rd is defined already, at line 25"),
        ("b: p1/c-pe1", "b: p9/c-pe1", "network.yaml:22: links[0].b: there is no element 'p9'; add it under `elements`"),
        ("b: p1/c-pe1", "b: p1/xyz", "network.yaml:22: links[0].b: element p1 has no port 'xyz'; add it to the element's `ports`"),
        ("b: p1/c-pe1", "b: p1:c-pe1", "network.yaml:22: links[0].b: 'p1:c-pe1' is not written as it must be; write element/port"),
        ("b: p1/c-pe1", "b: pe1/ge-0/0/0", "network.yaml:22: links[0].b: link pe1-p1 joins pe1/ge-0/0/0 to itself; name the port"),
        ("site: ghent", "site: bruges", "network.yaml:6: elements[0].site: there is no site 'bruges'; add it under `sites`"),
        ("parent: belgium", "parent: france", "network.yaml:2: sites[0].parent: there is no site 'france'"),
        (
            "{name: belgium}",
            "{name: belgium, parent: ghent}",
            "site ghent contains itself (ghent in belgium in ghent); break the circle",
        ),
        ("{name: belgium}", "{name: belgium, parent: belgium}", "site belgium contains itself (belgium in belgium)"),
        (
            "platform: frr",
            "platform: junos",
            "network.yaml:18: elements[1].platform: there is no platform 'junos'; use one of frr, ios",
        ),
        ("role: edge", "role: king", "network.yaml:8: elements[0].role: input should be 'edge', 'core' or 'access' (it is 'king')"),
        (
            "role: edge",
            "rol: edge",
            "network.yaml:8: elements[0].rol: there is no such key here; correct its spelling or remove it; known",
        ),
        ("port: 22,", "", "network.yaml:10: elements[0].endpoints.ssh.port: is missing; add it"),
        ("port: 22,", "port: '22',", "network.yaml:10: elements[0].endpoints.ssh.port: input should be a valid integer"),
        (
            "ssh:",
            "telnet:",
            "elements[0].endpoints.telnet: there is no driver for protocol 'telnet'; use one of netconf, snmp, ssh",
        ),
        (
            "credential: core",
            "credential: 'my secret!'",
            "network.yaml:10: elements[0].endpoints.ssh.credential: 'my secret!' is not",
        ),
        ("name: pe1\n", "name: pe/1\n", "network.yaml:5: elements[0].name: 'pe/1' is not written as it must be; use letters"),
        ("length: 31", "length: 8", "network.yaml:24: pools[0].length: pool ipv4-links: 8 is not from 24 to 32"),
        ("10.0.0.0/24", "10.0.0.1/24", "network.yaml:24: pools[0].prefix: pool ipv4-links: 10.0.0.1/24 has host bits set"),
        ("kind: vlan", "kind: vlans", "network.yaml:25: pools[1].kind: pool vlans: 'vlans' is no kind of pool"),
        ("ranges: [[100, 199]]", "ranges: [[100, 5000]]", "network.yaml:25: pools[1].ranges: pool vlans: [100, 5000] is not"),
        ("pools:\n", "pools: 5\nodd:\n", "network.yaml:23: pools: input should be a valid list (it is 5)"),
        ("sites:\n", "sites:\nsites:\n", "network.yaml:2: sites: the key stands here twice; remove one of them"),
    ],
)
def test_a_mistake_is_told_with_file_line_path_and_remedy(database: Database, old: str, new: str, problem: str) -> None:
    assert old in NETWORK
    problems = refused(database, NETWORK.replace(old, new, 1))
    assert any(problem in found for found in problems), problems


def test_a_port_ends_one_link(database: Database) -> None:
    two = NETWORK.replace("pools:\n", "  - {name: twin, a: pe1/ge-0/0/1, b: p1/c-pe1}\npools:\n")
    assert refused(database, two) == [
        "network.yaml:23: links[1].b: port p1/c-pe1 ends two links, pe1-p1 and twin; remove one of them, or correct the port"
    ]
    load(database, NETWORK)
    (problem,) = refused(database, "links: [{name: twin, a: pe1/ge-0/0/1, b: p1/c-pe1}]")
    assert "port p1/c-pe1 ends two links, pe1-p1 and twin" in problem


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        (
            "{name: x, kind: ipv4-prefix, prefix: 10.0.0.128/25, length: 30}",
            "pool x overlaps with pool ipv4-links: both give 10.0.0.128/25",
        ),
        ("{name: x, kind: ipv4-address, prefix: 10.0.0.0/16}", "pool x overlaps with pool ipv4-links: both give 10.0.0.0/24"),
        ("{name: x, kind: rd, administrator: 65000, ranges: [[7, 9]]}", "pool x overlaps with pool rd: both give 65000:7"),
    ],
)
def test_what_one_pool_gives_no_other_gives(database: Database, pool: str, message: str) -> None:
    (problem,) = refused(database, NETWORK + f"  - {pool}\n")
    assert message in problem
    load(database, NETWORK)
    (problem,) = refused(database, f"pools: [{pool}]")
    assert message in problem


@pytest.mark.parametrize(
    "pool",
    [
        "{name: x, kind: ipv4-prefix, prefix: 10.0.1.0/24, length: 31}",
        "{name: x, kind: ipv6-prefix, prefix: 'a00::/24', length: 127}",
        "{name: x, kind: rt, administrator: 65000}",
        "{name: x, kind: vlan, ranges: [[100, 199]]}",
        "{name: x, kind: bandwidth, capacity_bps: 1000}",
    ],
)
def test_pools_apart_or_of_other_meaning_stand_side_by_side(database: Database, pool: str) -> None:
    load(database, NETWORK)
    assert load(database, f"pools: [{pool}]") == ["+ pool x"]


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{here}: &{here} [{', '.join([f'*{before}'] * 9)}]\n" for before, here in pairwise("abcdefghi")
)
"""A text of ten lines that stands for 9^9 parts."""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sites: [", "network.yaml:2: document: "),
        ("- a\n- b", "network.yaml:1: document: the document is not a mapping"),
        ("sites: !!python/object/apply:os.system [echo]", "could not determine a constructor"),
        ("sites: 2026-02-31", "day is out of range"),
        ("a: &a [*a]", "the document has more than"),
        (BOMB, "the document has more than"),
    ],
)
def test_a_text_that_cannot_be_read_is_told(database: Database, text: str, message: str) -> None:
    (problem,) = refused(database, text)
    assert message in problem


def test_an_empty_document_changes_nothing(database: Database) -> None:
    assert load(database, "") == []
    assert load(database, "sites: []") == []


def test_data_without_text_has_problems_without_lines(database: Database) -> None:
    data = {"elements": [{"name": "pe1", "site": "x", "platform": "ios"}]}
    with database.write() as session, pytest.raises(InvalidDocument, match=r"^request: elements\[0\]\.site: there is no site 'x'"):
        import_document(session, Source.of_data(data, "request"), platforms=PLATFORMS, at=EPOCH)


def test_the_schema_for_editors_knows_every_list() -> None:
    assert set(json_schema()["properties"]) == {"sites", "elements", "links", "pools"}


NAMES = st.sampled_from(["a", "b", "c"])


@st.composite
def documents(draw: st.DrawFn) -> InventoryDocument:
    """Sound ones: elements at one site with ports 1 to 3, links between ports used once."""
    elements = draw(st.lists(NAMES, unique=True, max_size=3))
    shape = st.fixed_dictionaries({"speed_bps": st.sampled_from([1, 10]), "role": st.sampled_from(["customer", "core"])})
    ports = {f"{element}/{number}": draw(shape) for element in elements for number in "123"}
    ends = draw(st.permutations(sorted(ports)))
    count = draw(st.integers(0, len(ends) // 2))
    return InventoryDocument.model_validate(
        {
            "sites": [{"name": "s", "address": draw(st.sampled_from(["", "x"]))}],
            "elements": [
                {
                    "name": element,
                    "site": "s",
                    "platform": draw(st.sampled_from(sorted(PLATFORMS))),
                    "ports": [{"name": number, **ports[f"{element}/{number}"]} for number in "123"],
                }
                for element in elements
            ],
            "links": [{"name": f"l{n}", "a": ends[2 * n], "b": ends[2 * n + 1]} for n in range(count)],
        }
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents(), documents())
def test_importing_with_pruning_makes_the_inventory_the_document(
    database: Database, first: InventoryDocument, second: InventoryDocument
) -> None:
    for document in (first, second):
        whole = Source.of_data(document.model_dump(mode="json"), "generated")
        with database.write() as session:
            import_document(session, whole, platforms=PLATFORMS, at=EPOCH, prune=True)
            assert difference(export(session), document, prune=True) == ()
            assert import_document(session, whole, platforms=PLATFORMS, at=EPOCH, prune=True) == ()


def test_a_bandwidth_pool_stays_as_large_as_what_is_given(database: Database) -> None:
    load(database, "pools: [{name: trunk, kind: bandwidth, capacity_bps: 1000}]")
    with database.write() as session:
        allocate(session, "trunk", owner="itm-1", role="bw", service_id="svc-1", at=EPOCH, amount_bps=600)
    (problem,) = refused(database, "pools: [{name: trunk, kind: bandwidth, capacity_bps: 500}]")
    assert "pool trunk cannot shrink: 600 bit/s are given out" in problem
    assert load(database, "pools: [{name: trunk, kind: bandwidth, capacity_bps: 700}]") == ["~ pool trunk: capacity_bps 1000 → 700"]
    with database.read() as session:
        assert fill(session, "trunk").free == 100


@pytest.mark.parametrize("text", ["[" * 200_000, "- " * 100_000 + "pe1", "sites: " + "{a: " * 100_000, "? " * 100_000])
def test_a_text_that_nests_without_end_is_refused_and_ends_nothing(text):
    with pytest.raises(InvalidDocument, match="nests deeper than 100 levels"):
        source(text)
