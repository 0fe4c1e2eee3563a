"""Syslog messages: RFC 5424, and as much of the older RFC 3164 as its many dialects agree on. Pure; no input is refused."""

import re
from dataclasses import dataclass
from datetime import datetime

MAX_OCTETS = 65_536
"""Of one message; what is longer is cut (RFC 5424 §6.1 asks for 2048 at least)."""
_NOTICE = 13
"""user.notice, which RFC 3164 §4.3.3 has relays put where a message has no priority."""
_HIGHEST = 191
_NIL = "-"

_PRIORITY = re.compile(r"<(\d{1,3})>")
_RFC5424 = re.compile(r"1 (\S+) (\S+) (\S+) (\S+) (\S+) ?")
_STRUCTURED = re.compile(r'(?:-|(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*")*\])+)(?: |$)')
_RFC3164_TIME = re.compile(
    # IOS puts a counter and the clock's doubts before it, and fractions and a zone behind it
    r"(?:\d+: )?[*.]?(?:[A-Z][a-z]{2} [ \d]\d (?:\d{4} )?\d{2}:\d{2}:\d{2}(?:\.\d+)?(?: [A-Z]{2,5})?|\d{4}-\d\d-\d\dT\S+):? "
)
_SEQUENCE = re.compile(r"\d+: (?=%)")
"""Of IOS, where it puts no time behind it."""
_TAG = re.compile(r"([\w./-]{1,64})(?:\[(\d{1,10})\])?: ?")
_HOST = re.compile(r"([\w.:-]{1,255}) (?=[\w./%-]+(?:\[\d+\])?:|%|\[)")


@dataclass(frozen=True, slots=True)
class SyslogLine:
    """`source` is the address it came from; `host` who it says it is from, for what came through a relay."""

    received_at: datetime
    source: str
    facility: int
    severity: int
    """0 emergency to 7 debug."""
    host: str
    program: str
    text: str
    cut: bool = False
    """It was longer than what is kept."""


def parse(octets: bytes, received_at: datetime, source: str) -> SyslogLine:
    cut = len(octets) > MAX_OCTETS
    text = octets[:MAX_OCTETS].decode("utf-8", "replace").strip("\x00\r\n ").removeprefix("\ufeff")
    priority, text = _priority(text)
    host, program, text = _structured(text) or _plain(text)
    return SyslogLine(received_at, source, priority >> 3, priority & 7, host, program, text.removeprefix("\ufeff"), cut)


def _priority(text: str) -> tuple[int, str]:
    found = _PRIORITY.match(text)
    if found is None or int(found[1]) > _HIGHEST:
        return _NOTICE, text
    return int(found[1]), text[found.end() :]


def _structured(text: str) -> tuple[str, str, str] | None:
    """Host, program and message of RFC 5424; None when it is not of that form."""
    found = _RFC5424.match(text)
    if found is None:
        return None
    rest = text[found.end() :]
    elements = _STRUCTURED.match(rest)
    host, program = (part if part != _NIL else "" for part in found.group(2, 3))
    return host, program, rest[elements.end() :] if elements else rest


def _plain(text: str) -> tuple[str, str, str]:
    """The same of RFC 3164, where each of them may be missing."""
    time = _RFC3164_TIME.match(text)
    rest = text[time.end() :] if time else _SEQUENCE.sub("", text, count=1) if text[:1].isdigit() else text
    named = _HOST.match(rest) if time else None
    rest = rest[named.end() :] if named else rest
    if time is not None and (again := _RFC3164_TIME.match(rest)):
        rest = rest[again.end() :]
    tag = _TAG.match(rest)
    # "%LINK-3-UPDOWN: …" is a message of its own, no program
    program = tag[1] if tag else ""
    return named[1] if named else "", program, rest[tag.end() :] if tag else rest
