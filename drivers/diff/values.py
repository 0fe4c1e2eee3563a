"""One spelling per value, so that what an element prints compares with what was sent."""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_interface

_REMEMBERED = 8_192
"""Spellings; one change reads the same addresses several times."""


@lru_cache(_REMEMBERED)
def canonical(token: str) -> str:
    """Addresses and prefixes in their shortest form (`2001:DB8::0:1` → `2001:db8::1`); everything else as it is."""
    if not token or not (":" in token or "." in token) or token[0] not in "0123456789abcdefABCDEF:":
        return token
    if _IPV4(token) or (_IPV6(token) and token.count(":") <= _MOST_COLONS):
        return token
    try:
        return str(ip_interface(token)) if "/" in token else str(_address(token))
    except ValueError:
        return token


def _address(token: str) -> IPv4Address | IPv6Address:
    """Python would try IPv4 first."""
    return IPv6Address(token) if ":" in token else IPv4Address(token)


_OCTET = "(?:0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}", re.ASCII).fullmatch
"""An address that is as short as it can be."""
_GROUP = "[1-9a-f][0-9a-f]{0,3}"
_IPV6 = re.compile(rf"{_GROUP}(?::{_GROUP})*::(?:{_GROUP}(?::{_GROUP})*)?", re.ASCII).fullmatch
"""So is this, where what is left out is two groups or more: there are no other zeros that could be left out instead."""
_MOST_COLONS = 6
