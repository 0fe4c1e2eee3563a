"""Where a service is measured: the targets that its specification's monitors come to. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any, Literal

from policies.errors import RenderingFailed
from policies.expressions import Expressions
from policies.rendering import ServiceFacts
from policies.specification import FILE, Acceptance, ProbeMonitor, Specification

HIGHEST_PORT = 65_535
LONGEST_PORT = 5
"""Digits."""


@dataclass(frozen=True, slots=True)
class Probe:
    kind: Literal["echo", "stamp"]
    address: str
    """Of IP, as it is printed."""
    port: int
    every_s: float
    site: str = ""
    """The place that it measures, as in `Attachment.site`; "" for the service as a whole."""
    credential: str = ""
    acceptance: Acceptance | None = None
    number: int = 0
    """Of several of one kind at one place, in the order of the specification: its own among them, wherever it points at."""


def probes(
    spec: Specification, service: ServiceFacts, characteristics: Mapping[str, Any], allocations: Mapping[str, str]
) -> tuple[Probe, ...]:
    """What is measured of the service; `allocations` by role, as `policies.rendering.Need` has it. Raises `RenderingFailed`."""
    found: list[Probe] = []
    seen = Counter[tuple[str, str]]()
    for monitor in spec.probes:
        number = seen[monitor.kind, monitor.per]
        seen[monitor.kind, monitor.per] += 1
        found += (replace(each, number=number) for each in _probes(spec, monitor, service, characteristics, allocations))
    return tuple({replace(each, number=0): each for each in reversed(found)}.values())[::-1]


def may_be_accepted(spec: Specification, characteristics: Mapping[str, Any]) -> bool:
    """Whether a service of these characteristics may have an acceptance test; in doubt it may."""
    expressions = Expressions(spec, {}, characteristics)
    return any(probe.acceptance and (probe.per == "site" or _may_be(expressions, probe.when)) for probe in spec.probes)


def _may_be(expressions: Expressions, when: str) -> bool:
    try:
        return bool(expressions.of(when))
    except RenderingFailed:  # it names what is known only when values are given out
        return True


def _probes(
    spec: Specification,
    monitor: ProbeMonitor,
    service: ServiceFacts,
    characteristics: Mapping[str, Any],
    allocations: Mapping[str, str],
) -> Iterator[Probe]:
    whole: dict[str, object] = {
        "service": {"id": service.id, "name": service.name, "customer": service.customer},
        "allocations": {role: value for role, value in allocations.items() if ":" not in role},
    }
    for site, names in _occasions(monitor, characteristics, allocations):
        expressions = Expressions(spec, {**whole, **names}, characteristics)
        if expressions.of(monitor.when):
            address = _address(spec, expressions.text(monitor.target).strip())
            port = _port(spec, expressions.text(str(monitor.port)).strip())
            yield Probe(monitor.kind, address, port, monitor.every_s, site, monitor.credential, monitor.acceptance)


def _occasions(
    monitor: ProbeMonitor, characteristics: Mapping[str, Any], allocations: Mapping[str, str]
) -> Iterator[tuple[str, Mapping[str, object]]]:
    if monitor.per == "service":
        yield "", {}
        return
    for place in _places(characteristics):
        vlan = place.get("vlan")
        site = str(place["port"]) if vlan is None else f"{place['port']}.{vlan}"
        suffix = f":{site}"
        own = {role.removesuffix(suffix): value for role, value in allocations.items() if role.endswith(suffix)}
        merged = {**characteristics, **place}
        yield site, {"at": {"port": place["port"], "characteristics": merged, "allocations": own}}


def _places(characteristics: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """As the layouts read them: `sites`, or `a` and `b`, or `port`."""
    if sites := characteristics.get("sites"):
        yield from sites
        return
    ends = [characteristics[name] for name in ("a", "b") if name in characteristics]
    yield from ({"port": each} for each in ends)
    if not ends and "port" in characteristics:
        vlan = characteristics.get("vlan")
        yield {"port": characteristics["port"]} | ({} if vlan is None else {"vlan": vlan})


def _address(spec: Specification, text: str) -> str:
    """Raises `RenderingFailed`."""
    try:
        return str(ip_address(text))
    except ValueError:
        raise RenderingFailed(f"{spec.name}/{FILE}", "", 1, f"the target of a monitor: {text!r} is no IP address") from None


def _port(spec: Specification, text: str) -> int:
    """Raises `RenderingFailed`."""
    number = int(text) if text.isdecimal() and text.isascii() and len(text) <= LONGEST_PORT else 0
    if not 0 < number <= HIGHEST_PORT:
        raise RenderingFailed(
            f"{spec.name}/{FILE}", "", 1, f"the port of a monitor: {text!r} is none; it has to be 1 to {HIGHEST_PORT}"
        )
    return number
