"""The network as one order finds it: ports that are sold, ways that are open, and what is left on their links."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from policies.errors import Refusal, Refused
from policies.expressions import Expressions
from policies.layout.values import WHOLE_PORT, Attachment, Claim, Use
from policies.layout.views import ElementView, Free, HopView, LinkView, PortView, Realises, TopologyView
from policies.specification import Layer, ResourceRule, Role, Specification

MEGABIT = 1_000_000
SWITCHING, VLAN = "switching", "vlan"


@dataclass(frozen=True)
class Ground:
    spec: Specification
    wanted: Mapping[str, Any]
    """The characteristics."""
    view: TopologyView
    realises: Realises
    free: Free
    short: dict[str, str] = field(default_factory=dict)
    """Links that were passed by, and why: told when there is no other way."""

    def can(self, element: ElementView, feature: str) -> bool:
        return feature in self.realises.get(element.platform, ()) and feature not in _lacks(element)

    def customer_port(self, reference: str, pointer: str) -> PortView:
        port = self.port(reference, pointer)
        if port.role != "customer":
            raise refused(pointer, "port", f"{reference} is a {port.role} port; only customer ports are sold")
        return port

    def port(self, reference: str, pointer: str) -> PortView:
        try:
            return self.view.port(reference)
        except LookupError as error:
            raise refused(pointer, "port", str(error)) from error

    def attach(
        self,
        port: PortView,
        pointer: str,
        *,
        role: Role,
        layer: Layer,
        tagged: bool,
        vlan: int | None = None,
        peer: str = "",
        place: Mapping[str, object] | None = None,
    ) -> Use:
        element = self.view.element(port.element)
        attachment = Attachment(
            element=element.name,
            platform=element.platform,
            port=port.name,
            port_id=port.id,
            if_index=port.if_index,
            role=role,
            layer=layer,
            tagged=tagged,
            vlan=vlan,
            peer=peer,
            pointer=pointer,
            place=place or {},
            lacks=_lacks(element),
        )
        return attachment, Claim(port.reference, port.id, vlan if tagged else WHOLE_PORT)

    def switched(self, start: str, goal: Callable[[ElementView], bool]) -> Sequence[HopView] | None:
        """The shortest way over elements that switch and links that have room."""
        return self.view.route(start, goal=goal, through=lambda element: self.can(element, SWITCHING), over=self._has_room)

    def transit(self, hops: Sequence[HopView], pointer: str, *, last: Layer = "l2", last_tagged: bool = True) -> Iterator[Use]:
        """Both ports of every hop; `last` and `last_tagged` are of the final link's far end and of the final link."""
        for hop in hops:
            final = hop is hops[-1]
            tagged = last_tagged if final else True
            out_port, in_port = hop.out_port, hop.in_port
            yield self.attach(out_port, pointer, role="transit", layer="l2", tagged=tagged, peer=in_port.reference)
            layer = last if final else "l2"
            yield self.attach(in_port, pointer, role="transit", layer=layer, tagged=tagged, peer=out_port.reference)

    def check_rate(self, port: PortView, wanted: Mapping[str, Any], pointer: str) -> None:
        rate, speed = wanted.get("rate"), port.speed_bps // MEGABIT
        if rate is not None and rate > speed:
            raise refused(pointer, "maximum", f"{rate} Mbit/s exceeds the speed of {port.reference}, {speed} Mbit/s")

    def no_way(self, pointer: str, ends: str) -> Refused:
        if not self.short:
            message = f"there is no way {ends} over elements that can switch; check the links in the inventory"
            return refused(pointer, "path", message)
        why = ", ".join(self.short[name] for name in sorted(self.short))
        message = f"there is no way {ends} over links with room for it: {why}"
        return refused(pointer, "bandwidth", f"{message}; ask for less, or have room made (`fabd inventory import` brings pools)")

    def _has_room(self, link: LinkView) -> bool:
        for rule in self.spec.resources:
            if rule.per == "link" and (reason := self._shortage(rule, link)):
                self.short[link.name] = reason
                return False
        return True

    def _shortage(self, rule: ResourceRule, link: LinkView) -> str:
        """Why the link cannot give what the rule takes of it; "" when it can."""
        values = Expressions(self.spec, {"link": {"name": link.name}}, self.wanted)
        if not values.of(rule.when):
            return ""
        pool, amount = values.text(rule.pool), values.amount(rule.amount_bps)
        left = self.free(pool)
        if left is None:
            return f"link {link.name} has no pool {pool} of kind bandwidth"
        return "" if amount <= left else f"link {link.name} has {left // MEGABIT} of the {amount // MEGABIT} Mbit/s left"


def _lacks(element: ElementView) -> frozenset[str]:
    """The element's attribute `lacks`: a list of features, for hardware or a licence without them."""
    named = element.attributes.get("lacks", ())
    return frozenset(map(str, named)) if isinstance(named, list | tuple) else frozenset({str(named)})


def refused(pointer: str, rule: str, message: str) -> Refused:
    return Refused([Refusal(pointer, rule, message)])
