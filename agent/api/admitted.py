"""Whose token was found good a moment ago: a client that asks often costs the database one look in a second."""

import hashlib
from datetime import datetime, timedelta

from agent.security.tokens import Caller

REMEMBERED = timedelta(seconds=1)
"""So long, at most, a token that is revoked or expires is still good."""
MAX_REMEMBERED = 1_000


class Admitted:
    """Thread-safe: what is kept is only ever replaced as a whole."""

    def __init__(self) -> None:
        self._found: dict[bytes, tuple[Caller, datetime]] = {}

    def caller(self, said: str, at: datetime) -> Caller | None:
        """None for whoever has to be looked up. `said`: the header Authorization."""
        caller, since = self._found.get(_digest(said), (None, at))
        return caller if abs(at - since) < REMEMBERED else None

    def remember(self, said: str, caller: Caller, at: datetime) -> None:
        if len(self._found) >= MAX_REMEMBERED:
            self._found = {}
        self._found[_digest(said)] = caller, at


def _digest(said: str) -> bytes:
    """Tokens are secrets: not even memory keeps them longer than a request."""
    return hashlib.sha256(said.encode()).digest()
