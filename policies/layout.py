"""Where on the network a service lies: characteristics and topology in, attachments, links and port claims out. Pure.

Three layouts, each reading its characteristics by name:

    access   port [vlan]                  the service ends on that port, by VLAN or untagged
             accessPort [port] [vlan]     it enters on a switch and is carried as a VLAN to an edge element, where it ends:
                                          tagged if the edge can, else untagged on an uplink that it has to itself
    path     a, b                         a VLAN from port to port over every switch on the shortest way
    sites    sites: [{port, vlan?}, …]    the service ends on each of these ports

`rate`, where given, is in Mbit/s and must not exceed the port's speed.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from policies.errors import Refusal, Refused
from policies.specification import Layer, LayoutKind, Role, Specification

WHOLE_PORT = 0
MEGABIT = 1_000_000
SWITCHING, VLAN = "switching", "vlan"

Realises = Mapping[str, Collection[str]]
"""Platform → features."""


class ElementView(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def platform(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def attributes(self) -> Mapping[str, object]: ...


class PortView(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def element(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def if_index(self) -> int | None: ...
    @property
    def speed_bps(self) -> int: ...
    @property
    def role(self) -> str: ...
    @property
    def reference(self) -> str: ...


class LinkView(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def a(self) -> PortView: ...
    @property
    def b(self) -> PortView: ...


class HopView(Protocol):
    @property
    def link(self) -> LinkView: ...
    @property
    def out_port(self) -> PortView: ...
    @property
    def in_port(self) -> PortView: ...


class TopologyView(Protocol):
    """What a layout asks of the network; unknown names raise `LookupError` with a message for the operator."""

    def element(self, name: str) -> ElementView: ...
    def port(self, reference: str) -> PortView: ...
    def link_of(self, reference: str) -> LinkView | None: ...
    def route(
        self, start: str, *, goal: Callable[[ElementView], bool], through: Callable[[ElementView], bool]
    ) -> Sequence[HopView] | None: ...


@dataclass(frozen=True, slots=True)
class Attachment:
    """One port that the service uses."""

    element: str
    platform: str
    port: str
    """Name on the element."""
    port_id: str
    if_index: int | None
    role: Role
    layer: Layer
    tagged: bool
    """Whether the service's frames carry its VLAN here."""
    vlan: int | None
    """Of the customer's choosing; None when untagged, or when it is the allocated one (role `vlan`)."""
    peer: str = ""
    """Reference of the port across the link; "" where the customer is."""
    pointer: str = ""
    """The characteristic that brought the service here."""

    @property
    def reference(self) -> str:
        return f"{self.element}/{self.port}"

    @property
    def site(self) -> str:
        """Names the place among the service's own, whatever order they come in: pe1/ge-0/0/1 or pe1/ge-0/0/1.100."""
        return self.reference if self.vlan is None else f"{self.reference}.{self.vlan}"


@dataclass(frozen=True, slots=True)
class Claim:
    port: str
    """Reference."""
    port_id: str
    vlan: int | None
    """0: the whole port; None: the allocated VLAN (role `vlan`)."""


@dataclass(frozen=True, slots=True)
class Layout:
    attachments: tuple[Attachment, ...]
    links: tuple[str, ...] = ()
    """Ids of the links that the service runs over."""
    claims: tuple[Claim, ...] = ()

    @property
    def elements(self) -> tuple[str, ...]:
        """Sorted, as they are locked."""
        return tuple(sorted({attachment.element for attachment in self.attachments}))

    @property
    def sites(self) -> tuple[Attachment, ...]:
        """Where the service ends in layer 3."""
        return tuple(attachment for attachment in self.attachments if attachment.layer == "l3")

    def of(self, element: str) -> tuple[Attachment, ...]:
        return tuple(attachment for attachment in self.attachments if attachment.element == element)


def lay_out(spec: Specification, characteristics: Mapping[str, Any], network: TopologyView, realises: Realises) -> Layout:
    """Where the service lies. The characteristics have passed the specification's schema. Raises `Refused`."""
    layout = _LAYOUTS[spec.layout](_Network(network, realises), characteristics)
    _check_distinct(layout)
    return layout


def unsupported(spec: Specification, characteristics: Mapping[str, Any], layout: Layout, realises: Realises) -> list[Refusal]:
    """What the platforms on the way cannot realise, by characteristic and by name of the element."""
    return sorted(
        {refusal for attachment in layout.attachments for refusal in _unrealised(spec, characteristics, attachment, realises)},
        key=lambda refusal: (refusal.pointer, refusal.message),
    )


@dataclass(frozen=True)
class _Network:
    view: TopologyView
    realises: Realises

    def can(self, element: ElementView, feature: str) -> bool:
        return feature in self.realises.get(element.platform, ())

    def customer_port(self, reference: str, pointer: str) -> PortView:
        port = self.port(reference, pointer)
        if port.role != "customer":
            raise _refused(pointer, "port", f"{reference} is a {port.role} port; only customer ports are sold")
        return port

    def port(self, reference: str, pointer: str) -> PortView:
        try:
            return self.view.port(reference)
        except LookupError as error:
            raise _refused(pointer, "port", str(error)) from error

    def attach(
        self, port: PortView, pointer: str, *, role: Role, layer: Layer, tagged: bool, vlan: int | None = None, peer: str = ""
    ) -> tuple[Attachment, Claim]:
        attachment = Attachment(
            element=port.element,
            platform=self.view.element(port.element).platform,
            port=port.name,
            port_id=port.id,
            if_index=port.if_index,
            role=role,
            layer=layer,
            tagged=tagged,
            vlan=vlan,
            peer=peer,
            pointer=pointer,
        )
        return attachment, Claim(port.reference, port.id, vlan if tagged else WHOLE_PORT)

    def switched(self, start: str, goal: Callable[[ElementView], bool]) -> Sequence[HopView] | None:
        return self.view.route(start, goal=goal, through=lambda element: self.can(element, SWITCHING))


_Uses = Iterable[tuple[Attachment, Claim]]


def _access(network: _Network, wanted: Mapping[str, Any]) -> Layout:
    if "accessPort" in wanted:
        return _carried(network, wanted)
    port, vlan = network.customer_port(wanted["port"], "/port"), wanted.get("vlan")
    _check_rate(port, wanted, "/rate")
    return _joined([network.attach(port, "/port", role="endpoint", layer="l3", tagged=vlan is not None, vlan=vlan)])


def _carried(network: _Network, wanted: Mapping[str, Any]) -> Layout:
    port = network.customer_port(wanted["accessPort"], "/accessPort")
    _check_rate(port, wanted, "/rate")
    hops = _way_to_edge(network, port, wanted.get("port"))
    tagged = network.can(network.view.element(hops[-1].in_port.element), VLAN)
    endpoint = network.attach(port, "/accessPort", role="endpoint", layer="l2", tagged=False)
    return _joined([endpoint, *_transit(network, hops, "/accessPort", last="l3", last_tagged=tagged)], hops)


def _way_to_edge(network: _Network, port: PortView, edge_port: str | None) -> Sequence[HopView]:
    if edge_port is None:
        hops = network.switched(port.element, lambda element: element.role == "edge" and element.name != port.element)
        if not hops:
            raise _no_way("/accessPort", f"from {port.element} to an edge element")
        return hops
    uplink = network.port(edge_port, "/port")
    link = network.view.link_of(uplink.reference)
    if link is None:
        raise Refused(
            [Refusal("/port", "path", f"{edge_port} has no link towards {port.element}; leave `port` out to have one chosen")]
        )
    outer = link.b if link.a.reference == uplink.reference else link.a
    hops = network.switched(port.element, lambda element: element.name == outer.element)
    if hops is None or any(hop.in_port.element == uplink.element for hop in hops):
        raise _no_way("/port", f"from {port.element} to {edge_port}")
    return [*hops, _Hop(link, outer, uplink)]


def _path(network: _Network, wanted: Mapping[str, Any]) -> Layout:
    a, b = network.customer_port(wanted["a"], "/a"), network.customer_port(wanted["b"], "/b")
    hops = network.switched(a.element, lambda element: element.name == b.element)
    if hops is None:
        raise _no_way("/b", f"from {a.element} to {b.element}")
    ends = [(a, "/a"), (b, "/b")]
    first, last = (network.attach(port, pointer, role="endpoint", layer="l2", tagged=False) for port, pointer in ends)
    return _joined([first, *_transit(network, hops, "/b", last="l2", last_tagged=True), last], hops)


def _sites(network: _Network, wanted: Mapping[str, Any]) -> Layout:
    uses = []
    for position, site in enumerate(wanted["sites"]):
        pointer, vlan = f"/sites/{position}", site.get("vlan")
        port = network.customer_port(site["port"], f"{pointer}/port")
        _check_rate(port, {**wanted, **site}, f"{pointer}/rate" if "rate" in site else "/rate")
        uses.append(network.attach(port, f"{pointer}/port", role="endpoint", layer="l3", tagged=vlan is not None, vlan=vlan))
    return _joined(uses)


_LAYOUTS: Mapping[LayoutKind, Callable[[_Network, Mapping[str, Any]], Layout]] = {"access": _access, "path": _path, "sites": _sites}


@dataclass(frozen=True, slots=True)
class _Hop:
    link: LinkView
    out_port: PortView
    in_port: PortView


def _transit(network: _Network, hops: Sequence[HopView], pointer: str, *, last: Layer, last_tagged: bool) -> _Uses:
    for hop in hops:
        final = hop is hops[-1]
        tagged = last_tagged if final else True
        out_port, in_port = hop.out_port, hop.in_port
        yield network.attach(out_port, pointer, role="transit", layer="l2", tagged=tagged, peer=in_port.reference)
        layer = last if final else "l2"
        yield network.attach(in_port, pointer, role="transit", layer=layer, tagged=tagged, peer=out_port.reference)


def _joined(uses: _Uses, hops: Iterable[HopView] = ()) -> Layout:
    pairs = list(uses)
    return Layout(
        tuple(attachment for attachment, _ in pairs), tuple(hop.link.id for hop in hops), tuple(claim for _, claim in pairs)
    )


def _unrealised(
    spec: Specification, characteristics: Mapping[str, Any], attachment: Attachment, realises: Realises
) -> Iterator[Refusal]:
    element, platform = attachment.element, attachment.platform
    if platform not in realises:
        yield Refusal(attachment.pointer, "platform", f"{element} is of platform {platform}, which is not installed")
        return
    able = realises[platform]
    for feature in sorted(spec.needs.get(attachment.layer, frozenset()) - set(able)):
        yield Refusal(attachment.pointer, "feature", _cannot(attachment, feature, spec.name))
    for characteristic, by_layer in spec.features.items():
        feature = by_layer.get(attachment.layer, "")
        if characteristic in characteristics and feature and feature not in able:
            yield Refusal(f"/{characteristic}", "feature", _cannot(attachment, feature, characteristic))
    if attachment.tagged and VLAN not in able:
        pointer = "/vlan" if "vlan" in characteristics else f"{attachment.pointer.removesuffix('/port')}/vlan"
        yield Refusal(pointer, "feature", _cannot(attachment, VLAN, "vlan"))
    if spec.template(platform) is None:
        yield Refusal(attachment.pointer, "platform", f"{spec.name} has no template for {element}, which is of platform {platform}")


def _cannot(attachment: Attachment, feature: str, what: str) -> str:
    element = f"{attachment.element} (platform {attachment.platform})"
    return f"{element} cannot realise {feature}, which {what} needs; choose another element or leave it out"


def _check_distinct(layout: Layout) -> None:
    """No port twice by the same VLAN, and none both as a whole and by VLAN."""
    taken: dict[str, set[int | None]] = {}
    for attachment, claim in zip(layout.attachments, layout.claims, strict=True):
        others = taken.setdefault(claim.port_id, set())
        if claim.vlan in others or (others and WHOLE_PORT in {claim.vlan, *others}):
            raise _refused(attachment.pointer, "distinct", f"{claim.port} is used twice; give each place a port or VLAN of its own")
        others.add(claim.vlan)


def _check_rate(port: PortView, wanted: Mapping[str, Any], pointer: str) -> None:
    rate, speed = wanted.get("rate"), port.speed_bps // MEGABIT
    if rate is not None and rate > speed:
        raise _refused(pointer, "maximum", f"{rate} Mbit/s exceeds the speed of {port.reference}, {speed} Mbit/s")


def _no_way(pointer: str, ends: str) -> Refused:
    return _refused(pointer, "path", f"there is no way {ends} over elements that can switch; check the links in the inventory")


def _refused(pointer: str, rule: str, message: str) -> Refused:
    return Refused([Refusal(pointer, rule, message)])
