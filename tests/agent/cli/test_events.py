"""`fabd events` on files, and against the real API of a daemon that hears."""

import asyncio
import json
from dataclasses import replace

import pytest

from agent.assurance.events.hearing import Ears, Hearing
from agent.assurance.events.translation import Translation
from agent.assurance.figures import Gauge
from agent.assurance.topology.watchlist import Watchlist, load_watchlist
from agent.catalog import load_translations
from drivers.port import Credential, Target
from drivers.snmp import oids

LINES = [
    json.dumps({"trap": {"source": "192.0.2.1", "oid": oids.LINK_DOWN, "values": {f"{oids.IF_INDEX}.3": 3}}}),
    "<30>1 - r1 bgpd - - - %ADJCHANGE: neighbor 192.0.2.1(pe2) in vrf default Down",
    "hello",
]
RULES = """
name: own
rules:
  - name: hello
    syslog: '^hello'
    means: look
    samples: [{line: hello}]
"""


@pytest.fixture
def recording(folder) -> str:
    (folder / "events.jsonl").write_text("\n".join(LINES) + "\n")
    return "events.jsonl"


def test_a_recording_is_told_line_by_line_what_it_would_become(fabd, recording):
    said = fabd.ok("events", "replay", recording)
    assert "if-mib/link-down" in said.out
    assert "bgpNeighbourDown 192.0.2.1" in said.out
    assert "2 of 3 events are known to a rule" in said.err
    assert [each["means"] for each in fabd.ok("events", "replay", recording, "--json").json] == ["linkDown", "raise", "no-rule"]


def test_octets_that_are_no_text_keep_no_message_from_being_read(fabd, folder):
    """Elements write what they like into syslog; form feeds and other breaks do not end a line, either."""
    heard = b"<187>1 - pe1 bgpd - - - %ADJCHANGE: neighbor 192.0.2.1(p\xe92) in vrf red Down Peer\x0c closed\r\n"
    (folder / "heard.log").write_bytes(b"\xff\xfe\x00\x01\n" + heard)
    assert [each["rule"] for each in fabd.ok("events", "replay", "heard.log", "--json").json] == ["", "syslog-frr/bgp-down-vrf"]


def test_a_line_that_is_none_is_told_with_its_number(fabd, folder):
    (folder / "bad.jsonl").write_text(f'{LINES[0]}\n{{"trap": {{"oid": "x"}}}}\n')
    assert "bad.jsonl:2: trap.oid" in fabd("events", "replay", "bad.jsonl").complaint


def test_rules_are_checked_on_their_samples(fabd, folder):
    (folder / "own.yaml").write_text(RULES)
    assert "own.yaml: sound; 1 rules translate their 1 samples" in fabd.ok("events", "check", "own.yaml").out
    (folder / "own.yaml").write_text(RULES.replace("line: hello", "line: goodbye"))
    assert "own.yaml:7: rules[0].samples[0]: rule hello: does not know this sample" in fabd("events", "check", "own.yaml").complaint


@pytest.mark.parametrize("named", ["own.yaml", "."])
def test_rules_of_ones_own_are_tried_before_those_shipped(fabd, folder, recording, named):
    (folder / "own.yaml").write_text(RULES)
    (folder / "fabd.toml").write_text(f'[catalog]\ntranslations = ["{named}"]\n')
    assert fabd.ok("events", "rules", "--json").json[0]["name"] == "own/hello"
    assert fabd.ok("events", "replay", recording, "--json").json[2]["rule"] == "own/hello"


def test_rules_that_are_not_there_are_told_with_the_remedy(fabd, folder):
    (folder / "fabd.toml").write_text('[catalog]\ntranslations = ["nowhere"]\n')
    assert "nowhere is not a folder; create it or take it out of the settings" in fabd("events", "rules").complaint


@pytest.fixture
def hearing(served) -> Hearing:
    """As the daemon's, with nobody listening and nothing read."""
    database, clock = served.office.database, served.office.parts.clock

    async def watchlist() -> Watchlist:
        with database.read() as session:
            return load_watchlist(session)

    async def nothing(*_: object, **__: object) -> None:
        pass

    hearing = Hearing(
        Ears(),
        Translation(load_translations()),
        clock,
        Gauge(60),
        watchlist=watchlist,
        read=nothing,
        store=nothing,
        target=lambda element: Target(element.name, element.platform, "snmp", element.host, element.port, Credential("none")),
        poll_all=nothing,
        recheck_s=60,
    )
    served.office.app.state.parts = replace(served.office.parts, hearing=hearing)
    return hearing


@pytest.mark.usefixtures("served")
def test_without_one_that_hears_the_daemon_says_so(fabd):
    assert "this daemon hears no events" in fabd("events", "status").complaint


def test_the_daemon_says_what_becomes_of_events_and_takes_recordings(fabd, hearing, recording):
    said = fabd.ok("events", "status")
    assert "nobody listens" in said.out
    told = fabd.ok("events", "apply", recording, "--json").json
    assert [each["means"] for each in told] == ["unknown-source", "unknown-source", "no-rule"]
    asyncio.run(hearing.desk.turn())
    assert fabd.ok("events", "status", "--json").json["dropped"] == {"no-rule": 1, "unknown-source": 2}
    fabd.ok("events", "record", "again.jsonl")
    assert len(fabd.ok("events", "replay", "again.jsonl", "--json").json) == len(LINES)
    assert "nothing of the kind was said" in fabd.ok("events", "list").err
