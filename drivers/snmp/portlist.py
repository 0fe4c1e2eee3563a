"""PortList (RFC 4363): port 1 is the highest bit of the first octet."""

from collections.abc import Iterable


def decode(octets: bytes) -> frozenset[int]:
    return frozenset(index * 8 + bit + 1 for index, octet in enumerate(octets) for bit in range(8) if octet & (0x80 >> bit))


def encode(ports: Iterable[int], width: int) -> bytes:
    """At least `width` octets, because many agents refuse another length than their own; more only if a port needs it."""
    members = list(ports)
    octets = bytearray(max(width, width_for(max(members, default=0))))
    for port in members:
        octets[(port - 1) // 8] |= 0x80 >> (port - 1) % 8
    return bytes(octets)


def width_for(ports: int) -> int:
    """Octets needed for port numbers up to `ports`."""
    return (ports + 7) // 8
