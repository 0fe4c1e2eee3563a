"""Values that the command line takes: what is well-formed, and how they are written."""

import ipaddress
import re
from collections.abc import Callable, Iterable

from drivers.sim.state import Address

VLANS = range(1, 4095)
RATES = range(8_000, 10**12 + 1)
"""bit/s"""


def prefix_length(mask: str) -> int:
    """Of a dotted mask; raises ValueError for one with a hole."""
    bits = f"{int(ipaddress.IPv4Address(mask)):032b}"
    if "01" in bits:
        raise ValueError(f"{mask} is not a mask: its ones are not together")
    return bits.count("1")


def mask(length: int) -> str:
    return str(ipaddress.IPv4Network((0, length)).netmask)


def interface_v4(address: str, dotted_mask: str) -> Address:
    return Address(str(ipaddress.IPv4Address(address)), prefix_length(dotted_mask))


def interface_v6(text: str) -> Address:
    address = ipaddress.IPv6Interface(text)
    return Address(str(address.ip), address.network.prefixlen)


def vlan_set(text: str) -> set[int]:
    """`10,20-22` → {10, 20, 21, 22}; raises ValueError."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        low, high = int(first), int(last or first)
        if low not in VLANS or high not in VLANS or high < low:
            raise ValueError(f"{part} is not a VLAN range within {VLANS.start}-{VLANS.stop - 1}")
        found.update(range(low, high + 1))
    return found


def vlan_list(vlans: Iterable[int]) -> str:
    """{10, 20, 21, 22} → `10,20-22`."""
    runs: list[list[int]] = []
    for vid in sorted(vlans):
        if runs and vid == runs[-1][-1] + 1:
            runs[-1].append(vid)
        else:
            runs.append([vid])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def is_route_distinguisher(text: str) -> bool:
    """`asn:number` or `address:number` (RFC 4364 section 4.2)."""
    administrator, colon, number = text.rpartition(":")
    if not colon or not number.isdecimal():
        return False
    if not administrator.isdecimal():
        return _parses(ipaddress.IPv4Address, administrator) and int(number) < 2**16
    asn = int(administrator)
    return int(number) < (2**32 if 0 < asn < 2**16 else 2**16) and 0 < asn < 2**32


def _parses(constructor: Callable[[str], object], text: str) -> bool:
    try:
        constructor(text)
    except ValueError:
        return False
    return True


def _decimal(allowed: range) -> Callable[[str], bool]:
    return lambda text: text.isascii() and text.isdecimal() and int(text) in allowed


CHECKS: dict[str, Callable[[str], bool]] = {
    "ipv4": lambda text: _parses(ipaddress.IPv4Address, text),
    "mask": lambda text: _parses(ipaddress.IPv4Address, text),
    "ipv6prefix": lambda text: "/" in text and _parses(ipaddress.IPv6Interface, text),
    "vlan": _decimal(VLANS),
    "vlans": lambda text: _parses(vlan_set, text),
    "asn": _decimal(range(1, 2**32)),
    "bps": _decimal(RATES),
    "number": _decimal(range(2**16)),
    "rd": is_route_distinguisher,
    "address": lambda text: _parses(ipaddress.ip_address, text),
    "duration": lambda text: bool(re.fullmatch(r"\d{1,2}:[0-5]\d:[0-5]\d", text, re.ASCII)),
    "name": lambda text: bool(re.fullmatch(r"[\w.:/-]{1,32}", text, re.ASCII)),
}
"""By the name that patterns use. `mask` admits any dotted quad: a wrong mask is refused with the address beside it."""
