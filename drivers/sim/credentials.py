"""The one set of log-in data that all elements of a simulated network share."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SimCredentials:
    """User and password for SSH and NETCONF, community for SNMPv2c, user with SHA-1/AES-128 keys for SNMPv3.

    Secrets stay out of `repr`, so that neither a log line nor a traceback shows them.
    """

    user: str = "fabd"
    password: str = field(default="fabd-sim-password", repr=False)
    community: str = field(default="fabd-sim", repr=False)
    v3_user: str = "fabdv3"
    v3_auth: str = field(default="fabd-sim-auth-key", repr=False)
    v3_priv: str = field(default="fabd-sim-priv-key", repr=False)
