"""Bandwidth that an order's items give back before, or together with, others of its items: these may count on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from agent.fulfillment.designs import Design
from agent.fulfillment.requests import ItemRequest, OrderRequest, before
from inventory.heirs import held_of

GIVING = "delete", "modify"
"""Actions, in the order in which items of one bundle are thought through: what gives more before what may want it."""


@dataclass(frozen=True, slots=True)
class Handover:
    givers: Mapping[str, frozenset[str]]
    """Item → items before it, or bundled with it, whose services end or change. Only items that there are any for."""
    positions: Sequence[int]
    """Of all items, each after those that give to it, as far as bundles do not have it both ways."""

    def left(self, session: Session, reference: str, pool: str, designs: Mapping[str, Design]) -> dict[str, int]:
        """What the item's givers have of the pool and need no more: allocation → bit/s.

        `designs`: those thought through so far, by item. Of one that is not among them nothing is known to be left.
        """
        known = (designs[giver] for giver in self.givers.get(reference, ()) if giver in designs)
        givers = {design.service_id: design for design in known}
        if not givers:
            return {}
        left = {
            allocation: amount - _needs(givers[service_id], pool, role, amount)
            for allocation, service_id, role, amount in held_of(session, pool, sorted(givers))
        }
        return {allocation: amount for allocation, amount in left.items() if amount > 0}


def handover(request: OrderRequest) -> Handover:
    """Call it for a request without `mistakes`."""
    everyone = range(len(request.items))
    giving = {item.reference for item in request.items if item.action in GIVING}
    if not giving or len(giving) == len(request.items) == 1:
        return Handover({}, everyone)
    ahead = before(request)
    givers = {reference: found for reference, others in ahead.items() if (found := others & giving)}
    return Handover(givers, sorted(everyone, key=lambda at: _turn(request.items[at], ahead)) if givers else everyone)


def _turn(item: ItemRequest, ahead: Mapping[str, frozenset[str]]) -> tuple[int, int]:
    """Whatever comes before an item has less before it, and items of one bundle have as much."""
    return len(ahead[item.reference]), GIVING.index(item.action) if item.action in GIVING else len(GIVING)


def _needs(design: Design, pool: str, role: str, has: int) -> int:
    """bit/s that its service goes on to need of what it has."""
    if design.request.action == "delete":
        return 0
    if design.product is None:
        return has
    return sum(need.amount_bps for need in design.product.needs if (need.pool, need.role) == (pool, role))
