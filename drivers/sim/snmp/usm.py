"""SNMPv3 messages of an authoritative engine with one authPriv user (RFC 3412, 3414)."""

from collections.abc import Callable
from dataclasses import dataclass

from drivers.sim.snmp.ber import COUNTER32, OCTETS, SEQUENCE, Oid, Reader, Value, encode_int, wrap
from drivers.sim.snmp.errors import AgentError, MalformedMessage
from drivers.sim.snmp.keys import DIGEST_SIZE, SALT_SIZE, UserKeys
from drivers.sim.snmp.message import V3, Pdu, PduKind, read_pdu, write_pdu

AUTH, PRIV, REPORTABLE = 1, 2, 4
"""msgFlags"""
MAX_MESSAGE = 65507
TIME_WINDOW = 150
"""Seconds (RFC 3414 section 2.2.3)."""
_USM_MODEL = 3

_STATS: Oid = (1, 3, 6, 1, 6, 3, 15, 1, 1)
UNSUPPORTED_LEVEL, NOT_IN_WINDOW, UNKNOWN_USER, UNKNOWN_ENGINE, WRONG_DIGEST, DECRYPTION = range(1, 7)
"""usmStats: why a message was answered with a report."""


class ReportDue(AgentError):
    """The message is not served; `answer` goes back, or nothing when it is None."""

    def __init__(self, cause: int, answer: bytes | None) -> None:
        super().__init__(f"usmStats {cause}")
        self.cause = cause
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Request:
    """A served v3 request and what its answer needs of it."""

    message_id: int
    max_size: int
    context: bytes
    pdu: Pdu


@dataclass(frozen=True, slots=True)
class _Header:
    message_id: int
    max_size: int
    flags: int


@dataclass(frozen=True, slots=True)
class _Security:
    engine_id: bytes
    boots: int
    time: int
    user: bytes
    digest: bytes
    digest_at: int
    """Offset of the digest in the message."""
    salt: bytes


class UsmEngine:
    """`boots` and `clock` (seconds since the last boot) are the engine's own; a reboot raises `boots`."""

    def __init__(self, engine_id: bytes, user: str, keys: UserKeys, clock: Callable[[], int], boots: int) -> None:
        self.engine_id = engine_id
        self.boots = boots
        self.clock = clock
        self._user = user.encode()
        self._keys = keys
        self._rejected = dict.fromkeys(range(1, 7), 0)

    def open(self, message: bytes, reader: Reader) -> Request:
        """The request in `message`, of which `reader` has read the version. Raises ReportDue or MalformedMessage."""
        header = _read_header(reader)
        security = _read_security(reader)
        self._check_engine(header, security, reader)
        self._check_user(header, security)
        self._check_digest(message, header, security)
        self._check_time(header, security)
        return self._unseal(header, security, reader)

    def answer(self, request: Request, pdu: Pdu) -> bytes:
        return self._seal(pdu, request.message_id, AUTH | PRIV, request.context, self._user)

    def notify(self, pdu: Pdu, message_id: int) -> bytes:
        """A trap: its sender is the authoritative engine."""
        return self._seal(pdu, message_id, AUTH | PRIV, b"", self._user)

    # -- incoming

    def _check_engine(self, header: _Header, security: _Security, reader: Reader) -> None:
        """Discovery ends here: an empty engine id is answered with ours."""
        if security.engine_id == self.engine_id:
            return
        request_id = 0
        if not header.flags & PRIV:
            scoped = reader.enter()
            scoped.octets(), scoped.octets()
            request_id = read_pdu(scoped).request_id
        raise self._report(UNKNOWN_ENGINE, header, security, request_id)

    def _check_user(self, header: _Header, security: _Security) -> None:
        if security.user != self._user:
            raise self._report(UNKNOWN_USER, header, security)
        if header.flags & (AUTH | PRIV) != AUTH | PRIV:
            raise self._report(UNSUPPORTED_LEVEL, header, security)

    def _check_digest(self, message: bytes, header: _Header, security: _Security) -> None:
        end = security.digest_at + DIGEST_SIZE
        blank = message[: security.digest_at] + bytes(DIGEST_SIZE) + message[end:]
        if len(security.digest) != DIGEST_SIZE or not self._keys.authentic(blank, security.digest):
            raise self._report(WRONG_DIGEST, header, security)

    def _check_time(self, header: _Header, security: _Security) -> None:
        if security.boots != self.boots or abs(security.time - self.clock()) > TIME_WINDOW:
            raise self._report(NOT_IN_WINDOW, header, security, flags=AUTH)

    def _unseal(self, header: _Header, security: _Security, reader: Reader) -> Request:
        sealed = reader.octets()
        if len(security.salt) != SALT_SIZE:
            raise self._report(DECRYPTION, header, security, flags=AUTH)
        plain = Reader(self._keys.decrypt(sealed, security.boots, security.time, security.salt))
        try:
            scoped = plain.enter()
            context_engine, context = scoped.octets(), scoped.octets()
            pdu = read_pdu(scoped)
        except MalformedMessage:
            raise self._report(DECRYPTION, header, security, flags=AUTH) from None
        if context_engine != self.engine_id:
            raise MalformedMessage("the request is for the context of another engine")
        return Request(header.message_id, header.max_size, context, pdu)

    def _report(self, cause: int, header: _Header, security: _Security, request_id: int = 0, flags: int = 0) -> ReportDue:
        """Carries the asker's user name back (RFC 3414 §3.1.7): managers match the report to their request by it."""
        self._rejected[cause] += 1
        if not header.flags & REPORTABLE:
            return ReportDue(cause, None)
        bound = ((*_STATS, cause, 0), Value(COUNTER32, self._rejected[cause] % 2**32))
        pdu = Pdu(PduKind.REPORT, request_id, (bound,))
        return ReportDue(cause, self._seal(pdu, header.message_id, flags, b"", security.user))

    # -- outgoing

    def _seal(self, pdu: Pdu, message_id: int, flags: int, context: bytes, user: bytes) -> bytes:
        boots, time = self.boots, self.clock()
        scoped = wrap(SEQUENCE, wrap(OCTETS, self.engine_id) + wrap(OCTETS, context) + write_pdu(pdu))
        salt = b""
        if flags & PRIV:
            salt = self._keys.next_salt()
            scoped = wrap(OCTETS, self._keys.encrypt(scoped, boots, time, salt))
        digest = bytes(DIGEST_SIZE) if flags & AUTH else b""
        tail = wrap(OCTETS, salt)
        security = wrap(
            SEQUENCE,
            wrap(OCTETS, self.engine_id) + encode_int(boots) + encode_int(time) + wrap(OCTETS, user) + wrap(OCTETS, digest) + tail,
        )
        header = wrap(
            SEQUENCE,
            encode_int(message_id) + encode_int(MAX_MESSAGE) + wrap(OCTETS, bytes((flags,))) + encode_int(_USM_MODEL),
        )
        message = wrap(SEQUENCE, encode_int(V3) + header + wrap(OCTETS, security) + scoped)
        return self._sign(message, len(tail) + len(scoped)) if flags & AUTH else message

    def _sign(self, message: bytes, behind: int) -> bytes:
        """Put the digest into its place, which ends `behind` octets before the end."""
        end = len(message) - behind
        return message[: end - DIGEST_SIZE] + self._keys.digest(message) + message[end:]


def _read_header(reader: Reader) -> _Header:
    header = reader.enter()
    message_id, max_size, flags, model = header.integer(), header.integer(), header.octets(), header.integer()
    if model != _USM_MODEL or len(flags) != 1 or flags[0] & (AUTH | PRIV) == PRIV:
        raise MalformedMessage("the message header asks for a security model or level that does not exist")
    return _Header(message_id, max_size, flags[0])


def _read_security(reader: Reader) -> _Security:
    fields = reader.enter(OCTETS).enter()
    engine_id, boots, time, user = fields.octets(), fields.integer(), fields.integer(), fields.octets()
    _, digest_at, digest_end = fields.span(OCTETS)
    digest = fields.slice(digest_at, digest_end)
    if not (0 <= boots < 2**31 and 0 <= time < 2**31):
        raise MalformedMessage("engine boots or time is out of range")
    return _Security(engine_id, boots, time, user, digest, digest_at, fields.octets())
