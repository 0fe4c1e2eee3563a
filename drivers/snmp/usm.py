"""Who sent an SNMPv3 notification: digest and timeliness (RFC 3414 §3.2), checked before anything else looks at it.

pysnmp decrypts and answers; this stands in front of it because pysnmp knows users only for engines it was told of, and
because it takes the time of every authentic message as the engine's present time, which would let an old one be replayed.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache

from gufo.snmp.user import BaseAuthKey

from drivers.port import Credential
from drivers.snmp.ber import V3Header
from drivers.snmp.credentials import GUFO_AUTH

DIGEST_OCTETS: Mapping[str, int] = {"md5": 12, "sha1": 12, "sha224": 16, "sha256": 24, "sha384": 32, "sha512": 48}
"""RFC 3414 §6 and §7, RFC 7860 §4.1."""
TIME_WINDOW = 150
MAX_ENGINES = 20_000
_AUTHENTICATED, _ENCRYPTED = 1, 2


class Verdict(Enum):
    GENUINE = auto()
    DISCOVERY = auto()
    """An unauthenticated question for our engine id: answered, never believed."""
    STRANGER = auto()
    STALE = auto()
    """Authentic once, but older than the time window."""


@dataclass(slots=True)
class _EngineTime:
    boots: int
    latest: int


@dataclass(frozen=True, slots=True)
class User:
    """`auth_master`, `priv_master`: keys of RFC 3414 A.2, before localisation."""

    name: bytes
    credential: Credential
    auth_master: bytes = field(repr=False)
    priv_master: bytes = field(repr=False)

    @classmethod
    def of(cls, credential: Credential) -> "User":
        kind: type[BaseAuthKey] = GUFO_AUTH[credential.auth_protocol]
        masters = (kind.get_master_key(key.encode()) for key in (credential.auth_key, credential.priv_key))
        return cls(credential.username.encode(), credential, *masters)


class Gate:
    """Decides on headers. Remembers one time per authentic engine, bounded."""

    def __init__(self, users: Iterable[User], own_engine: bytes) -> None:
        self._users: dict[bytes, list[User]] = {}
        for user in users:
            self._users.setdefault(user.name, []).append(user)
        self._own = own_engine
        self._times: dict[bytes, _EngineTime] = {}

    def judge(self, header: V3Header, datagram: bytes) -> tuple[Verdict, User | None]:
        if not header.user or not header.engine_id:
            return (Verdict.STRANGER if header.flags & _AUTHENTICATED else Verdict.DISCOVERY), None
        if not header.flags & _AUTHENTICATED:
            return Verdict.STRANGER, None
        user = next((user for user in self._candidates(header) if _authentic(user, header, datagram)), None)
        if user is None:
            return Verdict.STRANGER, None
        if header.engine_id == self._own:
            # we are the authority on time (informs): pysnmp compares with our own clock and reports it
            return Verdict.GENUINE, user
        if not header.flags & _ENCRYPTED:
            return Verdict.STRANGER, None
        return (Verdict.GENUINE if self._timely(header) else Verdict.STALE), user

    def why(self, header: V3Header) -> str:
        """What made a stranger of it."""
        if header.flags & (_AUTHENTICATED | _ENCRYPTED) != _AUTHENTICATED | _ENCRYPTED:
            return "less than authPriv"
        return "wrong key" if self._candidates(header) else "unknown user"

    def _candidates(self, header: V3Header) -> list[User]:
        """Users of that name whose credential is for this engine or for any (informs come to our own)."""
        return [
            user
            for user in self._users.get(header.user, [])
            if not user.credential.engine_id
            or header.engine_id == self._own
            or bytes.fromhex(user.credential.engine_id) == header.engine_id
        ]

    def _timely(self, header: V3Header) -> bool:
        known = self._times.pop(header.engine_id, None)
        fresh = known is None or (header.boots, header.time) >= (known.boots, known.latest - TIME_WINDOW)
        ahead = known is None or (header.boots, header.time) > (known.boots, known.latest)
        if len(self._times) >= MAX_ENGINES:
            self._times.pop(next(iter(self._times)))
        self._times[header.engine_id] = _EngineTime(header.boots, header.time) if ahead or known is None else known
        return fresh


def _authentic(user: User, header: V3Header, datagram: bytes) -> bool:
    start, stop = header.digest
    protocol = user.credential.auth_protocol
    if stop - start != DIGEST_OCTETS[protocol]:
        return False
    blank = datagram[:start] + bytes(stop - start) + datagram[stop:]
    key = localised(user.auth_master, header.engine_id, protocol)
    return hmac.compare_digest(hmac.digest(key, blank, protocol)[: stop - start], datagram[start:stop])


@lru_cache(maxsize=2 * MAX_ENGINES)
def localised(master: bytes, engine_id: bytes, protocol: str) -> bytes:
    """The key of one engine (RFC 3414 §2.6)."""
    return hashlib.new(protocol, master + engine_id + master, usedforsecurity=False).digest()
