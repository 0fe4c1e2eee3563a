"""Who sent an SNMPv3 notification: digest and timeliness (RFC 3414 §3.2), checked before anything else looks at it.

pysnmp decrypts and answers; this stands in front of it because pysnmp knows users only for engines it was told of, and
because it takes the time of every authentic message as the engine's present time, which would let an old one be replayed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto

from drivers.port import Credential
from drivers.snmp.ber import V3Header
from drivers.snmp.keys import MAX_ENGINES, Keys, localised, master_key

TIME_WINDOW = 150
TOO_OLD = "older than what it said before"
"""Why an authentic message is not believed: a replay, or an engine that forgot its starts (snmpEngineBoots) or the time."""
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
        masters = (master_key(credential.auth_protocol, phrase) for phrase in (credential.auth_key, credential.priv_key))
        return cls(credential.username.encode(), credential, *masters)

    def keys(self, engine_id: bytes) -> Keys:
        protocol = self.credential.auth_protocol
        auth, priv = (localised(master, engine_id, protocol) for master in (self.auth_master, self.priv_master))
        return Keys(protocol, self.credential.priv_protocol, auth, priv)


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
        candidates = self._candidates(header)
        user = next((user for user in candidates if user.keys(header.engine_id).signed(datagram, header.digest)), None)
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
