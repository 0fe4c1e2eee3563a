"""SNMPv2 PDUs (RFC 3416) and the community message around them (RFC 1901)."""

from dataclasses import dataclass
from enum import IntEnum

from drivers.sim.snmp.ber import OCTETS, SEQUENCE, Oid, Reader, Value, encode, encode_int, encode_oid, wrap
from drivers.sim.snmp.errors import ErrorStatus, MalformedMessage

V2C, V3 = 1, 3
"""msgVersion on the wire."""


class PduKind(IntEnum):
    GET = 0xA0
    GET_NEXT = 0xA1
    RESPONSE = 0xA2
    SET = 0xA3
    GET_BULK = 0xA5
    INFORM = 0xA6
    TRAP = 0xA7
    REPORT = 0xA8


REQUESTS = frozenset({PduKind.GET, PduKind.GET_NEXT, PduKind.SET, PduKind.GET_BULK})

VarBind = tuple[Oid, Value]


@dataclass(frozen=True, slots=True)
class Pdu:
    """`status` and `index` are non-repeaters and max-repetitions in a GETBULK."""

    kind: PduKind
    request_id: int
    varbinds: tuple[VarBind, ...] = ()
    status: int = 0
    index: int = 0

    def response(self, varbinds: tuple[VarBind, ...]) -> "Pdu":
        return Pdu(PduKind.RESPONSE, self.request_id, varbinds)

    def failure(self, status: ErrorStatus, index: int) -> "Pdu":
        """The request's own varbinds come back unchanged, but for tooBig, which has none."""
        varbinds = () if status is ErrorStatus.TOO_BIG else self.varbinds
        return Pdu(PduKind.RESPONSE, self.request_id, varbinds, status, index)


def read_pdu(reader: Reader) -> Pdu:
    tag, start, end = reader.span()
    try:
        kind = PduKind(tag)
    except ValueError:
        raise MalformedMessage(f"no PDU has tag {tag:#x}") from None
    return _read_body(kind, reader.within(start, end))


def write_pdu(pdu: Pdu) -> bytes:
    bound = b"".join([write_varbind(varbind) for varbind in pdu.varbinds])
    head = encode_int(pdu.request_id) + encode_int(pdu.status) + encode_int(pdu.index)
    return wrap(pdu.kind, head + wrap(SEQUENCE, bound))


def write_varbind(varbind: VarBind) -> bytes:
    oid, value = varbind
    return wrap(SEQUENCE, encode_oid(oid) + encode(value))


def read_community(reader: Reader) -> tuple[bytes, Pdu]:
    """What follows the version in a v2c message."""
    return reader.octets(), read_pdu(reader)


def write_community(community: bytes, pdu: Pdu) -> bytes:
    return wrap(SEQUENCE, encode_int(V2C) + wrap(OCTETS, community) + write_pdu(pdu))


def _read_body(kind: PduKind, body: Reader) -> Pdu:
    request_id, status, index = body.integer(), body.integer(), body.integer()
    varbinds: list[VarBind] = []
    listed = body.enter()
    while listed.more:
        bound = listed.enter()
        varbinds.append((bound.oid(), bound.value()))
    return Pdu(kind, request_id, tuple(varbinds), status, index)
