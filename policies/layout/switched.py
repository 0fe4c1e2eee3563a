"""Ports joined by a VLAN over switches: two by the shortest way, or many by a tree."""

from functools import partial

from policies.layout.ground import Ground
from policies.layout.places import places
from policies.layout.values import Layout, Use, joined
from policies.layout.views import ElementView, HopView


def path(ground: Ground) -> Layout:
    wanted = ground.wanted
    a, b = ground.customer_port(wanted["a"], "/a"), ground.customer_port(wanted["b"], "/b")
    for port in (a, b):
        ground.check_rate(port, wanted, "/rate")
    hops = ground.switched(a.element, lambda element: element.name == b.element)
    if hops is None:
        raise ground.no_way("/b", f"from {a.element} to {b.element}")
    ends = [(a, "/a"), (b, "/b")]
    first, last = (ground.attach(port, pointer, role="endpoint", layer="l2", tagged=False) for port, pointer in ends)
    return joined([first, *ground.transit(hops, "/b"), last], hops)


def tree(ground: Ground) -> Layout:
    """Each place joins by the shortest way to what is there of the tree; so no two ways lead to one place."""
    uses: list[Use] = []
    ways: list[HopView] = []
    reached: set[str] = set()
    for place in places(ground):
        start = place.port.element
        hops = ground.switched(start, partial(_is_among, reached)) if reached else ()
        if hops is None:
            raise ground.no_way(place.pointer, f"from {start} to {', '.join(sorted(reached))}")
        uses.append(
            ground.attach(place.port, place.pointer, role="endpoint", layer="l2", tagged=False, place=place.wanted),
        )
        uses.extend(ground.transit(hops, place.pointer))
        ways.extend(hops)
        reached |= {start, *(hop.in_port.element for hop in hops)}
    return joined(uses, ways)


def _is_among(names: set[str], element: ElementView) -> bool:
    return element.name in names
