"""`fabd spec`: what can be ordered, and what an author of specifications sees."""

import shutil
from pathlib import Path

import pytest

import policies
from tests.agent.cli.network import NETWORK

SHIPPED = Path(policies.__file__).parent / "specifications"


@pytest.fixture
def own(folder):
    shutil.copytree(SHIPPED / "internet-access", folder / "mine")
    return folder / "mine"


@pytest.fixture
def filled(prepared, folder):
    (folder / "net.yaml").write_text(NETWORK)
    prepared.ok("inventory", "import", "net.yaml")
    return prepared


def test_the_shipped_ones_are_listed(fabd):
    rows = {row["name"]: row for row in fabd.ok("spec", "list", "--json").json}
    assert set(rows) == {folder.name for folder in SHIPPED.iterdir() if (folder / "spec.yaml").exists()}
    assert {"frr", "ietf", "ios", "qbridge"} <= set(rows["internet-access"]["platforms"])


def test_one_is_shown_with_what_it_asks_and_takes(fabd):
    out = fabd.ok("spec", "show", "internet-access").out
    for word in ("1 .. 400000", "ipv4-links", "characteristics.accessPort is defined", "business-internet"):
        assert word in out
    assert fabd.ok("spec", "show", "internet-access", "--json").json["layout"] == "access"


def test_an_unknown_one_is_named_with_those_that_there_are(fabd):
    said = fabd("spec", "show", "internet")
    assert said.code == 1
    assert said.complaint.startswith(
        "there is no service specification 'internet'; known are evpn-elan, evpn-eline, internet-access"
    )


def test_a_sound_folder_says_where_it_can_be_realised(fabd, own):
    out = fabd.ok("spec", "check", own).out
    assert out.startswith("internet-access 1.2.0 is sound; it can be realised on ")
    assert "  ios: access-port, edge-port, whole-port\n" in out
    assert "  qbridge: access-port\n" in out


def test_a_template_for_a_platform_that_is_not_here_is_mentioned(fabd, own):
    (own / "vax.lines.j2").write_text("interface\n")
    notes = fabd.ok("spec", "check", own, "--json").json["notes"]
    assert "templates for platforms that are not installed here: vax" in notes


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("spec.yaml", "name: [\n", "mine/spec.yaml:"),
        ("spec.yaml", "name: mine\n", "mine/spec.yaml:1: version"),
        ("ios.lines.j2", "{% for %}", "mine/ios.lines.j2:1: not a template"),
        ("ios.lines.j2", "{{ nonsense }}", "'nonsense' is not known here; known are"),
        ("ios.j2", "", "mine/ios.j2:1: name it <platform>.<syntax>.j2"),
    ],
)
def test_a_mistake_has_its_file_and_line(fabd, own, file, text, complaint):
    (own / file).write_text(text)
    said = fabd("spec", "check", own)
    assert said.code == 1
    assert complaint in said.complaint


def test_what_is_no_folder_is_named(fabd, own):
    assert "nowhere is neither a specification nor a folder that holds spec.yaml" in fabd("spec", "check", "nowhere").complaint
    assert "give the folder that holds spec.yaml" in fabd("spec", "check", "./nowhere").complaint
    assert "is no folder" in fabd("spec", "check", own / "spec.yaml").complaint


def test_rendering_shows_the_native_text_and_keeps_nothing(filled):
    said = filled.ok(
        "spec", "render", "internet-access", "--set", "port=pe2/Gi0/1", "--set", "rate=100", "--set", "description=Head office"
    )
    assert " ip address 10.0.0.0 255.255.255.254" in said.lines
    assert " rate-limit input 100000000" in said.lines
    assert filled.ok("inventory", "show", "pools", "--json").json[1]["used"] == 0
    again = filled.ok("spec", "render", "internet-access", "--set", "port=pe2/Gi0/1", "--json").json
    assert again["values"] == {"link4": "10.0.0.0/31", "link6": "2001:db8::/127"}
    assert set(again["texts"]) == {"pe2"}


def test_characteristics_may_come_from_a_file_and_a_folder_may_be_rendered(filled, own, folder):
    assert own.is_dir()
    (folder / "c.yaml").write_text("port: pe1/ge-0/0/1\n")
    assert "<ip>10.0.0.0</ip>" in filled.ok("spec", "render", "./mine", "-f", "c.yaml").out.replace(" ", "")


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (["port=pe9/x"], "/port: there is no element 'pe9'"),
        (["port=pe2/Gi0/0"], "/port: pe2/Gi0/0 is a core port; only customer ports are sold"),
        (["port=pe2/Gi0/1", "rate=0"], "/rate: 0 is less than the minimum of 1"),
        (["port=pe2/Gi0/1", "rate=fast"], "/rate: 'fast' is not of type 'integer'"),
        (["port=pe2/Gi0/1", "colour=red"], "/colour: is not known; known are"),
        (["port=pe1/ge-0/0/1", "rate=5"], "/rate: pe1 (platform ietf) cannot realise rate"),
    ],
)
def test_what_does_not_fit_is_refused_by_pointer(filled, values, complaint):
    said = filled("spec", "render", "internet-access", *(word for value in values for word in ("--set", value)))
    assert said.code == 1
    assert complaint in said.complaint
