"""How one element is spoken to: by community (v2c) or as a user (v3)."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from drivers.snmp import asking
from drivers.snmp.bulk import Packet
from drivers.snmp.errors import BerError
from drivers.snmp.lockstep import Layout

MAX_PACKETS = 32_768
"""Finished requests that are kept for the next cycle."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be asked when it is not the ports of a cycle."""

    kind: int
    bindings: bytes
    first: int = 0
    second: int = 0


@dataclass(frozen=True, slots=True)
class Endpoint:
    family: socket.AddressFamily
    address: bytes


class Verdict(Enum):
    AGAIN = auto()
    """The engine told what was missing."""
    FORGED = auto()
    """Not from that engine, or from another time: as if it had not come."""


@dataclass(frozen=True, slots=True)
class Refused:
    why: str


class Speech(Protocol):
    @property
    def endpoint(self) -> Endpoint: ...

    @property
    def secured(self) -> bool:
        """SNMPv3."""
        ...

    def ports(self, request_id: int, indices: tuple[int, ...], *, narrow: bool) -> Packet:
        """A GET of these ports."""
        ...

    def wish(self, request_id: int, wish: Wish) -> Packet: ...

    def open(self, datagram: bytes) -> tuple[int, bytes | Verdict | Refused]:
        """Of an SNMPv3 message: its id, and its PDU or what else it is. Raises `BerError`."""
        ...


class Requests:
    """Requests for ports, made once per community and ports, and kept."""

    def __init__(self, layouts: Mapping[bool, Layout]) -> None:
        """`layouts`: by whether octets are counted in 32 bits."""
        self.layouts = layouts
        self._known: dict[tuple[str, bool, tuple[int, ...]], Packet] = {}

    def of(self, community: str, indices: tuple[int, ...], *, narrow: bool) -> Packet:
        known = self._known.get((community, narrow, indices))
        if known is None:
            if len(self._known) >= MAX_PACKETS:
                self._known.clear()
            known = Packet(*asking.community_message(community, asking.GET, self.layouts[narrow].request(indices)))
            self._known[community, narrow, indices] = known
        return known


@dataclass(frozen=True, slots=True)
class ByCommunity:
    endpoint: Endpoint
    community: str = field(repr=False)
    requests: Requests = field(repr=False)
    secured: bool = False

    def ports(self, request_id: int, indices: tuple[int, ...], *, narrow: bool) -> Packet:  # noqa: ARG002  written in when it is sent
        return self.requests.of(self.community, indices, narrow=narrow)

    def wish(self, request_id: int, wish: Wish) -> Packet:  # noqa: ARG002  see above
        return Packet(*asking.community_message(self.community, wish.kind, wish.bindings, wish.first, wish.second))

    def open(self, datagram: bytes) -> tuple[int, bytes | Verdict | Refused]:
        raise BerError(f"an SNMPv3 message of {len(datagram)} octets to a question of v2c")
