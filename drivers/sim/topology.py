"""The file that describes a simulated network, checked.

name: metro
network: 127.40.0.0/24          # every element gets a loopback address of its own
traps_to: [127.0.0.1:9162]
elements:
- {name: pe1, platform: ietf, role: edge, site: east, ports: ["ge-0/0/[0-3]", {name: xe-0/1/0, speed: 10G}]}
links:
- {a: "pe1:xe-0/1/0", b: "p1:xe-0/1/0"}
traffic:
- {name: office, from: "pe1:ge-0/0/1", to: "pe2:ge-0/0/1", bps: 20M, reverse_bps: 5M}
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from drivers.sim.credentials import SimCredentials
from drivers.sim.errors import TopologyError, UnknownObject
from drivers.sim.paths import End

FIRST_HOST = 11
"""Elements without an address get `network` + 11, + 12 … in file order; the hosts below are for managers."""

_RANGE = re.compile(r"(.*)\[(\d+)-(\d+)\](.*)")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def _bits(value: object) -> object:
    """`10G` → 10 000 000 000; anything else is left to the integer check."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kMGT]?)", value)):
        return int(float(match[1]) * _UNITS[match[2]])
    return value


def _end(value: object) -> object:
    """`pe1:ge-0/0/0` or, as in the rest of fabd, `pe1/ge-0/0/0` → End. Element names hold neither mark."""
    if isinstance(value, str):
        ends = re.fullmatch(r"([^:/]+)[:/](.+)", value)
        if ends is None:
            raise ValueError(f"'{value}' names no port; write element:port, such as pe1:ge-0/0/0")
        return End(ends[1], ends[2])
    return value


Bps = Annotated[int, BeforeValidator(_bits), Field(ge=0)]
PortRef = Annotated[End, BeforeValidator(_end)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Protocols(_Model):
    """Port numbers, the same on every element."""

    netconf: int = Field(8300, ge=1, le=65535)
    ssh: int = Field(2200, ge=1, le=65535)
    snmp: int = Field(1161, ge=1, le=65535)
    stamp: int = Field(8620, ge=1, le=65535)


class Secrets(_Model):
    """The defaults are `SimCredentials`'s own: this network is for trying things out, on loopback."""

    user: str = SimCredentials().user
    password: SecretStr = SecretStr(SimCredentials().password)
    community: SecretStr = SecretStr(SimCredentials().community)
    v3_user: str = SimCredentials().v3_user
    v3_auth: SecretStr = Field(SecretStr(SimCredentials().v3_auth), min_length=8)
    v3_priv: SecretStr = Field(SecretStr(SimCredentials().v3_priv), min_length=8)

    def resolve(self) -> SimCredentials:
        return SimCredentials(
            user=self.user,
            password=self.password.get_secret_value(),
            community=self.community.get_secret_value(),
            v3_user=self.v3_user,
            v3_auth=self.v3_auth.get_secret_value(),
            v3_priv=self.v3_priv.get_secret_value(),
        )


class Management(_Model):
    """How a manager reaches the elements: beside the network, or through it from the element `via`."""

    inband: bool = False
    via: str | None = None


class PortSpec(_Model):
    name: str = Field(min_length=1)
    speed: Bps = 1_000_000_000
    index: int | None = Field(None, ge=1, description="ifIndex; by order when left out")


def _ports(value: object) -> object:
    """Names stand for ports of 1 Gbit/s; `ge-0/0/[0-3]` stands for four of them, alone or as `name`."""
    if not isinstance(value, list):
        return value
    return [port for item in value for port in _expand(item)]


def _expand(item: object) -> Iterator[object]:
    settings: Mapping[object, object] = item if isinstance(item, Mapping) else {"name": item}
    name = settings.get("name")
    match = _RANGE.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        yield settings if isinstance(item, str | Mapping) else item
        return
    for number in range(int(match[2]), int(match[3]) + 1):
        yield {**settings, "name": f"{match[1]}{number}{match[4]}"}


class ElementSpec(_Model):
    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$")
    platform: Literal["ietf", "ios", "eos", "qbridge"]
    role: Literal["edge", "core", "access"] = "edge"
    site: str = "lab"
    address: IPv4Address | None = None
    ports: Annotated[list[PortSpec], BeforeValidator(_ports)] = Field(min_length=1)


class LinkSpec(_Model):
    a: PortRef
    b: PortRef
    name: str = ""

    @property
    def label(self) -> str:
        return self.name or f"{self.a.element}:{self.a.port}--{self.b.element}:{self.b.port}"


class DemandSpec(_Model):
    """Traffic from one port to another and back, bit/s."""

    source: PortRef = Field(alias="from")
    sink: PortRef = Field(alias="to")
    bps: Bps
    reverse_bps: Bps = 0
    name: str = ""
    requires_service: bool = False
    """Flow only while both ports carry a service: configured, enabled, with an address or a VLAN."""

    @property
    def label(self) -> str:
        return self.name or f"{self.source.element}:{self.source.port}->{self.sink.element}:{self.sink.port}"


class Topology(_Model):
    name: str
    network: IPv4Network = IPv4Network("127.40.0.0/24")
    protocols: Protocols = Protocols()
    credentials: Secrets = Secrets()
    traps_to: list[Annotated[str, Field(pattern=r"^[^:]+:\d{1,5}$")]] = []
    trap_version: Literal["v2c", "v3"] = "v2c"
    management: Management = Management()
    elements: list[ElementSpec] = Field(min_length=1)
    links: list[LinkSpec] = []
    traffic: list[DemandSpec] = []
    bgp: list[str] = []
    """Elements between all of which there are sessions of internal BGP."""

    def addresses(self) -> dict[str, str]:
        """Element → its loopback address."""
        by_order = (self.network[FIRST_HOST + position] for position in range(len(self.elements)))
        return {e.name: str(e.address or address) for e, address in zip(self.elements, by_order, strict=True)}

    def trap_targets(self) -> list[tuple[str, int]]:
        split = (target.rpartition(":") for target in self.traps_to)
        return [(host, int(port)) for host, _, port in split]

    def moved(self, network: str) -> "Topology":
        """The same network on other addresses, so that two can run side by side (explicit addresses keep their host part)."""
        to = IPv4Network(network)
        elements = [
            e.model_copy(update={"address": to[int(e.address) - int(self.network[0])]}) if e.address else e for e in self.elements
        ]
        return self.model_copy(update={"network": to, "elements": elements})

    def element(self, name: str) -> ElementSpec:
        for element in self.elements:
            if element.name == name:
                return element
        raise UnknownObject(f"no element {name} in network {self.name}")


def load_topology(path: Path) -> Topology:
    """Raises TopologyError with a line for every mistake in the file."""
    try:
        document = yaml.safe_load(path.read_text())
    except OSError as error:
        raise TopologyError(f"{path}: cannot be read: {error.strerror}; give the path of a network file") from error
    except yaml.YAMLError as error:
        raise TopologyError(f"{path}: not YAML: {error}") from error
    return parse_topology(document, str(path))


def parse_topology(document: object, source: str = "network") -> Topology:
    """As `load_topology`, from a document already read; `source` names it in errors."""
    try:
        topology = Topology.model_validate(document)
    except ValidationError as error:
        lines = [f"{source}: {_where(e['loc'])}: {_remedy(e['type'], e['msg'])}" for e in error.errors()]
        raise TopologyError("\n".join(lines)) from error
    if problems := list(_problems(topology)):
        raise TopologyError("\n".join(f"{source}: {problem}" for problem in problems))
    return topology


def _where(location: tuple[int | str, ...]) -> str:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return path.lstrip(".") or "the file"


def _remedy(kind: str, message: str) -> str:
    match kind:
        case "extra_forbidden":
            return "unknown key; remove it or correct its spelling"
        case "missing":
            return "is required; add it"
        case "model_type":
            return "must be a mapping of keys to values"
        case _:
            return message.removeprefix("Value error, ")


def _problems(topology: Topology) -> Iterator[str]:
    yield from _element_problems(topology)
    ports = {End(e.name, p.name) for e in topology.elements for p in e.ports}
    used: dict[End, str] = {}
    for number, link in enumerate(topology.links):
        for side, end in (("a", link.a), ("b", link.b)):
            where = f"links[{number}].{side}"
            if end not in ports:
                yield f"{where}: {_missing(topology, end)}"
            elif end in used:
                yield f"{where}: {end.element}:{end.port} is in link {used[end]} already; give each link a port of its own"
            used.setdefault(end, link.label)
    for number, demand in enumerate(topology.traffic):
        for side, end in (("from", demand.source), ("to", demand.sink)):
            if end not in ports:
                yield f"traffic[{number}].{side}: {_missing(topology, end)}"
    yield from _repeated("links", "name", [link.label for link in topology.links])
    yield from _repeated("traffic", "name", [demand.label for demand in topology.traffic])
    via = topology.management.via
    if topology.management.inband and via not in {e.name for e in topology.elements}:
        yield f"management.via: with inband management name the element where the manager is attached, not {via}"


def _element_problems(topology: Topology) -> Iterator[str]:
    if not topology.network.is_loopback:
        yield f"network: {topology.network} is not loopback; choose one within 127.0.0.0/8"
        return
    if topology.network.num_addresses < FIRST_HOST + len(topology.elements) + 1:
        yield f"network: {topology.network} is too small for {len(topology.elements)} elements; use a shorter prefix"
        return
    yield from _repeated("elements", "name", [e.name for e in topology.elements])
    yield from _repeated("elements", "address", list(topology.addresses().values()))
    for number, element in enumerate(topology.elements):
        yield from _repeated(f"elements[{number}].ports", "name", [port.name for port in element.ports])
        indexes = [str(port.index or position) for position, port in enumerate(element.ports, start=1)]
        yield from _repeated(f"elements[{number}].ports", "index", indexes)
        if element.address and element.address not in topology.network:
            yield f"elements[{number}].address: {element.address} is not in {topology.network}; choose one inside it"
    names = [e.name for e in topology.elements]
    for number, name in enumerate(topology.bgp):
        if name not in names:
            yield f"bgp[{number}]: there is no element {name}; it has {', '.join(names)}"


def _repeated(where: str, what: str, values: list[str]) -> Iterator[str]:
    for value, times in Counter(values).items():
        if times > 1:
            yield f"{where}: {what} {value} is there {times} times; make it unique"


def _missing(topology: Topology, end: End) -> str:
    element = next((e for e in topology.elements if e.name == end.element), None)
    if element is None:
        return f"there is no element {end.element}; it has {', '.join(e.name for e in topology.elements)}"
    return f"{end.element} has no port {end.port}; it has {', '.join(p.name for p in element.ports)}"
