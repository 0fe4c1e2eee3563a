"""LLDP-MIB (IEEE 802.1AB): what each port hears from the other end of its link, as long as it has carrier."""

from collections.abc import Callable, Sequence

from drivers.sim.snmp.ber import INTEGER, Oid, Value, number, octets
from drivers.sim.snmp.interfaces import port_indices
from drivers.sim.snmp.mib import MibObject
from drivers.sim.state import ElementState, SimPort

LOCAL: Oid = (1, 0, 8802, 1, 1, 2, 1, 3, 7, 1)
REMOTE: Oid = (1, 0, 8802, 1, 1, 2, 1, 4, 1, 1)
_INTERFACE_NAME, _LOCALLY_ASSIGNED = 5, 7

Heard = tuple[str, str]
"""Element and port at the other end."""


def lldp_objects() -> list[MibObject]:
    return [
        _local(2, lambda _: number(INTEGER, _INTERFACE_NAME)),
        _local(3, lambda port: octets(port.name)),
        _local(4, lambda port: octets(port.alias or port.name)),
        _remote(4, lambda _: number(INTEGER, _LOCALLY_ASSIGNED)),
        _remote(5, lambda heard: octets(heard[0])),
        _remote(6, lambda _: number(INTEGER, _INTERFACE_NAME)),
        _remote(7, lambda heard: octets(heard[1])),
        _remote(8, lambda heard: octets(heard[1])),
        _remote(9, lambda heard: octets(heard[0])),
    ]


def _local(column: int, read: Callable[[SimPort], Value]) -> MibObject:
    def read_row(state: ElementState, index: Oid) -> Value:
        port = state.port_by_index(index[0])
        return octets("") if port is None else read(port)

    return MibObject((*LOCAL, column), port_indices, read_row)


def _remote(column: int, read: Callable[[Heard], Value]) -> MibObject:
    def read_row(state: ElementState, index: Oid) -> Value:
        port = state.port_by_index(index[1])
        heard = None if port is None else state.heard().get(port.name)
        return octets("") if heard is None else read(heard)

    return MibObject((*REMOTE, column), _heard_by, read_row)


def _heard_by(state: ElementState) -> Sequence[Oid]:
    """Time mark 0: it has been so since the element booted."""
    return sorted((0, state.ports[port].index, 1) for port in state.heard())
