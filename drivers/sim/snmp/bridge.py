"""Q-BRIDGE-MIB (RFC 4363): static VLANs and port VLAN ids, and the bridge ports of BRIDGE-MIB (RFC 4188).

A bridge port is a number of its own: the rank of the port by ifIndex. Port lists are bitmaps of bridge ports, the
first one in the highest bit.
"""

from collections.abc import Callable, Iterable, Sequence

from drivers.sim.snmp.ber import GAUGE32, INTEGER, Oid, Value, number, octets
from drivers.sim.snmp.draft import DEFAULT_VLAN, Draft
from drivers.sim.snmp.errors import ErrorStatus, SetRefused
from drivers.sim.snmp.mib import MibObject, Write, scalar
from drivers.sim.snmp.typed import take_number, take_octets, take_text
from drivers.sim.state import ElementState, Vlan

BASE_PORTS: Oid = (1, 3, 6, 1, 2, 1, 17, 1, 2)
BASE_PORT_ENTRY: Oid = (1, 3, 6, 1, 2, 1, 17, 1, 4, 1)
Q_BRIDGE: Oid = (1, 3, 6, 1, 2, 1, 17, 7, 1)
VLAN_ENTRY: Oid = (*Q_BRIDGE, 4, 3, 1)
NAME, EGRESS, FORBIDDEN, UNTAGGED, ROW_STATUS = range(1, 1 + 5)
PVID: Oid = (*Q_BRIDGE, 4, 5, 1, 1)

ACTIVE, CREATE_AND_GO, DESTROY = 1, 4, 6
VLANS = range(1, 4095)
_ROW_STATUS_VALUES = range(1, 7)
_LONGEST_NAME = 32
_LONGEST_PORT_LIST = 512
_VERSION_1 = 1


def bridge_objects() -> list[MibObject]:
    return [
        scalar(BASE_PORTS, lambda state: number(INTEGER, len(state.ports))),
        MibObject((*BASE_PORT_ENTRY, 1), base_ports, lambda _, index: number(INTEGER, index[0])),
        MibObject((*BASE_PORT_ENTRY, 2), base_ports, lambda state, index: number(INTEGER, _if_index(state, index))),
        scalar((*Q_BRIDGE, 1, 1), lambda _: number(INTEGER, _VERSION_1)),
        scalar((*Q_BRIDGE, 1, 2), lambda _: number(INTEGER, VLANS[-1])),
        scalar((*Q_BRIDGE, 1, 3), lambda _: number(GAUGE32, len(VLANS))),
        scalar((*Q_BRIDGE, 1, 4), lambda state: number(GAUGE32, len(state.vlans))),
        _column(NAME, lambda _, vlan: octets(vlan.name), _write_name),
        _column(EGRESS, lambda state, vlan: octets(port_list(state, vlan.egress)), _port_list_writer("egress")),
        _column(FORBIDDEN, lambda state, vlan: octets(port_list(state, vlan.forbidden)), _port_list_writer("forbidden")),
        _column(UNTAGGED, lambda state, vlan: octets(port_list(state, vlan.untagged)), _port_list_writer("untagged")),
        _column(ROW_STATUS, lambda *_: number(INTEGER, ACTIVE), _write_row_status, _row_status_turn),
        MibObject(PVID, base_ports, lambda state, index: number(GAUGE32, _pvid(state, index)), _write_pvid),
    ]


def base_ports(state: ElementState) -> Sequence[Oid]:
    return [(number_,) for number_ in range(1, len(state.ports) + 1)]


def port_list(state: ElementState, members: Iterable[int]) -> bytes:
    """The bitmap of bridge ports for a set of ifIndices."""
    ordered = _ordered(state)
    bitmap = bytearray((len(ordered) + 7) // 8)
    for member in members:
        position = ordered.index(member)
        bitmap[position // 8] |= 0x80 >> position % 8
    return bytes(bitmap)


def members(ordered: Sequence[int], bitmap: bytes) -> set[int]:
    """The ifIndices in a bitmap of bridge ports; raises SetRefused for one that does not exist."""
    positions = [at * 8 + bit for at, octet in enumerate(bitmap) for bit in range(8) if octet & 0x80 >> bit]
    if positions and positions[-1] >= len(ordered):
        raise SetRefused(ErrorStatus.WRONG_VALUE)
    return {ordered[position] for position in positions}


def _ordered(state: ElementState) -> list[int]:
    return sorted(port.index for port in state.ports.values())


def _if_index(state: ElementState, index: Oid) -> int:
    return _ordered(state)[index[0] - 1]


def _pvid(state: ElementState, index: Oid) -> int:
    port = state.port_by_index(_if_index(state, index))
    return port.pvid if port else DEFAULT_VLAN


def _column(
    column: int, read: Callable[[ElementState, Vlan], Value], write: Write, turn: Callable[[Value], int] | None = None
) -> MibObject:
    return MibObject(
        (*VLAN_ENTRY, column),
        lambda state: sorted((vid,) for vid in state.vlans),
        lambda state, index: read(state, state.vlans[index[0]]),
        write,
        turn,
    )


def _vid(draft: Draft, index: Oid) -> int:
    if len(index) != 1 or index[0] not in VLANS:
        raise SetRefused(ErrorStatus.NO_CREATION)
    draft.touch(("vlan", index[0]))
    return index[0]


def _write_name(draft: Draft, index: Oid, value: Value) -> None:
    draft.vlan(_vid(draft, index)).name = take_text(value, _LONGEST_NAME)


def _port_list_writer(attribute: str) -> Write:
    def write(draft: Draft, index: Oid, value: Value) -> None:
        vlan = draft.vlan(_vid(draft, index))
        setattr(vlan, attribute, members(sorted(draft.ports), take_octets(value, _LONGEST_PORT_LIST)))

    return write


def _row_status_turn(value: Value) -> int:
    if value.data == CREATE_AND_GO:
        return -1
    return 1 if value.data == DESTROY else 0


def _write_row_status(draft: Draft, index: Oid, value: Value) -> None:
    vid = _vid(draft, index)
    wanted = take_number(value, _ROW_STATUS_VALUES)
    if wanted == CREATE_AND_GO:
        if vid in draft.vlans:
            raise SetRefused(ErrorStatus.INCONSISTENT_VALUE)
        draft.vlans[vid] = Vlan(vid)
    elif wanted == DESTROY:
        if vid == DEFAULT_VLAN:
            raise SetRefused(ErrorStatus.INCONSISTENT_VALUE)
        draft.vlans.pop(vid, None)
    elif wanted != ACTIVE:
        raise SetRefused(ErrorStatus.WRONG_VALUE)
    elif vid not in draft.vlans:
        raise SetRefused(ErrorStatus.INCONSISTENT_VALUE)


def _write_pvid(draft: Draft, index: Oid, value: Value) -> None:
    ordered = sorted(draft.ports)
    if len(index) != 1 or not 1 <= index[0] <= len(ordered):
        raise SetRefused(ErrorStatus.NO_CREATION)
    vid = take_number(value, VLANS, tag=GAUGE32)
    draft.touch(("pvid", ordered[index[0] - 1]))
    draft.ports[ordered[index[0] - 1]].pvid = vid
