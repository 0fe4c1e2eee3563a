"""A request PDU in, its response PDU out (RFC 3416 section 4.2)."""

from collections.abc import Callable, Iterator, Sequence

from drivers.sim.snmp.ber import END_OF_VIEW
from drivers.sim.snmp.errors import ErrorStatus, SetRefused
from drivers.sim.snmp.message import Pdu, PduKind, VarBind, write_pdu, write_varbind
from drivers.sim.snmp.mib import MibView

_PDU_HEAD = 32
"""Octets of a PDU besides its varbinds, at most."""
MAX_VARBINDS = 2048
"""In one response to GETBULK, whatever the size allows."""


def respond(pdu: Pdu, view: MibView, room: int) -> Pdu:
    """`room` is how many octets the response PDU may take; GETBULK is cut to it, the others answer tooBig."""
    if pdu.kind is PduKind.GET_BULK:
        return _bulk(pdu, view, room)
    response = _ANSWERS[pdu.kind](pdu, view)
    if len(write_pdu(response)) > room:
        return pdu.failure(ErrorStatus.TOO_BIG, 0)
    return response


def _get(pdu: Pdu, view: MibView) -> Pdu:
    return pdu.response(tuple([(oid, view.get(oid)) for oid, _ in pdu.varbinds]))


def _next(pdu: Pdu, view: MibView) -> Pdu:
    return pdu.response(tuple([view.next(oid) for oid, _ in pdu.varbinds]))


def _set(pdu: Pdu, view: MibView) -> Pdu:
    try:
        view.set(pdu.varbinds)
    except SetRefused as refused:
        return pdu.failure(refused.status, refused.index)
    return pdu.response(pdu.varbinds)


_ANSWERS: dict[PduKind, Callable[[Pdu, MibView], Pdu]] = {
    PduKind.GET: _get,
    PduKind.GET_NEXT: _next,
    PduKind.SET: _set,
}


def _bulk(pdu: Pdu, view: MibView, room: int) -> Pdu:
    single = max(0, min(pdu.status, len(pdu.varbinds)))
    answered: list[VarBind] = []
    left = room - _PDU_HEAD
    for varbind in _walk(pdu.varbinds[:single], pdu.varbinds[single:], max(0, pdu.index), view):
        left -= len(write_varbind(varbind))
        if left < 0 or len(answered) == MAX_VARBINDS:
            break
        answered.append(varbind)
    return pdu.response(tuple(answered))


def _walk(single: Sequence[VarBind], repeated: Sequence[VarBind], repetitions: int, view: MibView) -> Iterator[VarBind]:
    for oid, _ in single:
        yield view.next(oid)
    row = [oid for oid, _ in repeated]
    for _ in range(repetitions if row else 0):
        found = [view.next(oid) for oid in row]
        yield from found
        if all(value.tag == END_OF_VIEW for _, value in found):
            return
        row = [oid for oid, _ in found]
