"""What is read out of a syslog message, whatever its dialect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.events.syslog import MAX_OCTETS, SyslogLine, parse
from tests.clock import EPOCH

DOWN = "%LINK-3-UPDOWN: Interface GigabitEthernet0/1, changed state to down"


def read(octets: bytes) -> SyslogLine:
    return parse(octets, EPOCH, "192.0.2.1")


@pytest.mark.parametrize(
    ("octets", "priority", "host", "program", "text"),
    [
        (b"<34>1 2003-10-11T22:14:15.003Z mymachine su - ID47 - 'su root' failed", 34, "mymachine", "su", "'su root' failed"),
        (
            b'<165>1 2003-10-11T22:14:15Z h evntslog - ID47 [x@32473 iut="3" a="x]b"][y a="\\"b"] An event',
            165,
            "h",
            "evntslog",
            "An event",
        ),
        (b"<34>1 - - - - - -", 34, "", "", ""),
        (b"<34>1 - - - - - - \xef\xbb\xbftext", 34, "", "", "text"),
        (b"<34>Oct 11 22:14:15 mymachine su[7]: failed", 34, "mymachine", "su", "failed"),
        (f"<189>25: *Mar  1 00:00:34.123: {DOWN}".encode(), 189, "", "", DOWN),
        (f"<189>Mar  1 00:00:34 r1 {DOWN}".encode(), 189, "r1", "", DOWN),
        (f"<28>2026-11-22T10:00:00.123+01:00 sw1 Ebra: {DOWN}".encode(), 28, "sw1", "Ebra", DOWN),
        (b"hello", 13, "", "", "hello"),
        (b"<999>x", 13, "", "", "<999>x"),
    ],
)
def test_a_message_of_each_dialect(octets: bytes, priority: int, host: str, program: str, text: str) -> None:
    found = read(octets)
    assert (found.facility * 8 + found.severity, found.host, found.program, found.text) == (priority, host, program, text)


def test_a_message_that_is_too_long_is_cut_and_says_so() -> None:
    found = read(b"<13>" + b"x" * (MAX_OCTETS + 10))
    assert found.cut
    assert len(found.text) == MAX_OCTETS - len("<13>")


@given(st.binary(max_size=300))
def test_no_octets_are_refused(octets: bytes) -> None:
    assert 0 <= read(octets).severity <= 7


@given(st.text(max_size=200))
def test_what_stands_behind_a_whole_header_is_kept(text: str) -> None:
    assert text.rstrip("\x00\r\n ").removeprefix("\ufeff") == read(b"<13>1 - h p - - - " + text.encode()).text
