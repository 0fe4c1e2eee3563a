"""What SNMP adds to the errors of `drivers.errors`.

ElementError
├── NoSuchObject          the element does not have the object (LookupError)
├── WalkRefused           a walk that does not end or does not advance (RuntimeError)
└── (ElementLocked)       another manager moved snmpSetSerialNo between our lock and our SET
BerError                  a datagram that is not the SNMP message it claims to be (ValueError)
TrapSetupError            the trap receiver cannot start as configured (OSError)
"""

from drivers.errors import ElementError


class NoSuchObject(ElementError, LookupError):
    pass


class WalkRefused(ElementError, RuntimeError):
    """Some agents answer a walk for ever, or answer with identifiers that do not grow."""


class BerError(ValueError):
    """The message says at which octet what was wrong; never the content, which a stranger chose."""


class TrapSetupError(OSError):
    pass
