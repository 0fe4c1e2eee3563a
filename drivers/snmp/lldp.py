"""Who stands at the other end of each link, as elements tell each other (IEEE 802.1AB, LLDP-MIB); bounded in rows and time."""

from collections.abc import Mapping
from dataclasses import dataclass

from drivers.snmp import asking, oids
from drivers.snmp.ber import Binding
from drivers.snmp.errors import WalkRefused
from drivers.snmp.reading import whole
from drivers.snmp.speech import Wish
from drivers.snmp.walking import REPETITIONS, Asker

LOCAL = "1.0.8802.1.1.2.1.3.7.1"
"""lldpLocPortEntry, by lldpLocPortNum."""
REMOTE = "1.0.8802.1.1.2.1.4.1.1"
"""lldpRemEntry, by time mark, lldpLocPortNum and an index."""
LOCAL_SUBTYPE, LOCAL_ID, LOCAL_TEXT = f"{LOCAL}.2", f"{LOCAL}.3", f"{LOCAL}.4"
CHASSIS, PORT_SUBTYPE, PORT_ID, PORT_TEXT, SYSTEM = (f"{REMOTE}.{column}" for column in (5, 6, 7, 8, 9))
MOST_NEIGHBOURS = 2000
"""Of one element."""
NAMES = frozenset({1, 5, 7})
"""Subtypes of a port's id that are a name: interfaceAlias, interfaceName, local."""
_OCTETS, _END_OF_VIEW = 0x04, 0x82

Index = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """What one port hears. Texts are the other side's own, and may be empty."""

    port: str
    """Name of the port that hears it; "" when it cannot be told."""
    system: str
    """sysName of the neighbour."""
    far_port: str
    chassis: str
    """Its id: text where it is printable, else hexadecimal."""


async def neighbours(asker: Asker) -> tuple[Neighbour, ...]:
    """Raises `ElementError`; nothing for an element without LLDP."""
    systems = await _column(asker, SYSTEM)
    ids = await _column(asker, PORT_ID)
    if not systems and not ids:
        return ()
    far = {column: await _column(asker, column) for column in (PORT_SUBTYPE, PORT_TEXT, CHASSIS)}
    local = {column: await _column(asker, column) for column in (LOCAL_SUBTYPE, LOCAL_ID, LOCAL_TEXT)}
    by_index = await _column(asker, oids.IF_NAME)
    return tuple(
        Neighbour(
            _local_name(index[1:2], local, by_index),
            _text(systems.get(index)),
            _name(far[PORT_SUBTYPE].get(index), ids.get(index), far[PORT_TEXT].get(index)),
            _text(far[CHASSIS].get(index)),
        )
        for index in sorted(systems.keys() | ids.keys())
        if len(index) == 3  # noqa: PLR2004  time mark, port, index: the table's own
    )


def _local_name(number: Index, local: Mapping[str, Mapping[Index, Binding]], by_index: Mapping[Index, Binding]) -> str:
    """As LLDP tells it; else the ifName of that number, which most agents number their ports by."""
    told = _name(local[LOCAL_SUBTYPE].get(number), local[LOCAL_ID].get(number), None)
    return told or _text(by_index.get(number)) or _text(local[LOCAL_TEXT].get(number))


def _name(subtype: Binding | None, identity: Binding | None, described: Binding | None) -> str:
    """The id where it is a name; what describes the port where it is an address."""
    if whole(subtype, narrow=True) in NAMES:
        return _text(identity)
    return _text(described) if described is not None else ""


def _text(binding: Binding | None) -> str:
    if binding is None or binding.tag != _OCTETS or not isinstance(binding.value, bytes):
        return ""
    text = binding.value.rstrip(b"\0").decode("utf-8", "replace")
    return text.strip() if text.isprintable() else binding.value.hex(":")


async def _column(asker: Asker, column: str) -> dict[Index, Binding]:
    """Index → value, as long as identifiers grow."""
    rows: dict[Index, Binding] = {}
    base, at = asking.arcs(column), asking.arcs(column)
    while True:
        wish = Wish(asking.GET_BULK, asking.varbind(asking.encode_oid(at)), 0, REPETITIONS)
        found = await asker.get(wish)
        for identifier, binding in found.items():
            arcs = asking.arcs(identifier)
            if arcs[: len(base)] != base or binding.tag == _END_OF_VIEW:
                return rows
            if arcs <= at:
                raise WalkRefused(asker.target.element, f"walk of {column} does not advance after {identifier}; the agent loops")
            if len(rows) >= MOST_NEIGHBOURS:
                raise WalkRefused(asker.target.element, f"walk of {column} has more than {MOST_NEIGHBOURS} rows; gave up")
            rows[arcs[len(base) :]] = binding
            at = arcs
        if not found:
            return rows
