"""The head of a request as nearly every client writes it, read by two expressions in place of a state machine. Pure.

What is written otherwise in any way (a rare method, chunks, `Expect`, a folded or empty field, two of what there is one of, an
older version, more than `LARGEST` of a body) is None here and h11's to read, which also says what is wrong. So this takes less than
h11 does, and nothing that h11 would refuse or read differently.
"""

import re
from dataclasses import dataclass

LARGEST = 64 * 1024
"""Octets of a body that is kept whole until it is asked for."""
LONGEST_HEAD = 8 * 1024

_TOKEN = rb"[-!#$%&'*+.^_`|~0-9A-Za-z]++"
_VALUE = rb"[!-~][ -~]*+(?<! )"
_HEAD = re.compile(rb"(GET|POST|PUT|PATCH|DELETE) (/[!-~]*+) HTTP/1\.1\r\n((?:" + _TOKEN + rb": *+" + _VALUE + rb"\r\n)++)\r\n")
_FIELDS = re.compile(rb"(" + _TOKEN + rb"): *+(" + _VALUE + rb")\r\n")
_LENGTH = re.compile(rb"[0-9]{1,5}")
_UNUSUAL = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"trailer"})
_ONCE = frozenset({b"host", b"content-length", b"connection"})


@dataclass(frozen=True, slots=True)
class Head:
    method: str
    target: bytes
    fields: list[tuple[bytes, bytes]]
    """Names in small letters, in their order."""
    length: int
    """Octets of the body."""
    end: int
    """Where the body begins."""


def read_head(data: bytes) -> Head | None:
    """Of what begins with a request. None also for what is no head, or not all of one."""
    found = _HEAD.match(data, 0, LONGEST_HEAD)
    if found is None:
        return None
    method, target, block = found.group(1, 2, 3)
    fields = [(name.lower(), value) for name, value in _FIELDS.findall(block)]
    length = _length(fields)
    return None if length is None else Head(method.decode(), target, fields, length, found.end())


def _length(fields: list[tuple[bytes, bytes]]) -> int | None:
    """Of the body; None where the fields that say how the message is to be read are not the usual ones."""
    said: dict[bytes, bytes] = {}
    for name, value in fields:
        if name in _UNUSUAL:
            return None
        if name in _ONCE:
            if name in said:
                return None
            said[name] = value
    length = said.get(b"content-length", b"0")
    usual = b"host" in said and said.get(b"connection", b"keep-alive").lower() == b"keep-alive" and _LENGTH.fullmatch(length)
    return int(length) if usual and int(length) <= LARGEST else None
