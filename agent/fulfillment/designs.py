"""Thinking an order's items through: from request to allocated values and desired configuration, in the caller's transaction."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment import refusals
from agent.fulfillment.errors import OrderConflict, OrderMalformed, OrderRefused, Refusal
from agent.fulfillment.planning import Intent, desired, lay, ports_of
from agent.fulfillment.requests import ItemRequest, OrderRequest
from agent.fulfillment.states import FINAL
from agent.fulfillment.tables import OrderItemRow
from crm_bridge.tables import CustomerRow
from drivers.platform import Platform
from inventory.allocation import Allocation, allocate, lock_pools
from inventory.capacity import free_bps
from inventory.errors import InventoryError, VlanInUse
from inventory.ports import claim
from inventory.services import service_view
from inventory.tables import ServiceRow
from inventory.topology import Graph
from inventory.vlans import carries
from policies.catalog import Catalog
from policies.errors import NotInCatalog, Refused, RenderingFailed
from policies.layout import Layout, Realises
from policies.rendering import VLAN_ROLE, Need, ServiceFacts, needs, service_name
from policies.specification import Specification
from policies.values import new_id

NOTHING = Intent({}, {}, {})


@dataclass(frozen=True, slots=True)
class Submission:
    """One order on the desk."""

    session: Session
    request: OrderRequest
    customer: CustomerRow
    network: Graph
    at: datetime


@dataclass(frozen=True, slots=True)
class Product:
    """What an added service is and where it lies."""

    spec: Specification
    layout: Layout
    name: str
    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class Design:
    """One item, thought through."""

    id: str
    position: int
    request: ItemRequest
    service_id: str
    specification: str
    product: Product | None = None
    """None unless the item adds a service."""
    allocations: tuple[Allocation, ...] = ()
    intent: Intent = NOTHING

    @property
    def where(self) -> str:
        return f"/items/{self.position}"


@dataclass(frozen=True, slots=True)
class Designer:
    catalog: Catalog
    platforms: Callable[[str], Platform]
    """By name; raises `DriverSetupError` for one that is not installed."""
    realises: Realises

    def designs(self, case: Submission) -> tuple[Design, ...]:
        """Every item with its values and texts. `OrderMalformed` or `OrderConflict` with everything found wrong."""
        _lock_services(case)
        thought = _all_or_refused(partial(self._thought, case, position, item) for position, item in enumerate(case.request.items))
        allocated = _allocated(case, thought)
        return tuple(self._rendered(case, design) for design in allocated)

    def _thought(self, case: Submission, position: int, item: ItemRequest) -> Design:
        if item.action != "add":
            return _existing(case, position, item)
        where = f"/items/{position}"
        try:
            spec = self.catalog.specification(item.specification)
            layout = lay(spec, item.characteristics, case.network, self.realises, partial(free_bps, case.session))
            name = service_name(spec, item.characteristics, case.customer.account_number)
            product = Product(spec, layout, name, needs(spec, item.characteristics, layout))
        except NotInCatalog as error:
            raise OrderMalformed(refusals.of_catalog(error, where)) from error
        except Refused as error:
            raise OrderMalformed(*refusals.of_policy(error, where)) from error
        except RenderingFailed as error:
            raise OrderConflict(refusals.of_data(error, where)) from error
        return Design(new_id("itm", case.at), position, item, new_id("svc", case.at), spec.name, product)

    def _rendered(self, case: Submission, design: Design) -> Design:
        product = design.product
        if product is None:
            return design
        facts = ServiceFacts(design.service_id, product.name, case.customer.account_number)
        values = {given.role: given.value for given in design.allocations}
        wanted = design.request.characteristics
        try:
            texts = desired(product.spec, product.layout, case.network, facts, characteristics=wanted, allocations=values)
        except RenderingFailed as error:
            raise OrderConflict(refusals.of_data(error, design.where)) from error
        return replace(design, intent=Intent({}, texts, ports_of(product.layout)))


def _all_or_refused(thoughts: Iterator[Callable[[], Design]]) -> list[Design]:
    """Shape before conflict: what cannot be meant is to be corrected first."""
    designs: list[Design] = []
    refused: dict[type[OrderRefused], list[Refusal]] = {OrderMalformed: [], OrderConflict: []}
    for think in thoughts:
        try:
            designs.append(think())
        except OrderRefused as error:
            refused[type(error)] += error.refusals
    for kind, reasons in refused.items():
        if reasons:
            raise kind(*reasons)
    return designs


def _allocated(case: Submission, designs: Sequence[Design]) -> list[Design]:
    """Pools by name, then switches by name, then ports by id: two orders never wait in a circle."""
    try:
        lock_pools(case.session, {need.pool for design in designs if design.product for need in design.product.needs})
    except InventoryError as error:
        raise OrderConflict(refusals.of_inventory(error, "/items")) from error
    given = [_given(case, design) for design in designs]
    _refuse_shared_vlans(case, given)
    for port_id, vlan, position in sorted(_claims(given)):
        design = given[position]
        try:
            claim(case.session, port_id, vlan=vlan, service_id=design.service_id, owner=design.id)
        except InventoryError as error:
            raise OrderConflict(refusals.of_inventory(error, design.where)) from error
    return given


def _given(case: Submission, design: Design) -> Design:
    wanted = design.product.needs if design.product else ()
    return replace(design, allocations=tuple(_allocation(case, design, need) for need in wanted))


def _allocation(case: Submission, design: Design, need: Need) -> Allocation:
    try:
        return allocate(
            case.session,
            need.pool,
            owner=design.id,
            role=need.role,
            service_id=design.service_id,
            at=case.at,
            wanted=need.wanted,
            amount_bps=need.amount_bps,
        )
    except InventoryError as error:
        raise OrderConflict(refusals.of_inventory(error, design.where)) from error


def _refuse_shared_vlans(case: Submission, designs: Sequence[Design]) -> None:
    carried: dict[tuple[str, int], str] = {}
    for element, vlan, position in sorted(_switched(designs)):
        design = designs[position]
        by = carried.get((element, vlan)) or carries(case.session, element, vlan)
        if by is not None:
            raise OrderConflict(refusals.of_inventory(VlanInUse(element, vlan, by), design.where))
        carried[element, vlan] = design.service_id


def _switched(designs: Sequence[Design]) -> Iterator[tuple[str, int, int]]:
    """Element and allocated VLAN where it is switched, and which design wants it."""
    for design in designs:
        vlan = _vlan(design)
        if design.product is not None and vlan:
            for element in {use.element for use in design.product.layout.attachments if use.layer == "l2"}:
                yield element, vlan, design.position


def _vlan(design: Design) -> int:
    """The allocated one; 0 without."""
    return next((int(given.value) for given in design.allocations if given.role == VLAN_ROLE), 0)


def _claims(designs: Sequence[Design]) -> Iterator[tuple[str, int, int]]:
    """Port id, VLAN (0: the whole port), and which design wants it."""
    for design in designs:
        if design.product is None:
            continue
        vlan = _vlan(design)
        for wanted in design.product.layout.claims:
            yield wanted.port_id, vlan if wanted.vlan is None else wanted.vlan, design.position


def _lock_services(case: Submission) -> None:
    """In the order of their ids, before everything else: two orders that name them in another order never wait in a circle."""
    named = [item.service_id for item in case.request.items if item.service_id is not None]
    if named:
        case.session.scalars(select(ServiceRow).where(ServiceRow.id.in_(named)).order_by(ServiceRow.id).with_for_update()).all()


def _existing(case: Submission, position: int, item: ItemRequest) -> Design:
    """An item about a service that is there."""
    where, service_id = f"/items/{position}/service", item.service_id or ""
    service = case.session.get(ServiceRow, service_id)
    if service is None or service.customer != case.customer.account_number:
        raise OrderMalformed(refusals.of_service(service_id, case.customer.account_number, where))
    if item.action == "delete":
        _refuse_unless_free(case.session, service, where)
        before = {part.element: part.desired for part in service_view(case.session, service.id).parts}
        intent = Intent(before, {}, {})
    else:
        intent = NOTHING
    return Design(new_id("itm", case.at), position, item, service.id, service.specification, intent=intent)


def _refuse_unless_free(session: Session, service: ServiceRow, where: str) -> None:
    if service.state not in ("active", "inactive"):
        raise OrderConflict(refusals.of_state(service.id, service.state, "delete", where))
    unfinished = OrderItemRow.state.not_in([str(state) for state in FINAL])
    changes = select(OrderItemRow.order_id).where(
        OrderItemRow.service_id == service.id, OrderItemRow.action != "noChange", unfinished
    )
    busy = session.scalars(changes).first()
    if busy is not None:
        raise OrderConflict(refusals.of_busy(service.id, busy, where))
