"""IF-MIB (RFC 2863): ifTable and ifXTable, one row per physical port."""

from collections.abc import Callable, Sequence

from drivers.sim.snmp.ber import (
    COUNTER32,
    COUNTER64,
    GAUGE32,
    INTEGER,
    OBJECT_ID,
    TIMETICKS,
    Oid,
    Value,
    number,
    octets,
)
from drivers.sim.snmp.draft import Draft, PortDraft
from drivers.sim.snmp.errors import ErrorStatus, SetRefused
from drivers.sim.snmp.mib import MibObject, Write, scalar
from drivers.sim.snmp.typed import take_number, take_text
from drivers.sim.state import Counters, ElementState, SimPort

IF_NUMBER: Oid = (1, 3, 6, 1, 2, 1, 2, 1)
IF_ENTRY: Oid = (1, 3, 6, 1, 2, 1, 2, 2, 1)
IFX_ENTRY: Oid = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1)
IF_INDEX, IF_ADMIN, IF_OPER = (*IF_ENTRY, 1), (*IF_ENTRY, 7), (*IF_ENTRY, 8)
IF_NAME, IF_ALIAS = (*IFX_ENTRY, 1), (*IFX_ENTRY, 18)

UP, DOWN = 1, 2
_ETHERNET = 6
_TRUE, _FALSE = 1, 2
_ENABLED = 1
_LONGEST_ALIAS = 64
_MTU = 1500

PortRead = Callable[[SimPort], Value]


def interface_objects() -> list[MibObject]:
    return [
        scalar(IF_NUMBER, lambda state: number(INTEGER, len(state.ports))),
        *(_column((*IF_ENTRY, column), read) for column, read in _IF_COLUMNS.items()),
        *(_column((*IFX_ENTRY, column), read) for column, read in _IFX_COLUMNS.items()),
        MibObject((*IF_ENTRY, 4), port_indices, _mtu),
        _column(IF_ADMIN, lambda port: number(INTEGER, admin_status(port)), _write_admin),
        _column(IF_ALIAS, lambda port: octets(port.alias), _write_alias),
    ]


def admin_status(port: SimPort) -> int:
    return UP if port.admin_up else DOWN


def oper_status(port: SimPort) -> int:
    return UP if port.oper_up else DOWN


def port_indices(state: ElementState) -> Sequence[Oid]:
    return sorted((port.index,) for port in state.ports.values())


def _low(count: Callable[[Counters], int]) -> PortRead:
    """32-bit counters are the low half of the 64-bit ones, so that they wrap as real ones do."""
    return lambda port: number(COUNTER32, count(port.counters) % 2**32)


def _high(count: Callable[[Counters], int]) -> PortRead:
    return lambda port: number(COUNTER64, count(port.counters))


def _zero(tag: int) -> PortRead:
    return lambda _: number(tag, 0)


_IF_COLUMNS: dict[int, PortRead] = {
    1: lambda port: number(INTEGER, port.index),
    2: lambda port: octets(port.name),
    3: lambda _: number(INTEGER, _ETHERNET),
    5: lambda port: number(GAUGE32, min(port.speed_bps, 2**32 - 1)),
    6: lambda port: octets(bytes.fromhex(port.mac.replace(":", ""))),
    8: lambda port: number(INTEGER, oper_status(port)),
    9: lambda port: number(TIMETICKS, port.last_change),
    10: _low(lambda counters: counters.in_octets),
    11: _low(lambda counters: counters.in_packets),
    13: _low(lambda counters: counters.in_discards),
    14: _low(lambda counters: counters.in_errors),
    15: _zero(COUNTER32),
    16: _low(lambda counters: counters.out_octets),
    17: _low(lambda counters: counters.out_packets),
    19: _zero(COUNTER32),
    20: _zero(COUNTER32),
    22: lambda _: Value(OBJECT_ID, (0, 0)),
}
_IFX_COLUMNS: dict[int, PortRead] = {
    1: lambda port: octets(port.name),
    2: _zero(COUNTER32),
    3: _zero(COUNTER32),
    4: _zero(COUNTER32),
    5: _zero(COUNTER32),
    6: _high(lambda counters: counters.in_octets),
    7: _high(lambda counters: counters.in_packets),
    8: _zero(COUNTER64),
    9: _zero(COUNTER64),
    10: _high(lambda counters: counters.out_octets),
    11: _high(lambda counters: counters.out_packets),
    12: _zero(COUNTER64),
    13: _zero(COUNTER64),
    14: lambda _: number(INTEGER, _ENABLED),
    15: lambda port: number(GAUGE32, port.speed_bps // 1_000_000),
    16: lambda _: number(INTEGER, _FALSE),
    17: lambda _: number(INTEGER, _TRUE),
    19: lambda port: number(TIMETICKS, port.counters.discontinuity),
}


def _column(prefix: Oid, read: PortRead, write: Write | None = None) -> MibObject:
    def read_row(state: ElementState, index: Oid) -> Value:
        port = state.port_by_index(index[0])
        if port is None:
            raise LookupError(f"{state.name}: no port has ifIndex {index[0]}")
        return read(port)

    return MibObject(prefix, port_indices, read_row, write)


def _mtu(state: ElementState, index: Oid) -> Value:
    port = state.port_by_index(index[0])
    configured = state.interfaces.get(port.name) if port else None
    return number(INTEGER, (configured.mtu if configured else None) or _MTU)


def _row(draft: Draft, index: Oid) -> PortDraft:
    port = draft.ports.get(index[0]) if len(index) == 1 else None
    if port is None:
        raise SetRefused(ErrorStatus.NO_CREATION)
    return port


def _write_admin(draft: Draft, index: Oid, value: Value) -> None:
    _row(draft, index).admin_up = take_number(value, range(UP, DOWN + 1)) == UP


def _write_alias(draft: Draft, index: Oid, value: Value) -> None:
    _row(draft, index).alias = take_text(value, _LONGEST_ALIAS)
