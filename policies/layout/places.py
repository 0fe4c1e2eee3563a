"""Services that end at places of their own, with nothing of theirs between: the core joins them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies.layout.ground import Ground
from policies.layout.values import Layout, joined
from policies.layout.views import PortView
from policies.specification import Layer


@dataclass(frozen=True, slots=True)
class Place:
    port: PortView
    pointer: str
    """Of the port among the characteristics."""
    wanted: Mapping[str, Any]
    """What was ordered for this place alone."""

    @property
    def vlan(self) -> int | None:
        vlan: int | None = self.wanted.get("vlan")
        return vlan


def places(ground: Ground) -> Iterator[Place]:
    """The characteristic `sites`, or `a` and `b`, or `port` alone."""
    wanted = ground.wanted
    if "sites" in wanted:
        for position, site in enumerate(wanted["sites"]):
            pointer = f"/sites/{position}"
            port = ground.customer_port(site["port"], f"{pointer}/port")
            ground.check_rate(port, {**wanted, **site}, f"{pointer}/rate" if "rate" in site else "/rate")
            yield Place(port, f"{pointer}/port", site)
        return
    for name in [name for name in ("a", "b", "port") if name in wanted]:
        port = ground.customer_port(wanted[name], f"/{name}")
        ground.check_rate(port, wanted, "/rate")
        yield Place(port, f"/{name}", {"vlan": wanted["vlan"]} if "vlan" in wanted else {})


def sites(ground: Ground) -> Layout:
    return _at_places(ground, "l3")


def overlay(ground: Ground) -> Layout:
    return _at_places(ground, "l2")


def _at_places(ground: Ground, layer: Layer) -> Layout:
    return joined(
        ground.attach(
            place.port,
            place.pointer,
            role="endpoint",
            layer=layer,
            tagged=place.vlan is not None,
            vlan=place.vlan,
            place=place.wanted,
        )
        for place in places(ground)
    )
