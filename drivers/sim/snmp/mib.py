"""The view that the agent serves: objects in the order of their identifiers, read and written over the state.

An object is a scalar or a column. Reading is immediate; writing goes to a `Draft`.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drivers.sim.snmp.ber import END_OF_VIEW, INTEGER, NO_SUCH_INSTANCE, NO_SUCH_OBJECT, Oid, Value, number
from drivers.sim.snmp.draft import Draft
from drivers.sim.snmp.errors import ErrorStatus, SetRefused
from drivers.sim.snmp.message import VarBind
from drivers.sim.snmp.typed import take_number
from drivers.sim.state import ElementState

Indices = Callable[[ElementState], Sequence[Oid]]
Read = Callable[[ElementState, Oid], Value]
Write = Callable[[Draft, Oid, Value], None]
"""Raises SetRefused; it may assume nothing about the value, nor about the index of a column."""

SET_SERIAL: Oid = (1, 3, 6, 1, 6, 3, 1, 1, 6, 1)
"""snmpSetSerialNo, an advisory lock: a SET carries the present value, which then goes up by one (RFC 3418)."""
SERIALS = range(2**31)


@dataclass(frozen=True, slots=True)
class MibObject:
    """`turn` orders the writes of one SET, whose varbinds happen at once: rows are made before and removed after."""

    prefix: Oid
    indices: Indices
    read: Read
    write: Write | None = None
    turn: Callable[[Value], int] | None = None


def scalar(prefix: Oid, read: Callable[[ElementState], Value], write: Write | None = None) -> MibObject:
    return MibObject(prefix, _scalar_index, lambda state, _: read(state), write)


class MibView:
    def __init__(self, state: ElementState, *groups: Sequence[MibObject]) -> None:
        self._state = state
        self._objects = [item for group in groups for item in group]
        self._objects.append(scalar(SET_SERIAL, lambda _: number(INTEGER, self._serial), _test_and_increment))
        self._objects.sort(key=lambda item: item.prefix)
        self._prefixes = [item.prefix for item in self._objects]
        self._serial = 0

    def get(self, oid: Oid) -> Value:
        found = self._object(oid)
        if found is None:
            return Value(NO_SUCH_OBJECT)
        index = oid[len(found.prefix) :]
        return found.read(self._state, index) if index in found.indices(self._state) else Value(NO_SUCH_INSTANCE)

    def next(self, oid: Oid) -> VarBind:
        """The first instance behind `oid`, or (oid, endOfMibView)."""
        start = max(0, bisect_right(self._prefixes, oid) - 1)
        for item in self._objects[start:]:
            index = _behind(item, oid, self._state)
            if index is not None:
                return (*item.prefix, *index), item.read(self._state, index)
        return oid, Value(END_OF_VIEW)

    def set(self, varbinds: Sequence[VarBind]) -> None:
        """All or nothing; raises SetRefused with the varbind's number from 1."""
        draft = Draft(self._state, self._serial)
        ordered = sorted(enumerate(varbinds, start=1), key=lambda item: self._turn(*item[1]))
        for place, (oid, value) in ordered:
            self._write(draft, place, oid, value)
        draft.check()
        draft.apply()
        self._serial = draft.serial

    def _write(self, draft: Draft, place: int, oid: Oid, value: Value) -> None:
        found = self._object(oid)
        if found is None:
            raise SetRefused(ErrorStatus.NO_ACCESS, place)
        if found.write is None:
            raise SetRefused(ErrorStatus.NOT_WRITABLE, place)
        index = oid[len(found.prefix) :]
        if found.indices is _scalar_index and index != (0,):
            raise SetRefused(ErrorStatus.NO_CREATION, place)
        draft.writing = place
        try:
            found.write(draft, index, value)
        except SetRefused as refused:
            raise SetRefused(refused.status, place) from refused

    def _turn(self, oid: Oid, value: Value) -> int:
        found = self._object(oid)
        return found.turn(value) if found and found.turn else 0

    def _object(self, oid: Oid) -> MibObject | None:
        position = bisect_right(self._prefixes, oid) - 1
        if position < 0 or oid[: len(self._prefixes[position])] != self._prefixes[position]:
            return None
        return self._objects[position]


def _behind(item: MibObject, oid: Oid, state: ElementState) -> Oid | None:
    """The first index of `item` whose instance comes after `oid`."""
    indices = item.indices(state)
    if item.prefix > oid:
        return indices[0] if indices else None
    if oid[: len(item.prefix)] != item.prefix:
        return None
    position = bisect_right(indices, oid[len(item.prefix) :])
    return indices[position] if position < len(indices) else None


def _scalar_index(_: ElementState) -> Sequence[Oid]:
    return ((0,),)


def _test_and_increment(draft: Draft, index: Oid, value: Value) -> None:  # noqa: ARG001 - a Write
    if take_number(value, SERIALS) != draft.serial:
        raise SetRefused(ErrorStatus.INCONSISTENT_VALUE)
    draft.serial = (draft.serial + 1) % SERIALS.stop
