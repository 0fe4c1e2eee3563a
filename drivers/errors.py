"""What can go wrong with a network element.

ElementError                     any failure, names the element
├── ElementUnreachable           no connection (ConnectionError)
├── ElementTimeout               no answer in time (TimeoutError)
├── ElementDisconnected          the connection broke in the middle (ConnectionError)
├── AuthenticationRefused        the element refused the credential (PermissionError)
├── HostKeyChanged               another key than the trusted one (PermissionError)
├── HostKeyUnknown               no trusted key yet (PermissionError)
├── ElementLocked                somebody else holds the configuration
├── EditRefused                  the element refused the configuration, in its own words (ValueError)
├── VerificationFailed           the element says yes but its configuration or ports say otherwise
├── RevertFailed                 the reverse could not be applied: the element is in doubt
└── PlatformUnsupported          the platform cannot do what was asked (NotImplementedError)
DriverSetupError                 unknown platform, driver or unusable platform data (LookupError)
"""

from datetime import datetime


class ElementError(Exception):
    """A failure on one element. `transient` says whether trying again can help."""

    transient = False

    def __init__(self, element: str, message: str) -> None:
        super().__init__(f"{element}: {message}")
        self.element = element
        self.message = message

    def __reduce__(self) -> tuple[type["ElementError"], tuple[str, str]]:
        return type(self), (self.element, self.message)


class ElementUnreachable(ElementError, ConnectionError):
    transient = True


class ElementTimeout(ElementError, TimeoutError):
    transient = True


class ElementDisconnected(ElementError, ConnectionError):
    transient = True


class AuthenticationRefused(ElementError, PermissionError):
    pass


class HostKeyChanged(ElementError, PermissionError):
    pass


class HostKeyUnknown(ElementError, PermissionError):
    pass


class ElementLocked(ElementError):
    """Held by somebody else; `session` and `since` as far as the element tells."""

    transient = True

    def __init__(self, element: str, message: str, *, session: str = "", since: datetime | None = None) -> None:
        super().__init__(element, message)
        self.session = session
        self.since = since


class EditRefused(ElementError, ValueError):
    """Final: the element's own words are the message."""


class VerificationFailed(ElementError):
    pass


class RevertFailed(ElementError):
    transient = True


class PlatformUnsupported(ElementError, NotImplementedError):
    pass


class DriverSetupError(LookupError):
    """A platform or driver that is not installed, or platform data that cannot be used."""
