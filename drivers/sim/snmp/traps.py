"""Notifications of an element: coldStart (RFC 3418), linkDown and linkUp (RFC 2863)."""

from drivers.sim.snmp.ber import INTEGER, OBJECT_ID, TIMETICKS, Oid, Value, number, octets
from drivers.sim.snmp.interfaces import IF_ADMIN, IF_INDEX, IF_NAME, IF_OPER, admin_status, oper_status
from drivers.sim.snmp.message import Pdu, PduKind, VarBind
from drivers.sim.snmp.system import SYS_UPTIME
from drivers.sim.state import ElementState, EventKind, SimPort

TRAP_OID: Oid = (1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0)
TRAPS: Oid = (1, 3, 6, 1, 6, 3, 1, 1, 5)
_NUMBERS: dict[EventKind, int] = {"coldStart": 1, "linkDown": 3, "linkUp": 4}


def notification(state: ElementState, event: EventKind, port: SimPort | None, request_id: int) -> Pdu:
    """The SNMPv2-Trap PDU of any event but `config`."""
    head: tuple[VarBind, ...] = (
        ((*SYS_UPTIME, 0), number(TIMETICKS, state.uptime())),
        (TRAP_OID, Value(OBJECT_ID, (*TRAPS, _NUMBERS[event]))),
    )
    return Pdu(PduKind.TRAP, request_id, head + (_link(port) if port else ()))


def _link(port: SimPort) -> tuple[VarBind, ...]:
    return (
        ((*IF_INDEX, port.index), number(INTEGER, port.index)),
        ((*IF_ADMIN, port.index), number(INTEGER, admin_status(port))),
        ((*IF_OPER, port.index), number(INTEGER, oper_status(port))),
        ((*IF_NAME, port.index), octets(port.name)),
    )
