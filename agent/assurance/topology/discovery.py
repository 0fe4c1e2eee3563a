"""The links that elements tell of (LLDP) held against those of the inventory. Pure; asking is the caller's.

A port that is linked in the inventory and hears nobody is only called missing when the other end hears nothing of it either: LLDP
may be off at one end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from drivers.snmp.lldp import Neighbour
from inventory.topology import Topology


class Verdict(StrEnum):
    CONFIRMED = "confirmed"
    MISSING = "missing"
    """In the inventory, and neither end hears the other, though asked."""
    OTHER = "other"
    """The port hears another one than the inventory says."""
    NEW = "new"
    """Both ends are ports of the inventory; it has no link there."""
    UNKNOWN = "unknown"
    """The neighbour, or its port, is not in the inventory."""


@dataclass(frozen=True, slots=True)
class Seen:
    verdict: Verdict
    port: str
    """element/port."""
    heard: str = ""
    """element/port as the element tells it; "" for nobody."""
    link: str = ""
    """Of the inventory."""
    expected: str = ""


@dataclass(frozen=True, slots=True)
class Discovery:
    findings: tuple[Seen, ...]
    failures: Mapping[str, str]
    """Element → why it could not be asked."""


def compare(topology: Topology, told: Mapping[str, Sequence[Neighbour]], failures: Mapping[str, str]) -> Discovery:
    """`told`: what the elements hear that were asked and answered."""
    names = _names(topology)
    heard = {
        _port(topology, element, each.port): _heard(topology, names, each)
        for element, neighbours in sorted(told.items())
        for each in neighbours
    }
    findings: dict[tuple[str, ...], Seen] = {}
    for port, far in sorted(heard.items()):
        found = _judged(topology, port, far)
        key = (found.link,) if found.verdict is Verdict.CONFIRMED else tuple(sorted((port, far)))
        findings.setdefault(key, found)
    for link in topology.links:
        ends = [end for end in (link.a, link.b) if end.element in told]
        if ends and not any(end.reference in heard for end in (link.a, link.b)):
            findings[link.name, ""] = Seen(Verdict.MISSING, link.a.reference, "", link.name, link.b.reference)
    return Discovery(tuple(sorted(findings.values(), key=lambda each: (list(Verdict).index(each.verdict), each.port))), failures)


def _judged(topology: Topology, port: str, far: str) -> Seen:
    known = topology.ports.get(port)
    link = topology.link_of(port) if known is not None else None
    expected = "" if link is None else (link.b if link.a.reference == port else link.a).reference
    if link is not None and far == expected:
        return Seen(Verdict.CONFIRMED, port, far, link.name, expected)
    if link is not None:
        return Seen(Verdict.OTHER, port, far, link.name, expected)
    if known is not None and far in topology.ports:
        other = topology.link_of(far)
        if other is not None:
            expected = (other.b if other.a.reference == far else other.a).reference
            return Seen(Verdict.OTHER, far, port, other.name, expected)
        return Seen(Verdict.NEW, port, far)
    return Seen(Verdict.UNKNOWN, port, far)


def _names(topology: Topology) -> Mapping[str, str]:
    """As systems may call themselves → element: its name in any case, and as the first part of a domain name."""
    return {name.lower(): name for name in topology.elements}


def _heard(topology: Topology, names: Mapping[str, str], neighbour: Neighbour) -> str:
    said = (neighbour.system or neighbour.chassis).lower()
    element = names.get(said) or names.get(said.partition(".")[0])
    return _port(topology, element or neighbour.system or neighbour.chassis, neighbour.far_port)


def _port(topology: Topology, element: str, port: str) -> str:
    """As the inventory spells it, where it knows it in another case."""
    if element in topology.elements:
        port = next((each.name for each in topology.ports_of(element) if each.name.lower() == port.lower()), port)
    return f"{element}/{port}"
