"""YANG built-in and derived types that the modules use: text in, canonical text out, ValueError with the rule."""

import ipaddress
import re
from collections.abc import Callable, Mapping

from drivers.sim.netconf.names import IANA_IF_TYPE

Namespaces = Mapping[str | None, str]
"""Prefix → namespace in scope where the value stands (identities are qualified by it)."""
ValueType = Callable[[str, Namespaces], str]

INTERFACE_TYPES = frozenset(
    [
        "other",
        "ethernetCsmacd",
        "iso88023Csmacd",
        "fddi",
        "ds1",
        "ds3",
        "ppp",
        "softwareLoopback",
        "slip",
        "frameRelay",
        "atm",
        "sonet",
        "propVirtual",
        "propMultiplexor",
        "ieee80211",
        "adsl",
        "sdsl",
        "vdsl",
        "hdsl",
        "shdsl",
        "fastEther",
        "gigabitEthernet",
        "tunnel",
        "l2vlan",
        "l3ipvlan",
        "l3ipxvlan",
        "ipForward",
        "mpls",
        "mplsTunnel",
        "ieee8023adLag",
        "bridge",
        "gpon",
        "vdsl2",
        "opticalChannel",
        "opticalTransport",
        "pos",
        "voiceOverIp",
        "ifPwType",
        "pip",
        "xdsl2",
        "capwapDot11Profile",
        "docsCableMaclayer",
        "aluEpon",
        "gtp",
    ]
)
"""The identities of iana-if-type that this element knows."""

_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2})*")


def string(text: str, _: Namespaces) -> str:
    return text


def boolean(text: str, _: Namespaces) -> str:
    if text not in ("true", "false"):
        raise ValueError(f"'{text}' is not a boolean; use true or false")
    return text


def unsigned(low: int, high: int) -> ValueType:
    """An unsigned integer within `low..high` inclusive."""

    def check(text: str, _: Namespaces) -> str:
        if not re.fullmatch(r"\+?[0-9]+", text):
            raise ValueError(f"'{text}' is not an unsigned integer")
        if not low <= int(text) <= high:
            raise ValueError(f"{int(text)} is out of range {low}..{high}")
        return str(int(text))

    return check


def enumeration(*allowed: str) -> ValueType:
    def check(text: str, _: Namespaces) -> str:
        if text not in allowed:
            raise ValueError(f"'{text}' is not one of {', '.join(allowed)}")
        return text

    return check


def ipv4(text: str, _: Namespaces) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise ValueError(f"'{text}' is not an IPv4 address") from None


def ipv6(text: str, _: Namespaces) -> str:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise ValueError(f"'{text}' is not an IPv6 address") from None
    if address.scope_id:
        raise ValueError(f"'{text}' has a zone, which an interface address must not have")
    return str(address)


def phys_address(text: str, _: Namespaces) -> str:
    if not _MAC.fullmatch(text):
        raise ValueError(f"'{text}' is not a physical address such as 02:00:5e:00:53:01")
    return text.lower()


def interface_type(text: str, namespaces: Namespaces) -> str:
    """An identity derived from `if:interface-type`; canonical with the prefix `ianaift`."""
    prefix, colon, name = text.rpartition(":")
    if namespaces.get(prefix if colon else None) != IANA_IF_TYPE:
        raise ValueError(f"'{text}' is not in the namespace of iana-if-type; declare its prefix")
    if name not in INTERFACE_TYPES:
        raise ValueError(f"'{name}' is not an interface type of iana-if-type that this element knows")
    return f"ianaift:{name}"
