"""A laid-out service: its attachments to ports, the links it runs over, and what it claims."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from policies.layout.views import HopView, LinkView, PortView
from policies.specification import Layer, Role

WHOLE_PORT = 0


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
    place: Mapping[str, object] = field(default_factory=dict, hash=False)
    """What was ordered for this place alone: the item of `sites`."""

    lacks: frozenset[str] = frozenset()
    """Features of its platform that this element has not."""

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


Use = tuple[Attachment, Claim]


@dataclass(frozen=True, slots=True)
class Layout:
    attachments: tuple[Attachment, ...]
    links: tuple[str, ...] = ()
    """Ids of the links that the service runs over."""
    claims: tuple[Claim, ...] = ()
    link_names: tuple[str, ...] = ()
    """Of `links`, in their order."""

    @property
    def elements(self) -> tuple[str, ...]:
        """Sorted, as they are locked."""
        return tuple(sorted({attachment.element for attachment in self.attachments}))

    @property
    def sites(self) -> tuple[Attachment, ...]:
        """Where the service ends: in layer 3, or at its endpoints when it is of layer 2 alone."""
        routed = tuple(attachment for attachment in self.attachments if attachment.layer == "l3")
        return routed or tuple(attachment for attachment in self.attachments if attachment.role == "endpoint")

    def of(self, element: str) -> tuple[Attachment, ...]:
        return tuple(attachment for attachment in self.attachments if attachment.element == element)


@dataclass(frozen=True, slots=True)
class Hop:
    link: LinkView
    out_port: PortView
    in_port: PortView


def joined(uses: Iterable[Use], hops: Iterable[HopView] = ()) -> Layout:
    pairs, ways = list(uses), list(hops)
    return Layout(
        attachments=tuple(attachment for attachment, _ in pairs),
        links=tuple(hop.link.id for hop in ways),
        claims=tuple(claim for _, claim in pairs),
        link_names=tuple(hop.link.name for hop in ways),
    )
