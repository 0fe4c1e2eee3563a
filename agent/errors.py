"""What can go wrong in the daemon itself.

AgentError                       any failure of the daemon's own
├── ConfigurationError           settings that cannot be used; one line per mistake (ValueError)
├── CredentialUnresolved         a credential reference that leads nowhere (LookupError)
├── CredentialsExposed           the credentials file is readable by others (PermissionError)
├── DatabaseVersionError         the schema is newer or older than the program (RuntimeError)
├── DatabaseUnusable             its file or folder cannot be made, opened or locked (OSError)
├── AlreadyRunning               another daemon works on the same SQLite database (RuntimeError)
├── AddressInUse                 somebody else listens where fabd should (OSError)
└── BackupError                  a backup that cannot be made or restored (OSError)
"""


class AgentError(Exception):
    """A failure of the daemon's own; its text says what happened, to which object, and what to do."""


class ConfigurationError(AgentError, ValueError):
    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class CredentialUnresolved(AgentError, LookupError):
    def __init__(self, reference: str, remedy: str) -> None:
        super().__init__(f"credential {reference!r} does not resolve; {remedy}")
        self.reference = reference


class CredentialsExposed(AgentError, PermissionError):
    pass


class DatabaseVersionError(AgentError, RuntimeError):
    pass


class DatabaseUnusable(AgentError, OSError):
    pass


class AlreadyRunning(AgentError, RuntimeError):
    pass


class AddressInUse(AgentError, OSError):
    pass


class BackupError(AgentError, OSError):
    pass
