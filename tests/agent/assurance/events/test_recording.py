"""Events as lines: written, read again, and what becomes of them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.assurance.events.recording import LONGEST_GIST, becomes, read, written
from agent.assurance.events.translation import Event, Notice, Translation
from agent.catalog import load_translations
from drivers.events.syslog import SyslogLine
from drivers.snmp import oids
from drivers.snmp.traps import Trap
from tests.clock import EPOCH

SHIPPED = Translation(load_translations())
WORDS = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=20)
VALUES = st.one_of(st.integers(-5, 2**64), st.binary(max_size=20), st.none())
EVENTS = st.one_of(
    st.builds(
        Trap,
        received_at=st.just(EPOCH),
        source=WORDS,
        version=st.sampled_from(["v1", "v2c", "v3"]),
        trap_oid=st.just(oids.LINK_DOWN),
        uptime=st.one_of(st.none(), st.integers(0, 2**32 - 1)),
        varbinds=st.lists(st.tuples(st.just(f"{oids.IF_INDEX}.1"), VALUES), max_size=1).map(tuple),
        agent_address=WORDS,
        inform=st.just(False),
    ),
    st.builds(Notice, received_at=st.just(EPOCH), element=WORDS, name=WORDS, leaves=st.dictionaries(WORDS, WORDS, max_size=3)),
)


@given(EVENTS)
def test_what_is_written_is_read_as_the_same_event(event: Event) -> None:
    assert read(written(event), EPOCH) == event


@pytest.mark.parametrize(("host", "program"), [("r1", "bgpd"), ("", "bgpd"), ("r1", ""), ("", "")])
def test_a_syslog_message_is_read_as_the_same_event(host: str, program: str) -> None:
    line = SyslogLine(EPOCH, "192.0.2.1", 3, 6, host, program, "%ADJCHANGE: [x] neighbor")
    assert read(written(line), EPOCH) == line


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "Invalid JSON"),
        ("{}", "one of trap, syslog and notification"),
        ('{"trap": {"oid": "x"}}', "trap.oid"),
        ('{"trap": {"oid": "1.3"}, "syslog": {"line": "x"}}', "one of trap, syslog and notification"),
        ('{"trap": {"oid": "1.3", "at": "2026-01-01T00:00:00"}}', "trap.at"),
        ('{"tarp": {}}', "tarp"),
        ("{" + " " * 300_000, "longer than"),
    ],
)
def test_a_line_that_is_none_is_told_why(line: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read(line, EPOCH)


def test_what_an_event_becomes_is_told_in_words() -> None:
    told = becomes(read("<30>1 - r1 bgpd - - - %ADJCHANGE: neighbor 192.0.2.1(pe2) in vrf default Down", EPOCH), SHIPPED)
    assert (told["rule"], told["means"], told["alarm"]) == ("syslog-frr/bgp-down", "raise", "bgpNeighbourDown 192.0.2.1")
    assert becomes(read("hello", EPOCH), SHIPPED)["means"] == "no-rule"
    assert len(becomes(read("x" * 5000, EPOCH), SHIPPED)["event"]) == LONGEST_GIST + 1


def test_octets_that_are_no_text_are_written_in_hex() -> None:
    trap = Trap(EPOCH, "", "v2c", oids.LINK_DOWN, None, ((f"{oids.IF_INDEX}.1", b"\xff\x00"),))
    assert json.loads(written(trap))["trap"]["values"] == {f"{oids.IF_INDEX}.1": {"hex": "ff00"}}
