"""SNMPv2-MIB system group (RFC 3418), snmpEngine group (RFC 3411)."""

from collections.abc import Callable

from drivers.sim.snmp.ber import INTEGER, OBJECT_ID, TIMETICKS, Oid, Value, number, octets
from drivers.sim.snmp.draft import Draft
from drivers.sim.snmp.mib import MibObject, Write, scalar
from drivers.sim.snmp.typed import take_text
from drivers.sim.state import ElementState

SYSTEM: Oid = (1, 3, 6, 1, 2, 1, 1)
SYS_UPTIME: Oid = (*SYSTEM, 3)
ENGINE: Oid = (1, 3, 6, 1, 6, 3, 10, 2, 1)
ENTERPRISE: Oid = (1, 3, 6, 1, 4, 1, 32473)
"""Reserved for examples (RFC 5612)."""

_PLATFORMS = {"ietf": 1, "ios": 2, "qbridge": 3, "eos": 4}
_ROUTER, _BRIDGE = 78, 2
"""sysServices: a bridge works on layer 2, everything else routes."""
_LONGEST_TEXT = 255


def system_objects() -> list[MibObject]:
    return [
        scalar((*SYSTEM, 1), lambda state: octets(f"fabd simulated element, platform {state.platform}")),
        scalar((*SYSTEM, 2), lambda state: Value(OBJECT_ID, object_id(state))),
        scalar(SYS_UPTIME, lambda state: number(TIMETICKS, state.uptime())),
        scalar((*SYSTEM, 4), lambda state: octets(state.contact), _text("contact")),
        scalar((*SYSTEM, 5), lambda state: octets(state.name)),
        scalar((*SYSTEM, 6), lambda state: octets(state.location), _text("location")),
        scalar((*SYSTEM, 7), lambda state: number(INTEGER, _BRIDGE if state.platform == "qbridge" else _ROUTER)),
    ]


def engine_objects(engine_id: bytes, boots: Callable[[], int], time: Callable[[], int], size: int) -> list[MibObject]:
    return [
        scalar((*ENGINE, 1), lambda _: octets(engine_id)),
        scalar((*ENGINE, 2), lambda _: number(INTEGER, boots())),
        scalar((*ENGINE, 3), lambda _: number(INTEGER, time())),
        scalar((*ENGINE, 4), lambda _: number(INTEGER, size)),
    ]


def object_id(state: ElementState) -> Oid:
    return (*ENTERPRISE, 1, _PLATFORMS.get(state.platform, 0))


def _text(attribute: str) -> Write:
    def write(draft: Draft, index: Oid, value: Value) -> None:  # noqa: ARG001 - a Write
        draft.texts[attribute] = take_text(value, _LONGEST_TEXT)

    return write
