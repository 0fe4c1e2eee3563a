"""Loopback networks of this process's own: tests that run side by side, in whatever sessions, never meet on an address.

A process claims one /16 of 127/8 for as long as it lives, by a socket in Linux's abstract namespace: the kernel gives each name to
one holder at a time, and takes it back whatever becomes of the process.
"""

import socket
from functools import cache
from itertools import count

FIRST, LAST = 16, 99
"""Of the /16s; above are the demonstration's and the benches'."""
FIXED = 64
"""The first /24s are given out by number, the others in turn."""

_turn = count()
_held: list[socket.socket] = []


def numbered(number: int) -> str:
    """The same /24 every time this process asks for it, for a network that comes back at its old addresses."""
    assert 0 <= number < FIXED
    return f"127.{_claimed()}.{number}.0/24"


def fresh() -> str:
    """A /24 that this process has not used for its last 192 networks."""
    return f"127.{_claimed()}.{FIXED + next(_turn) % (256 - FIXED)}.0/24"


def own_address() -> str:
    """On which only this process listens: a port that was free there is still free when it is used."""
    return fresh().replace(".0/24", ".1")


def both_kinds() -> list[str]:
    """The machine's own address as IPv4 and, where its loopback has that, as IPv6: containers often have not."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return ["127.0.0.1"]
    return ["127.0.0.1", "::1"]


@cache
def _claimed() -> int:
    for number in range(FIRST, LAST + 1):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0fabd-tests-127.{number}")
        except OSError:
            claim.close()
            continue
        _held.append(claim)
        return number
    raise RuntimeError("all loopback networks for tests are taken: do more than 80 test processes run?")
