"""What can go wrong with measuring actively.

ProbingError
├── NoProbeSocket     the kernel gives no socket for it (PermissionError)
├── AddressUnusable   no address to send to, or one that cannot be had to listen on (ValueError)
├── TooMuch           more sessions or packets than may be sent
├── ProberStopped     what sends and counts ended by itself
└── NotStamp          octets that are no packet of RFC 8762, or with another key (ValueError)
"""


class ProbingError(Exception):
    """The message is for the operator."""


class NoProbeSocket(ProbingError, PermissionError):
    pass


class AddressUnusable(ProbingError, ValueError):
    pass


class TooMuch(ProbingError):
    pass


class ProberStopped(ProbingError):
    pass


class NotStamp(ProbingError, ValueError):
    pass
