"""From one port to where the service ends with addresses: there, or carried to an edge element as a VLAN."""

from collections.abc import Sequence

from policies.layout.ground import VLAN, Ground, refused
from policies.layout.values import Hop, Layout, joined
from policies.layout.views import HopView, PortView


def access(ground: Ground) -> Layout:
    wanted = ground.wanted
    if "accessPort" in wanted:
        return _carried(ground)
    port, vlan = ground.customer_port(wanted["port"], "/port"), wanted.get("vlan")
    ground.check_rate(port, wanted, "/rate")
    return joined([ground.attach(port, "/port", role="endpoint", layer="l3", tagged=vlan is not None, vlan=vlan)])


def _carried(ground: Ground) -> Layout:
    port = ground.customer_port(ground.wanted["accessPort"], "/accessPort")
    ground.check_rate(port, ground.wanted, "/rate")
    hops = _way_to_edge(ground, port, ground.wanted.get("port"))
    tagged = ground.can(ground.view.element(hops[-1].in_port.element), VLAN)
    handed_over = ground.spec.handover == "tagged"
    endpoint = ground.attach(port, "/accessPort", role="endpoint", layer="l2", tagged=handed_over)
    return joined([endpoint, *ground.transit(hops, "/accessPort", last="l3", last_tagged=tagged)], hops)


def _way_to_edge(ground: Ground, port: PortView, edge_port: str | None) -> Sequence[HopView]:
    if edge_port is None:
        hops = ground.switched(port.element, lambda element: element.role == "edge" and element.name != port.element)
        if not hops:
            raise ground.no_way("/accessPort", f"from {port.element} to an edge element")
        return hops
    uplink = ground.port(edge_port, "/port")
    link = ground.view.link_of(uplink.reference)
    if link is None:
        raise refused("/port", "path", f"{edge_port} has no link towards {port.element}; leave `port` out to have one chosen")
    outer = link.b if link.a.reference == uplink.reference else link.a
    hops = ground.switched(port.element, lambda element: element.name == outer.element)
    if hops is None or any(hop.in_port.element == uplink.element for hop in hops):
        raise ground.no_way("/port", f"from {port.element} to {edge_port}")
    return [*hops, Hop(link, outer, uplink)]
