"""What a datagram or a SET is refused with.

AgentError
├── MalformedMessage   not BER, or not SNMP           (ValueError)
├── NotAuthentic       wrong community, key or user   (PermissionError)
└── SetRefused         RFC 3416 error-status, and the varbind it is about
"""

from enum import IntEnum


class ErrorStatus(IntEnum):
    """RFC 3416 section 3."""

    NO_ERROR = 0
    TOO_BIG = 1
    GEN_ERR = 5
    NO_ACCESS = 6
    WRONG_TYPE = 7
    WRONG_LENGTH = 8
    WRONG_ENCODING = 9
    WRONG_VALUE = 10
    NO_CREATION = 11
    INCONSISTENT_VALUE = 12
    NOT_WRITABLE = 17
    INCONSISTENT_NAME = 18


class AgentError(Exception):
    """Base of what the agent refuses."""


class MalformedMessage(AgentError, ValueError):
    """Dropped, as RFC 3412 has it."""


class NotAuthentic(AgentError, PermissionError):
    """Dropped; the text never holds a secret."""


class SetRefused(AgentError):
    """`index` counts varbinds from 1; 0 until the varbind is known."""

    def __init__(self, status: ErrorStatus, index: int = 0) -> None:
        super().__init__(f"{status.name} at varbind {index}")
        self.status = status
        self.index = index
