"""Thinking an order's items through: from request to allocated values and desired configuration, in the caller's transaction."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment import refusals
from agent.fulfillment.allotment import allotted
from agent.fulfillment.designs import ACTIVE, INACTIVE, Design, Product, Submission
from agent.fulfillment.errors import OrderConflict, OrderMalformed, OrderRefused, Refusal
from agent.fulfillment.handover import Handover, handover
from agent.fulfillment.planning import Intent, contexts, desired, lay, ports_of, tests_of
from agent.fulfillment.requests import ItemRequest, arrange, endings
from agent.fulfillment.shared import Conflict, Shared
from agent.fulfillment.states import FINAL
from agent.fulfillment.tables import OrderItemRow
from agent.measurement.checks import acceptance_checks
from drivers.errors import DriverSetupError
from drivers.platform import Platform
from drivers.port import Check
from inventory.capacity import free_bps
from inventory.services import parts_of, service_view
from inventory.tables import ServiceRow
from policies.catalog import Catalog
from policies.errors import NotInCatalog, Refused, RenderingFailed
from policies.layout import Free, Realises
from policies.rendering import ServiceFacts, needs, service_name
from policies.values import new_id


@dataclass(frozen=True, slots=True)
class Designer:
    catalog: Catalog
    platforms: Callable[[str], Platform]
    """By name; raises `DriverSetupError` for one that is not installed."""
    realises: Realises

    def designs(self, case: Submission) -> tuple[Design, ...]:
        """Every item with its values and texts. `OrderMalformed` or `OrderConflict` with everything found wrong."""
        _lock_services(case)
        return self.rendered(case, allotted(case, self.thought(case)))

    def thought(self, case: Submission) -> list[Design]:
        """Every item as far as it can be without taking anything. Only reads; raises as `designs` does."""
        room, known = handover(case.request), dict[str, Design]()
        thoughts = (partial(self._next, case, room, known, position) for position in room.positions)
        return sorted(_all_or_refused(thoughts), key=lambda design: design.position)

    def rendered(self, case: Submission, given: Sequence[Design]) -> tuple[Design, ...]:
        """With the texts for what they were given. Only reads; raises as `designs` does."""
        rendered = [self._rendered(case, design) for design in given]
        return tuple(self._beside_others(case, rendered))

    def _next(self, case: Submission, room: Handover, known: dict[str, Design], position: int) -> Design:
        """`known`: those before it, by item; it is one of them then."""
        item = case.request.items[position]
        known[item.reference] = design = self._thought(case, position, item, partial(_free_bps, case.session, room, known, item))
        return design

    def _thought(self, case: Submission, position: int, item: ItemRequest, free: "_Free") -> Design:
        if item.action == "add":
            product = self._product(case, item, f"/items/{position}", item.specification, partial(free, ""))
            state = item.state or ACTIVE
            return Design(new_id("itm", case.at), position, item, new_id("svc", case.at), item.specification, product, state)
        service = _service(case, position, item)
        design = Design(new_id("itm", case.at), position, item, service.id, service.specification)
        if item.action == "noChange":
            return design
        before = {part.element: part.desired for part in parts_of(case.session, service.id)}
        leaving = replace(design, intent=Intent(before=before))
        return leaving if item.action == "delete" else self._modified(case, leaving, service, partial(free, service.id))

    def _modified(self, case: Submission, design: Design, service: ServiceRow, free: Free) -> Design:
        item = design.request
        if item.specification not in ("", service.specification):
            raise OrderMalformed(refusals.of_other_specification(service.id, service.specification, design.where))
        state = item.state or service.state
        same = dict(item.characteristics) == dict(service.characteristics)
        if state == INACTIVE and same:
            return replace(design, state=state, intent=replace(design.intent, planned=design.intent.before))
        return replace(design, product=self._product(case, item, design.where, service.specification, free), state=state)

    def _product(self, case: Submission, item: ItemRequest, where: str, specification: str, free: Free) -> Product:
        try:
            spec = self.catalog.specification(specification)
            layout = lay(spec, item.characteristics, case.network, self.realises, free)
            name = service_name(spec, item.characteristics, case.customer.account_number)
            return Product(spec, layout, name, needs(spec, item.characteristics, layout))
        except NotInCatalog as error:
            raise OrderMalformed(refusals.of_catalog(error, where)) from error
        except Refused as error:
            raise OrderMalformed(*refusals.of_policy(error, where)) from error
        except RenderingFailed as error:
            raise OrderConflict(refusals.of_data(error, where)) from error

    def _rendered(self, case: Submission, design: Design) -> Design:
        product = design.product
        if product is None:
            return design
        facts = ServiceFacts(design.service_id, product.name, case.customer.account_number)
        values = {given.role: given.value for given in design.allocations}
        wanted = design.request.characteristics
        try:
            known = contexts(product.layout, case.network, facts, characteristics=wanted, allocations=values)
            texts = desired(product.spec, case.network, known)
            tests = tests_of(product.spec, known)
            measured = acceptance_checks(product.spec, facts, wanted, values)
        except RenderingFailed as error:
            raise OrderConflict(refusals.of_data(error, design.where)) from error
        if design.state == INACTIVE:
            return replace(design, intent=replace(design.intent, planned=texts))
        ports = _new_ports(case.session, design, ports_of(product.layout))
        tests = _with_measured(tests, measured, design.intent.before, texts)
        return replace(design, intent=Intent(design.intent.before, texts, ports, tests, planned=texts))

    def _beside_others(self, case: Submission, designs: list[Design]) -> Iterator[Design]:
        """With what others own too. `OrderConflict` where they say something else in the same place."""
        bundle_of = {reference: bundle for bundle in arrange(case.request).bundles for reference in bundle}
        ended = endings(case.request)
        by_reference = {design.request.reference: design for design in designs}
        shared = Shared(case.session)
        for design in designs:
            reference = design.request.reference
            mine = {by_reference[other].service_id for other in bundle_of[reference]} | ended.get(reference, frozenset())
            intent = design.intent
            found: dict[str, dict[str, str]] = {}
            for element in sorted({*intent.before, *intent.after}):
                try:
                    platform = self.platforms(case.network.element(element).platform)
                    before, after = intent.before.get(element, ""), intent.after.get(element, "")
                    found[element] = shared.of(platform, element, before, after, mine, sayer=design.service_id)
                except DriverSetupError as error:
                    raise OrderConflict(refusals.of_data(error, design.where)) from error
                except Conflict as conflict:
                    raise OrderConflict(refusals.of_conflict(conflict, design.where)) from conflict
            yield replace(design, intent=replace(intent, shared=found)) if any(found.values()) else design


_Free = Callable[[str, str], int | None]
"""Of a service that is there already, or "", and a bandwidth pool: what is left for it."""


def _free_bps(  # noqa: PLR0917  the last two are asked by others
    session: Session, room: Handover, known: Mapping[str, Design], item: ItemRequest, service_id: str, pool: str
) -> int | None:
    """With what service `service_id` holds, which is its own to keep, and what items before this one give back."""
    free = free_bps(session, pool, besides=service_id)
    return None if free is None else free + sum(room.left(session, item.reference, pool, known).values())


def _with_measured(
    tests: dict[str, tuple[Check, ...]], measured: tuple[Check, ...], before: Mapping[str, str], after: Mapping[str, str]
) -> dict[str, tuple[Check, ...]]:
    """What fabd measures by itself is tried once, beside the tests of one of the elements that are changed."""
    changed = [name for name in sorted(after) if after[name] != before.get(name)]
    if not measured or not changed:
        return tests
    return {**tests, changed[-1]: (*tests.get(changed[-1], ()), *measured)}


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


def _lock_services(case: Submission) -> None:
    """In the order of their ids, before everything else: two orders that name them in another order never wait in a circle."""
    named = [item.service_id for item in case.request.items if item.service_id is not None]
    if named:
        case.session.scalars(select(ServiceRow).where(ServiceRow.id.in_(named)).order_by(ServiceRow.id).with_for_update()).all()


def _service(case: Submission, position: int, item: ItemRequest) -> ServiceRow:
    """The one that the item is about. `OrderMalformed` when the customer has none of that id, `OrderConflict` when it is busy."""
    where, service_id = f"/items/{position}/service", item.service_id or ""
    service = case.session.get(ServiceRow, service_id)
    if service is None or service.customer != case.customer.account_number:
        raise OrderMalformed(refusals.of_service(service_id, case.customer.account_number, where))
    if item.action != "noChange":
        _refuse_unless_free(case.session, service, item.action, where)
    return service


def _refuse_unless_free(session: Session, service: ServiceRow, action: str, where: str) -> None:
    if service.state not in (ACTIVE, INACTIVE):
        raise OrderConflict(refusals.of_state(service.id, service.state, action, where))
    unfinished = OrderItemRow.state.not_in([str(state) for state in FINAL])
    changes = select(OrderItemRow.order_id).where(
        OrderItemRow.service_id == service.id, OrderItemRow.action != "noChange", unfinished
    )
    busy = session.scalars(changes).first()
    if busy is not None:
        raise OrderConflict(refusals.of_busy(service.id, busy, where))


def _new_ports(session: Session, design: Design, ports: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Those that must be up for the change to hold: a customer who is switched off can still have a rate changed."""
    if not design.intent.before:
        return ports
    used = {port.reference for port in service_view(session, design.service_id).ports}
    return {element: tuple(port for port in names if f"{element}/{port}" not in used) for element, names in ports.items()}
