"""`fabd inventory`: the network from a file and back."""

import json

import pytest
import yaml
from sqlalchemy import select

from agent.security.tables import AuditRow
from inventory.tables import ElementRow
from tests.agent.cli.network import NETWORK
from tests.inventory.netbox.server import TOKEN, FakeNetBox, network


@pytest.fixture
def filled(prepared, folder):
    (folder / "net.yaml").write_text(NETWORK)
    prepared.ok("inventory", "import", "net.yaml")
    return prepared


def changes(terminal):
    with terminal.database().read() as session:
        return [(row.action, row.object, row.after) for row in session.scalars(select(AuditRow).order_by(AuditRow.id))]


def test_an_import_is_on_record_and_a_second_one_changes_nothing(prepared, folder):
    (folder / "net.yaml").write_text(NETWORK)
    first = prepared.ok("inventory", "import", "net.yaml")
    assert "+ element pe1" in first.lines
    assert first.err == "changed: 14 added\n"
    second = prepared.ok("inventory", "import", "net.yaml")
    assert (second.out, second.err) == ("", "changed: nothing\n")
    ((action, changed, after),) = changes(prepared)
    assert (action, changed, after["file"], after["count"]) == ("import", "inventory", "net.yaml", 14)
    assert "+ link pe1-pe2" in after["changes"]


def test_a_dry_run_tells_the_same_and_changes_nothing(prepared, folder):
    (folder / "net.yaml").write_text(NETWORK)
    said = prepared.ok("inventory", "import", "net.yaml", "--dry-run")
    assert "+ element pe1" in said.lines
    assert said.err == "would change: 14 added\n"
    assert prepared.ok("inventory", "show", "elements", "--json").json == []
    assert changes(prepared) == []


def test_a_change_is_shown_field_by_field(filled, folder):
    (folder / "net.yaml").write_text(NETWORK.replace("10000000000}\nlinks", "1000000000}\nlinks"))
    said = filled.ok("inventory", "import", "net.yaml", "--json")
    assert said.json == {
        "applied": True,
        "changes": [
            {
                "action": "change",
                "kind": "port",
                "name": "pe2/Gi0/1",
                "fields": [{"name": "speed_bps", "before": 10**10, "after": 10**9}],
            }
        ],
    }


def test_only_prune_removes(filled, folder):
    (folder / "net.yaml").write_text(NETWORK.replace("- {name: backbone, kind: bandwidth, capacity_bps: 10000000000}\n", ""))
    assert filled.ok("inventory", "import", "net.yaml").err == "changed: nothing\n"
    assert filled.ok("inventory", "import", "net.yaml", "--prune").lines == ["- pool backbone"]


def test_an_export_imports_without_a_change(filled, folder):
    filled.ok("inventory", "export", "out.yaml")
    assert filled.ok("inventory", "import", "out.yaml", "--prune").err == "changed: nothing\n"
    assert yaml.safe_load(filled.ok("inventory", "export").out) == yaml.safe_load((folder / "out.yaml").read_text())
    assert filled.ok("inventory", "export", "--json").json == yaml.safe_load((folder / "out.yaml").read_text())


def test_a_file_may_come_from_standard_input(prepared):
    document = yaml.safe_load(NETWORK)
    assert prepared.ok("inventory", "import", "-", typed=json.dumps(document)).err == "changed: 14 added\n"


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        (
            "name: pe2",
            "name: pe1",
            "net.yaml:11: elements[1].name: element pe1 is defined already, at line 4; give it another name",
        ),
        ("b: pe2/Gi0/0", "b: pe9/Gi0/0", "net.yaml:19: links[0].b: there is no element 'pe9'; add it under `elements`"),
        (
            "b: pe2/Gi0/0",
            "b: pe2/Gi9/9",
            "net.yaml:19: links[0].b: element pe2 has no port 'Gi9/9'; add it to the element's `ports`",
        ),
        ("- {name: ghent}", "- {name: ghent, parent: ghent}", "net.yaml:2: sites[0].parent: site ghent contains itself"),
        ("prefix: 10.0.0.0/29", "prefix: 10.0.0.1/29", "net.yaml:21: pools[0].prefix: pool ipv4-links"),
        ("platform: ios", "platform: vax", "there is no platform 'vax'; use one of"),
        ("platform: ios", "platfrom: ios", "elements[1].platfrom: there is no such key here; correct its spelling or remove it"),
        ("sites:", "sites: [", "net.yaml:2: document:"),
    ],
)
def test_every_mistake_has_its_place_and_nothing_is_changed(prepared, folder, before, after, complaint):
    assert before in NETWORK
    (folder / "net.yaml").write_text(NETWORK.replace(before, after))
    said = prepared("inventory", "import", "net.yaml")
    assert said.code == 1
    assert complaint in said.complaint
    assert prepared.ok("inventory", "show", "--json").json["elements"] == 0
    assert changes(prepared) == []


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "net.yaml cannot be read: No such file or directory; give the path of a readable file"),
        (b"\xff\xfe", "net.yaml is not UTF-8 at byte 0; convert it"),
    ],
)
def test_an_unreadable_file_is_named(prepared, folder, content, complaint):
    if content is not None:
        (folder / "net.yaml").write_bytes(content)
    said = prepared("inventory", "import", "net.yaml")
    assert (said.code, said.complaint) == (1, complaint)


def test_what_there_is_is_counted_and_listed(filled):
    assert filled.ok("inventory", "show", "--json").json == {"sites": 1, "elements": 2, "ports": 4, "links": 1, "pools": 3}
    assert "elements  2" in filled.ok("inventory", "show").out
    assert filled.ok("inventory", "show", "sites", "--json").json == [{"name": "ghent", "in": "", "address": "", "elements": 2}]
    element = filled.ok("inventory", "show", "elements", "--json").json[1]
    assert (element["element"], element["managedBy"], element["ports"]) == ("pe2", ["snmp 127.0.0.2:161", "ssh 127.0.0.2:22"], 2)
    (link,) = filled.ok("inventory", "show", "links", "--element", "pe2", "--json").json
    assert link == {"link": "pe1-pe2", "a": "pe1/ge-0/0/0", "b": "pe2/Gi0/0"}
    assert filled.ok("inventory", "show", "services").err == "there are no services\n"


def test_ports_are_listed_by_element_with_their_speed(filled):
    said = filled.ok("inventory", "show", "ports", "--element", "pe2")
    assert [line.split()[0] for line in said.lines[2:]] == ["pe2/Gi0/0", "pe2/Gi0/1"]
    assert "10 Gbit/s" in said.out


def test_pools_say_how_full_they_are(filled):
    pools = {row["pool"]: row for row in filled.ok("inventory", "show", "pools", "--json").json}
    assert (pools["ipv4-links"]["size"], pools["ipv4-links"]["free"]) == (4, 4)
    assert pools["ipv6-links"]["size"] == 2**63
    assert pools["backbone"]["free"] == 10**10
    assert "9.22e+18" in filled.ok("inventory", "show", "pools").out


def test_the_schema_is_json_schema(fabd):
    assert fabd.ok("inventory", "schema").json["$schema"].startswith("https://json-schema.org/")


def test_values_are_kept_back_shown_with_their_reason_and_given_back_on_record(prepared, folder):
    (folder / "net.yaml").write_text("pools: [{name: vlans, kind: vlan, ranges: [[100, 199]], low_watermark: 96}]")
    prepared.ok("inventory", "import", "net.yaml")
    said = prepared.ok("inventory", "pool", "reserve", "vlans", "100-103", "150", "--reason", "before fabd")
    assert said.out == "vlans: 100, 101, 102, 103, 150 kept back\n"
    shown = prepared.ok("inventory", "pool", "show", "vlans", "--json").json
    assert (shown["size"], shown["keptBack"], shown["free"], shown["daysLeft"], shown["note"]) == (100, 5, 95, "unknown", "low")
    assert [each["value"] for each in shown["keptBackValues"]] == ["100", "101", "102", "103", "150"]
    assert {each["reason"] for each in shown["keptBackValues"]} == {"before fabd"}
    assert prepared.ok("inventory", "pool", "release", "vlans", "150").out == "vlans: 150 can be given out\n"
    assert [(action, changed) for action, changed, _ in changes(prepared)][1:] == [
        ("reserve", "pool vlans"),
        ("release", "pool vlans"),
    ]


def test_what_cannot_be_kept_back_changes_nothing(filled):
    said = filled("inventory", "pool", "reserve", "ipv4-links", "10.0.0.0/31", "10.9.0.0/31")
    assert said.code == 1
    assert said.complaint.startswith("'10.9.0.0/31' is not a value of pool ipv4-links: it is outside 10.0.0.0/29")
    assert filled.ok("inventory", "pool", "show", "ipv4-links", "--json").json["keptBackValues"] == []
    assert "is not kept back: it is free" in filled("inventory", "pool", "release", "ipv4-links", "10.0.0.0/31").complaint
    assert "there is no pool 'nowhere'" in filled("inventory", "pool", "show", "nowhere").complaint


RULES = """\
platforms: {cisco-ios: ios}
roles: {provider-edge: edge}
pools:
- {name: ipv4-links, prefix_role: customer-links, length: 31}
"""


@pytest.fixture
def netbox(folder, monkeypatch):
    (folder / "rules.yaml").write_text(RULES)
    monkeypatch.setenv("FABD_CREDENTIAL_NETBOX", json.dumps({"password": TOKEN}))
    with FakeNetBox(network()) as fake:
        fake.words = ("inventory", "import", "--from", "netbox", fake.url, "--rules", "rules.yaml")
        yield fake


def test_netbox_is_imported_on_record_and_the_same_again_changes_nothing(prepared, netbox):
    said = prepared.ok(*netbox.words)
    assert {"+ element pe1", "+ port pe1/Gi0/0", "+ reservation vlan-access 110"} <= set(said.lines)
    assert "device pdu1 is left out" in said.err
    assert TOKEN not in said.out + said.err
    with prepared.database().read() as session:
        ids = dict(session.execute(select(ElementRow.name, ElementRow.id)).all())
    assert prepared.ok(*netbox.words, "--prune").out == ""
    with prepared.database().read() as session:
        assert dict(session.execute(select(ElementRow.name, ElementRow.id)).all()) == ids
    assert [(action, after["file"]) for action, _, after in changes(prepared)] == [("import", netbox.url)]


def test_what_changes_in_netbox_is_shown_before_it_is_done(prepared, netbox):
    prepared.ok(*netbox.words)
    netbox.content["interfaces"][1]["speed"] = 100_000
    said = prepared.ok(*netbox.words, "--dry-run", "--json").json
    assert said["applied"] is False
    assert [(each["action"], each["name"]) for each in said["changes"]] == [("change", "pe1/Gi0/1")]
    assert said["leftOut"]


def test_what_others_imported_beside_netbox_stays(prepared, netbox, folder):
    prepared.ok(*netbox.words)
    (folder / "more.yaml").write_text(
        "sites: [{name: Ghent}]\nelements: [{name: pe1, site: Ghent, platform: ios, attributes: {bgp_as: 65000, netbox_id: 11}}]\n"
        "pools: [{name: rd, kind: rd, administrator: 65000}]\n"
    )
    prepared.ok("inventory", "import", "more.yaml")
    assert prepared.ok(*netbox.words).out == ""
    assert "bgp_as: 65000" in prepared.ok("inventory", "export").out


def test_a_dump_is_as_good_as_the_api(prepared, netbox, folder):
    prepared.ok(*netbox.words, "--dump", "netbox.json")
    assert json.loads((folder / "netbox.json").read_text()) == network()
    again = prepared.ok("inventory", "import", "--from", "netbox", "netbox.json", "--rules", "rules.yaml")
    assert again.out == ""


def test_a_refused_token_changes_nothing(prepared, netbox, monkeypatch):
    monkeypatch.setenv("FABD_CREDENTIAL_NETBOX", json.dumps({"password": "wrong"}))
    said = prepared(*netbox.words)
    assert said.code == 1
    assert "refuses the token (403)" in said.complaint
    assert prepared.ok("inventory", "show", "elements", "--json").json == []
