"""What goes wrong in the simulated network itself (as opposed to what it plays).

SimError
├── TopologyError       the network file cannot be used      (ValueError)
├── UnknownObject       no such element, port, link, demand  (LookupError)
├── PortInUse           a server cannot bind its address     (OSError)
└── ControlError        the control API refused a request

FaultRaised             a fault on demand that the serving protocol has to play
├── RefusedByFault      answer with this message as the element's refusal
└── DisconnectedByFault drop the transport without another octet
"""


class SimError(Exception):
    """Base of everything the simulated network raises to its operator."""


class TopologyError(SimError, ValueError):
    """Carries one line per mistake: file, path inside it, what is wrong and what to write instead."""


class UnknownObject(SimError, LookupError):
    """The request names something that this network has not."""


class PortInUse(SimError, OSError):
    """Another process listens where an element should."""


class ControlError(SimError):
    """The control API answered with an error; `status` is its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class FaultRaised(Exception):
    """Base of what `ElementFaults.before` raises."""


class RefusedByFault(FaultRaised):
    """The element shall refuse with `message`."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class DisconnectedByFault(FaultRaised):
    """The element shall drop the connection."""
