"""What the items of an order take: values of pools, VLANs of switches, ports. What a service has and still fits, it keeps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from agent.fulfillment import refusals
from agent.fulfillment.designs import Design, Submission
from agent.fulfillment.errors import OrderConflict
from agent.fulfillment.handover import Handover, handover
from agent.fulfillment.requests import ItemRequest, endings
from inventory.allocation import NOTHING, Allocation, allocate
from inventory.errors import InventoryError, PortInUse, VlanInUse
from inventory.lockedpools import lock_pools
from inventory.ports import claim
from inventory.reallocation import reallocate
from inventory.vlans import carries
from policies.rendering import Need


def allotted(case: Submission, designs: Sequence[Design]) -> list[Design]:
    """Pools by name, then switches by name, then ports by id: two orders never wait in a circle. `OrderConflict`."""
    try:
        lock_pools(case.session, {need.pool for design in designs if design.product for need in design.product.needs})
    except InventoryError as error:
        raise OrderConflict(refusals.of_inventory(error, "/items")) from error
    room, by_item = handover(case.request), {design.request.reference: design for design in designs}
    given = [_given(case, design, room, by_item) for design in designs]
    _refuse_shared_vlans(case, given)
    _claim_ports(case, given)
    return given


def _claim_ports(case: Submission, designs: Sequence[Design]) -> None:
    ended = endings(case.request)
    claims = sorted((port_id, vlan, design.position) for design in designs for port_id, vlan in design.claims)
    for port_id, vlan, position in claims:
        design = designs[position]
        ending = ended.get(design.request.reference, frozenset())
        try:
            claim(case.session, port_id, vlan=vlan, service_id=design.service_id, owner=design.id, ending=ending)
        except PortInUse as error:
            leaving = next((item.reference for item in case.request.items if _ends(item, error.by)), "")
            raise OrderConflict(refusals.of_port(error, design.where, leaving)) from error
        except InventoryError as error:
            raise OrderConflict(refusals.of_inventory(error, design.where)) from error


def _ends(item: ItemRequest, service_id: str) -> bool:
    return item.action == "delete" and item.service_id == service_id


def _given(case: Submission, design: Design, room: Handover, designs: Mapping[str, Design]) -> Design:
    wanted = design.product.needs if design.product else ()
    left = partial(room.left, case.session, design.request.reference, designs=designs)
    return replace(
        design,
        allocations=tuple(_allocation(case, design, need, left(need.pool) if need.amount_bps else NOTHING) for need in wanted),
    )


def _allocation(case: Submission, design: Design, need: Need, leaving: Mapping[str, int]) -> Allocation:
    take = reallocate if design.request.action == "modify" else partial(allocate, newcomer=True)
    try:
        return take(
            case.session,
            need.pool,
            owner=design.id,
            role=need.role,
            service_id=design.service_id,
            at=case.at,
            wanted=need.wanted or design.request.values.get(need.role),
            amount_bps=need.amount_bps,
            leaving=leaving,
        )
    except InventoryError as error:
        raise OrderConflict(refusals.of_inventory(error, design.where)) from error


def _refuse_shared_vlans(case: Submission, designs: Sequence[Design]) -> None:
    carried: dict[tuple[str, int], str] = {}
    for element, vlan, position in sorted(_switched(designs)):
        design = designs[position]
        by = carried.get((element, vlan)) or carries(case.session, element, vlan, besides=design.service_id)
        if by is not None:
            raise OrderConflict(refusals.of_inventory(VlanInUse(element, vlan, by), design.where))
        carried[element, vlan] = design.service_id


def _switched(designs: Sequence[Design]) -> Iterator[tuple[str, int, int]]:
    """Element and allocated VLAN where it is switched, and which design wants it."""
    for design in designs:
        if design.product is not None and design.vlan:
            for element in {use.element for use in design.product.layout.attachments if use.layer == "l2"}:
                yield element, design.vlan, design.position
