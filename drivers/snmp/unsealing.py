"""Decrypting SNMPv3 traps without an engine: a trap needs no answer, so nothing of pysnmp is needed to read one.

Only AES-128 (RFC 3826), which is what elements speak; DES and informs take the long way through pysnmp.
"""

from drivers.snmp import ber
from drivers.snmp.ber import Notification, V3Header
from drivers.snmp.errors import BerError
from drivers.snmp.keys import SALT_OCTETS
from drivers.snmp.usm import User

_FASTEST = "aes128"


def opened(datagram: bytes, header: V3Header, user: User) -> Notification | None:
    """The trap in a message that was found genuine; None when it has to go the long way. `BerError` when it is none."""
    if user.credential.priv_protocol != _FASTEST:
        return None
    salt, sealed = ber.v3_sealed(datagram, header)
    if len(salt) != SALT_OCTETS or not 0 <= header.boots < 2**31 or not 0 <= header.time < 2**31:
        raise BerError(f"a salt of {len(salt)} octets, or a time that no engine has")
    return ber.scoped_trap(user.keys(header.engine_id).decrypt(sealed, header.boots, header.time, salt))
