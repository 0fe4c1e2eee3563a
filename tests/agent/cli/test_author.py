"""`fabd spec new`, `check` and `render`, as an author of specifications uses them."""

import pytest
import yaml

from tests.agent.cli.network import NETWORK

POOLS = "pools: [{name: vlan-eline, kind: vlan, ranges: [[200, 299]]}]\n"


@pytest.fixture
def line(fabd, folder):
    fabd.ok("spec", "new", "my-line", "--layout", "path", "--platforms", "ios,qbridge", "--title", "My line")
    return folder / "my-line"


def test_a_new_one_can_be_checked_and_rendered_at_once(fabd, line):
    spec = yaml.safe_load((line / "spec.yaml").read_text())
    assert (spec["name"], spec["title"], spec["layout"]) == ("my-line", "My line", "path")
    assert sorted(path.name for path in line.glob("*.j2")) == ["ios.lines.j2", "qbridge.objects.j2"]
    assert fabd.ok("spec", "check", "./my-line").lines == [
        "my-line 1.0.0 is sound; it can be realised on ios, qbridge",
        "  ios: one-switch, two-switches",
        "  qbridge: one-switch, two-switches",
    ]
    assert " switchport access vlan 200" in fabd.ok("spec", "render", "my-line", "--platform", "ios").lines


def test_what_was_made_is_said(fabd, folder):
    said = fabd.ok("spec", "new", "other", "--like", "l3vpn", "--in", "catalog", "--json").json
    assert (said["name"], said["folder"], said["layout"]) == ("other", "catalog/other", "sites")
    assert all((folder / said["folder"] / file).is_file() for file in said["files"])


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("my-line", "--layout", "path"), "my-line is there already; choose another name, or another place with --in"),
        (("a", "--layout", "star"), "'star' is none of access, path, tree, sites, overlay"),
        (("a", "--like", "nothing"), "there is no service specification 'nothing'; known are evpn-elan"),
        (("a", "--layout", "path", "--platforms", "ietf"), "has no template for ietf"),
        (("A b", "--layout", "path"), "'A b' is no name: small letters, digits and dashes, a letter first"),
        (("a",), "give one of access, path, tree, sites, overlay; or a product to begin from, with --like"),
    ],
)
def test_what_cannot_be_made_is_refused_with_a_remedy(fabd, line, words, complaint):
    assert line.is_dir()
    said = fabd("spec", "new", *words)
    assert said.code in {1, 2}
    assert complaint in said.err.replace("\n", " ")


def test_nothing_is_written_for_what_is_refused(fabd, folder):
    fabd("spec", "new", "A b", "--layout", "path")
    assert not (folder / "A b").exists()


def test_a_check_says_everything_as_json(fabd, line):
    (line / "ios.lines.j2").write_text("interface {{ attachments[0].prot }}\n")
    said = fabd("spec", "check", "./my-line", "--json")
    assert said.code == 1
    assert said.json["sound"] is False
    assert said.json["problems"][0] == {
        "file": "my-line/ios.lines.j2",
        "line": 1,
        "path": "",
        "message": "sample one-switch on element sw1: 'dict object' has no attribute 'prot'",
    }
    assert [each["name"] for each in said.json["platforms"]] == ["ios", "qbridge"]


def test_pools_are_looked_for_in_a_file_or_in_the_database(prepared, folder, line):
    assert line.is_dir()
    missing = "resources[0].pool: there is no pool 'vlan-eline'; import it with `fabd inventory import`"
    assert missing in prepared("spec", "check", "my-line").complaint
    (folder / "pools.yaml").write_text(POOLS)
    prepared.ok("spec", "check", "my-line", "--inventory", "pools.yaml")
    (folder / "pools.yaml").write_text(POOLS.replace("kind: vlan", "kind: integer"))
    said = prepared("spec", "check", "my-line", "--inventory", "pools.yaml")
    assert "pool vlan-eline is of kind integer; the specification needs vlan" in said.complaint
    (folder / "pools.yaml").write_text(POOLS)
    prepared.ok("inventory", "import", "pools.yaml")
    prepared.ok("spec", "check", "my-line")


def test_an_sla_that_is_not_there_is_told(fabd, line):
    text = (line / "spec.yaml").read_text()
    (line / "spec.yaml").write_text(text.replace("sla: gold", "sla: platinum"))
    assert (
        "my-line/spec.yaml:1: sla: there is no sla 'platinum'; known are gold, silver" in fabd("spec", "check", "my-line").complaint
    )


def test_a_sample_may_be_named_or_brought_and_altered(fabd, folder, line):
    assert line.is_dir()
    named = fabd.ok("spec", "render", "my-line", "--platform", "qbridge", "--sample", "two-switches", "--json").json
    assert set(named["texts"]) == {"sw1", "sw2", "sw3"}
    (folder / "mine.yaml").write_text("{a: sw1/1, b: sw2/4}")
    brought = fabd.ok("spec", "render", "my-line", "--platform", "qbridge", "--sample", "mine.yaml", "--json").json
    assert (brought["name"], set(brought["texts"])) == ("ethernet line sw1/1 to sw2/4", {"sw1", "sw2"})
    altered = fabd.ok(
        "spec", "render", "my-line", "--platform", "ios", "--set", "description=Hello", "--set", "vlan=77", "--json"
    ).json
    assert " description Hello\n" in altered["texts"]["sw1"]
    assert altered["values"] == {"vlan": "77"}


def test_a_difference_is_what_would_be_sent(fabd):
    said = fabd.ok("spec", "render", "internet-access", "--platform", "ios", "--diff", "whole-port", "edge-port", "--json").json
    assert "interface GigabitEthernet0/1.100\n encapsulation dot1Q 100" in said["payloads"]["pe1"]
    assert said["before"]["name"] == "internet access pe1/2"
    same = fabd.ok("spec", "render", "internet-access", "--platform", "ios", "--diff", "whole-port", "whole-port")
    assert "(nothing to send)" in same.out


def test_tests_are_shown_with_the_text(fabd):
    out = fabd.ok("spec", "render", "internet-access", "--platform", "ios", "--sample", "edge-port", "--set", "probe=true").out
    assert "pe1 is tested by\ninterface port=GigabitEthernet0/1.100\nping address=100.64.0.1\nping address=2001:db8:64::1\n" in out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--platform", "vax"), "'vax' is not installed; there are"),
        (("--sample", "one-switch"), "samples are rendered for a platform; name it with --platform"),
        (("--platform", "ios", "--sample", "nowhere"), "l2-eline has no sample 'nowhere', and there is no such file"),
        (("--platform", "ietf"), "l2-eline has no template for ietf; it has some for eos,"),
        (("--platform", "ios", "--set", "a=sw9/1"), "there is no element 'sw9'; samples have sw1"),
        (("--platform", "ios", "--set", "a=sw1/77"), "samples have ports 1 to 4 on each element"),
        (("--platform", "ios", "--set", "a"), "'a' is not KEY=VALUE"),
    ],
)
def test_what_cannot_be_rendered_is_told(fabd, words, complaint):
    said = fabd("spec", "render", "l2-eline", *words)
    assert said.code in {1, 2}
    assert complaint in " ".join(said.err.replace("│", " ").split())


def test_an_order_on_the_inventory_is_rendered_as_before(prepared, folder):
    (folder / "net.yaml").write_text(NETWORK)
    prepared.ok("inventory", "import", "net.yaml")
    assert (
        " ip address 10.0.0.0 255.255.255.254" in prepared.ok("spec", "render", "internet-access", "--set", "port=pe2/Gi0/1").lines
    )
