"""Values of a SET, taken with the RFC 3416 error that fits when they are not what the object wants."""

from drivers.sim.snmp.ber import INTEGER, OCTETS, Value
from drivers.sim.snmp.errors import ErrorStatus, SetRefused


def take_number(value: Value, allowed: range, tag: int = INTEGER) -> int:
    if value.tag != tag or not isinstance(value.data, int):
        raise SetRefused(ErrorStatus.WRONG_TYPE)
    if value.data not in allowed:
        raise SetRefused(ErrorStatus.WRONG_VALUE)
    return value.data


def take_octets(value: Value, longest: int) -> bytes:
    if value.tag != OCTETS or not isinstance(value.data, bytes):
        raise SetRefused(ErrorStatus.WRONG_TYPE)
    if len(value.data) > longest:
        raise SetRefused(ErrorStatus.WRONG_LENGTH)
    return value.data


def take_text(value: Value, longest: int) -> str:
    """UTF-8 (SnmpAdminString) without control characters."""
    try:
        text = take_octets(value, longest).decode()
    except UnicodeDecodeError:
        raise SetRefused(ErrorStatus.WRONG_VALUE) from None
    if not text.isprintable():
        raise SetRefused(ErrorStatus.WRONG_VALUE)
    return text
