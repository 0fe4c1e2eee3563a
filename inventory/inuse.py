"""Which values of a pool are in use, from what was found on the network. Pure."""

from collections.abc import Mapping
from ipaddress import ip_interface, ip_network

from inventory.pools import Addresses, Distinguishers, Numbers, PoolSpace, Prefixes, space_of

MOST = 1024
"""Values of one pool that one find stands for: an address with a short prefix may cover millions."""
FOUND_AS = {"vlan": ("vlan",), "vni": ("vni",), "rd": ("rd",), "rt": ("rt",)}
"""Kind of pool → kinds of find that use its values; addresses and prefixes are told by their arithmetic."""
ADDRESS = "address"


def values_in_use(kind: str, definition: Mapping[str, object], found: str, value: str) -> tuple[str, ...]:
    """The values of the pool that `value`, found as `found` (vlan, vni, address, rd, rt), uses; () when it is none of its."""
    space = space_of(kind, definition)
    if isinstance(space, Prefixes | Addresses):
        return _addresses(space, value) if found == ADDRESS else ()
    if found not in FOUND_AS.get(kind, ()) or not isinstance(space, Numbers | Distinguishers):
        return ()
    return _single(space, value)


def _single(space: PoolSpace, value: str) -> tuple[str, ...]:
    try:
        return (space.at(space.offset(value)),)
    except ValueError:
        return ()


def _addresses(space: Prefixes | Addresses, value: str) -> tuple[str, ...]:
    try:
        interface = ip_interface(value)
    except ValueError:
        return ()
    if interface.version != space.network.version or interface.ip not in space.network:
        return ()
    if isinstance(space, Addresses):
        return _single(space, str(interface.ip))
    covered = interface.network if interface.network.prefixlen < space.length else None
    if covered is None or not covered.subnet_of(space.network):  # type: ignore[arg-type]  # both are of the pool's version
        covered = ip_network(f"{interface.ip}/{space.length}", strict=False)
    first = space.offset(f"{covered.network_address}/{space.length}")
    count = 1 << max(0, space.length - covered.prefixlen)
    return tuple(space.at(offset) for offset in range(first, first + min(count, MOST)))
