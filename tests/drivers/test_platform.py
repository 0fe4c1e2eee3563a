import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from drivers.errors import DriverSetupError
from drivers.platform import Platforms, finding, load_platform, platforms
from drivers.port import Commitment

EVERYTHING = {"ipv4", "ipv6", "description", "announce", "vlan", "rate", "vrf", "switching", "multicast"}

MINIMAL = """
name: box
title: A box
protocol: ssh
commitment: immediate
syntax: lines
template: box
realises: [ipv4]
ssh: {device_type: cisco_ios, error: '^%', ports: {command: show ports, row: '^(?P<name>\\S+) (?P<up>up)?'}}
lines: {}
"""


def folder(path: Path, text: str, name: str = "box") -> str:
    place = path / name
    place.mkdir()
    (place / "platform.yaml").write_text(text)
    return f"{place}/"


def test_eight_platforms_are_shipped() -> None:
    assert set(platforms()) >= {"ietf", "junos", "ios", "eos", "vyos", "frr", "frr-linux", "qbridge"}


@pytest.mark.parametrize(("old", "new"), [("commitment: immediate", "commitment: confirmed")])
def test_a_command_line_that_undoes_by_itself_must_say_how(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(DriverSetupError, match=r"`confirmed` and `ssh\.transaction` need each other"):
        load_platform(folder(tmp_path, MINIMAL.replace(old, new)))


def test_a_request_of_a_service_test_is_xml(tmp_path: Path) -> None:
    text = """
name: box
title: A box
protocol: netconf
commitment: confirmed
syntax: xml
template: box
realises: [ipv4]
netconf: {tests: {ping: {request: '<ping><host>{address}</ping>', passed: ping-success}}}
xml: {namespaces: {b: 'urn:box'}}
"""
    with pytest.raises(DriverSetupError, match=r"tests\.ping\.request: .*it is no XML"):
        load_platform(folder(tmp_path, text))


@pytest.mark.parametrize(
    ("name", "protocol", "commitment", "syntax", "realises"),
    [
        ("ietf", "netconf", Commitment.CONFIRMED, "xml", {"ipv4", "ipv6", "description"}),
        ("frr", "ssh", Commitment.IMMEDIATE, "lines", {"ipv4", "ipv6", "description", "announce"}),
        ("ios", "ssh", Commitment.IMMEDIATE, "lines", EVERYTHING),
        ("qbridge", "snmp", Commitment.IMMEDIATE, "objects", {"switching", "vlan", "description"}),
    ],
)
def test_what_a_platform_is(name: str, protocol: str, commitment: Commitment, syntax: str, realises: set[str]) -> None:
    found = load_platform(name)
    assert (found.protocol, found.commitment, found.syntax, found.realises) == (protocol, commitment, syntax, realises)


@pytest.mark.parametrize(
    ("row", "name", "up"),
    [
        ("cust1           up      up        Acme, Ghent", "cust1", True),
        ("cust1           up      down      ", "cust1", False),
        ("nosuch0         down    down      up up ", "nosuch0", False),
    ],
)
def test_a_port_of_frr_is_up_when_it_has_a_carrier(row: str, name: str, up: bool) -> None:
    settings = load_platform("frr").ssh
    assert settings
    found = settings.ports.row.match(row)
    assert found
    assert (found["name"], found["up"] is not None) == (name, up)
    assert not settings.ports.row.match("Interface       Status  Protocol  Description")


@pytest.mark.parametrize("answer", ["% Unknown command: vrf", "BGP is already running; AS is 65000"])
def test_frr_refuses_with_a_percent_sign_or_without(answer: str) -> None:
    settings = load_platform("frr").ssh
    assert settings
    assert settings.error.search(answer)


def test_an_unknown_platform_is_refused_with_the_known_ones_and_the_remedy() -> None:
    with pytest.raises(DriverSetupError, match=r"unknown platform 'nokia'; known are .*frr.*fabd\.platforms"):
        load_platform("nokia")


def test_a_platform_is_found_by_path(tmp_path: Path) -> None:
    assert load_platform(folder(tmp_path, MINIMAL)).title == "A box"


def test_a_folder_of_the_operators_own_adds_platforms(tmp_path: Path) -> None:
    place = folder(tmp_path, MINIMAL)
    known = Platforms((tmp_path,))
    assert set(known.names()) == {*platforms(), "box"}
    assert known.load("box").title == "A box"
    assert known.load("ios") is load_platform("ios")
    assert load_platform(known.place("box")) is load_platform(place)
    assert known.place("ios") == "ios"


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("ios", MINIMAL.replace("name: box", "name: ios"), "there is a platform ios already"),
        ("bax", MINIMAL, "platform bax calls itself box"),
    ],
)
def test_a_platform_with_a_wrong_name_is_refused(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    folder(tmp_path, text, name)
    with pytest.raises(DriverSetupError, match=complaint):
        Platforms((tmp_path,)).load(name)


def test_a_folder_of_platforms_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DriverSetupError, match=r"catalog\.platforms: .*nowhere is not a folder"):
        Platforms((tmp_path / "nowhere",)).names()


def test_a_platform_may_speak_a_third_partys_protocol(tmp_path: Path) -> None:
    assert load_platform(folder(tmp_path, MINIMAL.replace("protocol: ssh", "protocol: acme-rest"))).protocol == "acme-rest"


def test_a_platform_is_found_by_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path, MINIMAL, "fabd_box_platform")
    (tmp_path / "fabd_box_platform" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(finding, "entry_points", lambda group: [EntryPoint("box", "fabd_box_platform", group)])
    assert "box" in platforms()
    assert load_platform("box").name == "box"


def test_an_entry_point_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "entry_points", lambda group: [EntryPoint("gone", "no_such_package", group)])
    with pytest.raises(DriverSetupError, match=r"no_such_package cannot be imported"):
        load_platform("gone")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("name: box", "nome: box"), "name: Field required"),
        (("commitment: immediate", "commitment: perhaps"), "commitment"),
        (("lines: {}", ""), "section `lines` is missing"),
        (("(?P<up>up)?", "up"), "groups `name` and `up`"),
        (("error: '^%'", "error: '('"), "ssh.error"),
        (("lines: {}", "lines: {lines: [{match: '^vlan (?P<members>.*)'}]}"), "needs both `add` and `remove`"),
        (("realises: [ipv4]", "realises: [IPv4]"), "realises"),
        (("title: A box", "title: [unclosed"), "is not YAML"),
    ],
)
def test_a_mistake_in_the_data_is_named(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    with pytest.raises(DriverSetupError, match=re.escape(words)):
        load_platform(folder(tmp_path, MINIMAL.replace(*change)))


def test_a_prefix_that_is_not_declared_is_named(tmp_path: Path) -> None:
    text = MINIMAL.replace("syntax: lines", "syntax: xml").replace("lines: {}", "xml: {namespaces: {}, mandatory: ['if:type']}")
    with pytest.raises(DriverSetupError, match="`if:type` has a prefix"):
        load_platform(folder(tmp_path, text))


def test_a_folder_without_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DriverSetupError, match=r"no readable platform\.yaml"):
        load_platform(f"{tmp_path}/")


def test_the_page_of_platforms_says_what_the_data_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "platforms.md").read_text().splitlines()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page
        if re.match(r"\| `[a-z-]+` \| [^|]+\| (NETCONF|SSH|SNMP) \|", line)
    ]
    told = {
        name.strip("`"): (protocol.lower(), how.split(":")[0].split(",")[0], set(realises.split(", ")))
        for name, _, protocol, how, realises in rows
    }
    data = {name: load_platform(name) for name in platforms()}
    assert told == {name: (found.protocol, str(found.commitment), set(found.realises)) for name, found in data.items()}
