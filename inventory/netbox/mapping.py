"""From NetBox's objects to an inventory document. Pure.

Only what NetBox says is said: what it does not know (interface numbers, attributes of fabd's own, names of links) stays as it is.
What cannot be mapped is left out, with a remark that says why.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_interface
from typing import Any

from inventory.document import InventoryDocument
from inventory.netbox.names import AnyEnd, Names, strangers_left_out
from inventory.netbox.objects import Device, Dump, Interface, Named
from inventory.netbox.pools import Given, pools_of
from inventory.netbox.rules import CONTEXT, FIELD, Rules

ELEMENT_ROLES = ("edge", "core", "access")
PORT_ROLES = ("customer", "core", "management")
CONNECTED = ("", "connected")
"""States of a cable that carries something; others are planned or going."""
_KBIT = 1000
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


@dataclass(frozen=True, slots=True)
class Mapped:
    data: Mapping[str, Any]
    """As an inventory document."""
    remarks: tuple[str, ...]
    """What was left out, and why."""


def map_dump(
    dump: Dump, rules: Rules, current: InventoryDocument, protocols: Mapping[str, str], given: Given = frozenset()
) -> Mapped:
    """`protocols`: platform of fabd's → the one that configures it. `given`: what services have of pools, by pool and value."""
    network = _Network(dump, rules, current, protocols)
    elements, links = list(network.elements()), list(network.links())
    pools, remarks = pools_of(dump, rules, current, given)
    data = {"sites": list(network.sites()), "elements": elements, "links": links, "pools": pools}
    return Mapped(data, (*dict.fromkeys((*network.remarks, *remarks)),))


class _Network:
    def __init__(self, dump: Dump, rules: Rules, current: InventoryDocument, protocols: Mapping[str, str]) -> None:
        self._dump, self._rules, self._current, self._protocols = dump, rules, current, protocols
        self._names = Names(dump)
        self.remarks: list[str] = []

    def sites(self) -> Iterator[dict[str, Any]]:
        """Those that have an element."""
        wanted = {self._names.site(device) for device in self._devices.values()}
        for site in self._dump.sites:
            if site.name in wanted:
                address = " ".join(site.physical_address.split())
                yield {"name": site.name} | ({"address": address} if address else {})

    def elements(self) -> Iterator[dict[str, Any]]:
        known = {element.name: element for element in self._current.elements}
        for name, device in self._devices.items():
            context = _words(device)
            said = {key: value for key in self._rules.attributes if (value := device.custom_fields.get(key)) is not None}
            before = known[name].attributes if name in known else {}
            yield {
                "name": name,
                "site": self._names.site(device),
                "platform": self._platform(device),
                "role": self._role(device),
                "attributes": {**before, **said, **_mapping(context.get("attributes")), "netbox_id": device.id},
                "endpoints": self._endpoints(device, context),
                "ports": [self._port(interface) for interface in self._ports.get(name, ())],
            }

    def links(self) -> Iterator[dict[str, Any]]:
        """Those that are there already keep their names."""
        names = {frozenset((link.a, link.b)): link.key for link in self._current.links}
        used: set[str] = set()
        for a, b in self._pairs:
            if {a, b} & used:
                self.remarks.append(f"the way from {a} to {b} is left out: one of the ports ends another link already")
                continue
            used |= {a, b}
            name = names.get(frozenset((a, b)))
            yield {"a": a, "b": b} | ({"name": name} if name else {})

    # -- devices -------------------------------------------------------------------------------------------------------

    @cached_property
    def _devices(self) -> dict[str, Device]:
        """Those that become elements, by name."""
        found: dict[str, Device] = {}
        for device in self._dump.devices:
            if not self._is_wanted(device):
                continue
            if reason := self._obstacle(device):
                called = device.name or f"with id {device.id}"
                self.remarks.append(f"device {called} is left out: {reason}")
            elif str(device.name) in found:
                self.remarks.append(f"device {device.name} is left out: another one has the same name")
            else:
                found[str(device.name)] = device
        return found

    def _is_wanted(self, device: Device) -> bool:
        tagged = not self._rules.tag or self._rules.tag in {tag.slug for tag in device.tags}
        return tagged and device.status.value in self._rules.device_status

    def _obstacle(self, device: Device) -> str:
        """Why it cannot become an element; "" when it can."""
        if not device.name:
            return "it has no name; give it one in NetBox"
        if not set(device.name) <= _NAME:
            return "elements have names of letters, digits, dots, dashes and underscores"
        if self._platform(device) not in self._protocols:
            return f"its platform {_said(device.platform)}; name fabd's for it under `platforms` of the rules"
        if self._role(device) is None:
            return f"its role {_said(device.role)}; name fabd's for it under `roles` of the rules"
        if not device.site:
            return "it has no site"
        return "" if self._names.site(device) else f"its site, with id {device.site.id}, has no name; give it one in NetBox"

    def _platform(self, device: Device) -> str:
        slug = _slug(device.platform)
        return str(_words(device).get("platform") or self._rules.platforms.get(slug, slug))

    def _role(self, device: Device) -> str | None:
        slug = _slug(device.role)
        said = _words(device).get("role") or device.custom_fields.get(FIELD) or self._rules.roles.get(slug, slug)
        return str(said) if said in ELEMENT_ROLES else self._rules.default_role

    def _endpoints(self, device: Device, context: Mapping[str, Any]) -> dict[str, Any]:
        ways = self._rules.ways
        credential = str(context.get("credential") or ways.credential)
        host = _host(device)
        usual = [self._protocols[self._platform(device)], *(["snmp"] if ways.snmp else [])]
        said = _mapping(context.get("endpoints"))
        found = {}
        for protocol in dict.fromkeys((*(each for each in usual if host and each in ways.ports), *said)):
            base = {"host": host, "port": ways.ports.get(protocol, 0), "credential": credential}
            found[str(protocol)] = {**base, **_mapping(said.get(protocol))}
        if not found:
            self.remarks.append(f"device {device.name} has no primary IP address: fabd does not know how to reach it")
        return found

    # -- ports and what joins them -------------------------------------------------------------------------------------

    @cached_property
    def _ports(self) -> dict[str, list[Interface]]:
        """Element → its interfaces that become ports."""
        found: dict[str, list[Interface]] = {}
        strangers: dict[int, list[Interface]] = {}
        for interface in self._dump.interfaces:
            device = self._names.device(interface.device)
            if interface.type.value in self._rules.port_types_left_out:
                continue
            if self._names.is_stranger(interface.device):
                strangers.setdefault(interface.device.id, []).append(interface)
            if device not in self._devices:
                continue
            if not interface.name.isascii() or not interface.name.isprintable() or " " in interface.name:
                self.remarks.append(f"interface {interface.name!r} of {device} is left out: names of ports have no spaces")
                continue
            found.setdefault(device, []).append(interface)
        self.remarks += [strangers_left_out(device, interfaces) for device, interfaces in strangers.items()]
        return found

    @cached_property
    def _pairs(self) -> list[tuple[str, str]]:
        """Ports that are joined, each pair once: by a cable, or over patch panels."""
        there = {f"{name}/{port.name}" for name, ports in self._ports.items() for port in ports}
        found = set()
        for called, one, other in self._ways():
            a, b = self._names.port(one), self._names.port(other)
            if a in there and b in there and a != b:
                found.add((min(a, b), max(a, b)))
            elif reason := self._names.riddles(one, other, there):
                known = next((f"the way from {port}" for port in (a, b) if port in there), called)
                self.remarks.append(f"{known} is left out: {reason}; give it a name in NetBox")
        return sorted(found)

    def _ways(self) -> Iterator[tuple[str, AnyEnd, AnyEnd]]:
        """What it is called, and its ends: cables, and what interfaces say of the other end."""
        for cable in self._dump.cables:
            if cable.ends and cable.status.value in CONNECTED:
                one, other = cable.ends
                yield f"cable {cable.id}", one, other
        for interface in self._dump.interfaces:
            if len(interface.far_ends) == 1:
                yield f"the way from interface {interface.id}", interface, interface.far_ends[0]

    @cached_property
    def _joined(self) -> frozenset[str]:
        return frozenset(end for pair in self._pairs for end in pair)

    def _port(self, interface: Interface) -> dict[str, Any]:
        speed = {"speed_bps": interface.speed * _KBIT} if interface.speed else {}
        return {"name": interface.name, "role": self._port_role(interface)} | speed

    def _port_role(self, interface: Interface) -> str:
        said = interface.custom_fields.get(FIELD)
        tagged = (self._rules.port_tags[tag.slug] for tag in interface.tags if tag.slug in self._rules.port_tags)
        if role := said if said in PORT_ROLES else next(tagged, None):
            return str(role)
        if interface.mgmt_only:
            return "management"
        return "core" if self._names.port(interface) in self._joined else "customer"


def _words(device: Device) -> Mapping[str, Any]:
    """What the device's configuration context says to fabd."""
    return _mapping(device.config_context.get(CONTEXT))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _host(device: Device) -> str:
    text = device.primary_ip.address if device.primary_ip else ""
    try:
        return str(ip_interface(text).ip)
    except ValueError:
        return ""


def _said(named: Named | None) -> str:
    if named is None:
        return "is not said"
    return f"is {named.slug!r}" if named.slug else f"has no slug (its id is {named.id})"


def _slug(named: Any) -> str:  # noqa: ANN401  anything with a slug, or nothing
    return named.slug if named else ""
