"""Where on the network a service lies: characteristics and topology in, attachments, links and port claims out. Pure.

Five layouts, each reading its characteristics by name:

    access   port [vlan]                  the service ends on that port, by VLAN or untagged
             accessPort [port] [vlan]     it enters on a switch and is carried as a VLAN to an edge element, where it ends:
                                          tagged if the edge can, else untagged on an uplink that it has to itself
    path     a, b                         a VLAN from port to port over every switch on the shortest way
    tree     sites: [{port}, …]           a VLAN that joins the ports over the switches between them, without a loop
    sites    sites: [{port, vlan?}, …]    the service ends with addresses on each of these ports
    overlay  sites, or a and b, or port   the service is switched on these ports; what lies between is none of its business

`rate`, where given, is in Mbit/s and must not exceed the port's speed. A specification that takes something `per: link` is led
over links that have enough of it left.
"""

from collections.abc import Callable, Mapping
from typing import Any

from policies.layout.carried import access
from policies.layout.ground import Ground, refused
from policies.layout.places import overlay, sites
from policies.layout.support import unsupported
from policies.layout.switched import path, tree
from policies.layout.values import WHOLE_PORT, Attachment, Claim, Layout
from policies.layout.views import ElementView, Free, LinkView, PortView, Realises, TopologyView
from policies.specification import LayoutKind, Specification

__all__ = [
    "Attachment",
    "Claim",
    "ElementView",
    "Free",
    "Layout",
    "LinkView",
    "PortView",
    "Realises",
    "TopologyView",
    "lay_out",
    "no_pools",
    "unsupported",
]

_LAYOUTS: Mapping[LayoutKind, Callable[[Ground], Layout]] = {
    "access": access,
    "path": path,
    "tree": tree,
    "sites": sites,
    "overlay": overlay,
}


def no_pools(_name: str) -> None:
    """Nothing is known to be left of anything."""


def lay_out(
    spec: Specification,
    characteristics: Mapping[str, Any],
    network: TopologyView,
    realises: Realises,
    free: Free = no_pools,
) -> Layout:
    """Where the service lies. The characteristics have passed the specification's schema. Raises `Refused`.

    `free` is asked only by specifications that take something `per: link`.
    """
    layout = _LAYOUTS[spec.layout](Ground(spec, characteristics, network, realises, free))
    _check_distinct(layout)
    return layout


def _check_distinct(layout: Layout) -> None:
    """No port twice by the same VLAN, and none both as a whole and by VLAN."""
    taken: dict[str, set[int | None]] = {}
    for attachment, claim in zip(layout.attachments, layout.claims, strict=True):
        others = taken.setdefault(claim.port_id, set())
        if claim.vlan in others or (others and WHOLE_PORT in {claim.vlan, *others}):
            raise refused(attachment.pointer, "distinct", f"{claim.port} is used twice; give each place a port or VLAN of its own")
        others.add(claim.vlan)
