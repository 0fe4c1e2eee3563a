"""What is measured."""

import ipaddress
import socket
from dataclasses import dataclass, field
from typing import Literal

from drivers.probing.errors import AddressUnusable
from drivers.probing.stamp import PORT

Kind = Literal["echo", "stamp"]
KINDS: tuple[Kind, ...] = ("echo", "stamp")


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """Where test packets go. Equal ones are one session."""

    kind: Kind
    address: str
    """Of IP, as it is printed."""
    port: int = 0
    """Of STAMP; 0 for echo."""
    key: bytes = field(default=b"", repr=False)
    """Of authenticated STAMP; b"" for the open mode."""

    @property
    def version(self) -> int:
        """Of IP."""
        return 6 if ":" in self.address else 4

    @property
    def host(self) -> str:
        """The address without the interface that a link-local one is reached through: as answers name it."""
        return self.address.partition("%")[0]

    def __str__(self) -> str:
        if self.kind == "echo":
            return f"echo {self.address}"
        return f"stamp {f'[{self.address}]' if self.version == 6 else self.address}:{self.port}"  # noqa: PLR2004


def target_of(kind: Kind, address: str, port: int = PORT, key: bytes = b"") -> ProbeTarget:
    """Raises `AddressUnusable`. Names are looked up by whoever has them: here only addresses count."""
    try:
        found = ipaddress.ip_address(address.strip())
    except ValueError:
        raise AddressUnusable(f"{address!r} is no IP address") from None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped  # its answers come as those of IPv4
    if found.is_multicast or found.is_unspecified or str(found) == "255.255.255.255":
        raise AddressUnusable(f"{found} is no address of one interface: nothing is measured there")
    if kind == "stamp" and not 0 < port < 65_536:  # noqa: PLR2004  16 bits
        raise AddressUnusable(f"{port} is no UDP port; write one between 1 and 65535")
    return ProbeTarget(kind, str(found), port if kind == "stamp" else 0, key if kind == "stamp" else b"")


def looked_up(host: str) -> str:
    """The first address of a name, or the address that it is. Raises `AddressUnusable`. Blocks as long as the resolver does."""
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)[0][4][0])
    except OSError as error:
        raise AddressUnusable(f"{host}: no such host: {error.strerror or error}") from error
