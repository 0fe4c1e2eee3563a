"""One spelling per value, so that what an element prints compares with what was sent."""

from functools import lru_cache
from ipaddress import ip_address, ip_interface

_REMEMBERED = 8_192
"""Spellings; one change reads the same addresses several times."""


@lru_cache(_REMEMBERED)
def canonical(token: str) -> str:
    """Addresses and prefixes in their shortest form (`2001:DB8::0:1` → `2001:db8::1`); everything else as it is."""
    if not token or not (":" in token or "." in token) or token[0] not in "0123456789abcdefABCDEF:":
        return token
    try:
        return str(ip_interface(token)) if "/" in token else str(ip_address(token))
    except ValueError:
        return token
