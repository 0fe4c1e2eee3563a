"""What can keep a command from doing what it was asked to.

CliError                         any failure of the command line's own
├── DaemonUnreachable            nobody answers at the daemon's address (ConnectionError)
├── DaemonTimeout                the daemon does not answer in time (TimeoutError)
├── DaemonRefused                the daemon answered with an error; carries its HTTP status
├── NoToken                      the daemon asks for a token and none was given (PermissionError)
├── FileUnusable                 a file named by the caller cannot be read or written (OSError)
├── NoDatabase                   the database is not there yet (LookupError)
└── Unfinished                   what was waited for did not happen, or ended otherwise
"""


class CliError(Exception):
    """Its text says what happened, to which object, and what to do."""


class DaemonUnreachable(CliError, ConnectionError):
    pass


class DaemonTimeout(CliError, TimeoutError):
    pass


class DaemonRefused(CliError):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NoToken(CliError, PermissionError):
    pass


class FileUnusable(CliError, OSError):
    pass


class NoDatabase(CliError, LookupError):
    pass


class Unfinished(CliError):
    pass
