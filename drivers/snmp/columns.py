"""What can be asked of a port, and how it is answered."""

from collections.abc import Mapping
from enum import IntEnum

from drivers.snmp import oids


class Column(IntEnum):
    """Rows of `PollBatch.values`. Octets and times are exact integers as the element counts them."""

    OPER_STATUS = 0
    ADMIN_STATUS = 1
    LAST_CHANGE = 2
    DISCONTINUITY = 3
    IN_OCTETS = 4
    OUT_OCTETS = 5
    IN_ERRORS = 6
    OUT_ERRORS = 7
    IN_DISCARDS = 8
    OUT_DISCARDS = 9
    HIGH_SPEED = 10


COLUMN_OID: Mapping[Column, str] = {
    Column.OPER_STATUS: oids.IF_OPER_STATUS,
    Column.ADMIN_STATUS: oids.IF_ADMIN_STATUS,
    Column.LAST_CHANGE: oids.IF_LAST_CHANGE,
    Column.DISCONTINUITY: oids.IF_DISCONTINUITY,
    Column.IN_OCTETS: oids.IF_HC_IN_OCTETS,
    Column.OUT_OCTETS: oids.IF_HC_OUT_OCTETS,
    Column.IN_ERRORS: oids.IF_IN_ERRORS,
    Column.OUT_ERRORS: oids.IF_OUT_ERRORS,
    Column.IN_DISCARDS: oids.IF_IN_DISCARDS,
    Column.OUT_DISCARDS: oids.IF_OUT_DISCARDS,
    Column.HIGH_SPEED: oids.IF_HIGH_SPEED,
}
NARROW_OID: Mapping[Column, str] = {Column.IN_OCTETS: oids.IF_IN_OCTETS, Column.OUT_OCTETS: oids.IF_OUT_OCTETS}
"""Of 32 bits, for ports without those of 64."""
NAME_OID = oids.IF_NAME
"""Read with the columns, in the same PDU, to tell which port this is."""

NARROW = frozenset(Column) - NARROW_OID.keys()
"""Of 32 bits; the others are Counter64."""
