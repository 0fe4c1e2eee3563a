"""Placing orders: validation, allocation, plan and journal in one transaction; a refusal leaves nothing behind."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, func, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from agent.fulfillment import refusals
from agent.fulfillment.allotment import allotted
from agent.fulfillment.approval import Scope, reason
from agent.fulfillment.designer import Designer
from agent.fulfillment.designs import Design, Product, Submission
from agent.fulfillment.errors import OrderConflict, OrderMalformed
from agent.fulfillment.events import Announcer
from agent.fulfillment.items import ready_plans
from agent.fulfillment.jeopardy import alarm_if_late
from agent.fulfillment.journal import noted
from agent.fulfillment.milestones import Milestone, reach
from agent.fulfillment.outcome import PLAN_WORK
from agent.fulfillment.pace import Pace
from agent.fulfillment.plan import VERSION, Approval, ChangeState, PlanState, Step
from agent.fulfillment.planning import Change, changes, port_roles
from agent.fulfillment.preview import Preview, ThoughtPlan, preview
from agent.fulfillment.requests import NO_CUSTOMER, URGENT, Arrangement, OrderRequest, arrange, mistakes
from agent.fulfillment.reservation import reserve
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.states import ItemState
from agent.fulfillment.tables import ChangeSetRow, JournalRow, OrderItemRow, OrderRow, PlanRow
from crm_bridge.agreements import agreement_id_for
from crm_bridge.customers import Account, account
from crm_bridge.errors import UnknownCustomer
from drivers.errors import DriverSetupError
from inventory.allocation import held
from inventory.db import Database
from inventory.elements import LOCKED
from inventory.pools import BANDWIDTH
from inventory.postponed import settle, untold
from inventory.prepared import Prepared
from inventory.services import NewService, create_service
from inventory.storing import insertion, new_row, store, write
from inventory.surroundings import Detour, Surroundings
from inventory.tables import ServiceRow
from inventory.work import Work, WorkQueue
from policies.values import new_id


@dataclass(frozen=True, slots=True)
class Placed:
    """What an order came to. Only the order itself when it had been placed before."""

    order: OrderRow
    new: bool
    designs: tuple[Design, ...] = ()
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderDesk:
    designer: Designer
    queue: WorkQueue
    announcer: Announcer
    settings: FulfilmentSettings
    pace: Pace = field(default_factory=Pace)

    def place(self, session: Session, request: OrderRequest, client: str, at: datetime, *, undoes: str = "") -> Placed:
        """The order with everything it takes; the same one when the client placed it before under its external id.

        `undoes`: the cancellation that it carries out; nobody has to approve it, and no freeze holds it back.
        `OrderMalformed` or `OrderConflict` name everything that is wrong; the caller rolls back, as an exception does.
        """
        known = _known(session, request, client)
        if known is not None:
            return Placed(known, new=False)
        wrong = mistakes(request, at)
        if wrong:
            raise OrderMalformed(*wrong)
        case = Submission(session, request, _customer(session, request.customer), _network(session, request), at)
        designs = self.designer.designs(case)
        services = [
            self._store_service(case, design, design.product)
            for design in designs
            if design.request.action == "add" and design.product is not None
        ]
        order = _order_row(request, client, undoes, at)
        made = self._store_order(case, order, designs)
        for plan_id in ready_plans(order, ()):
            work = Work(PLAN_WORK, plan_id)
            self.queue.submit(session, work, at, run_at=request.requested_start, priority=request.priority)
        self.announcer.placed(session, order, services, at)
        alarm_if_late(session, self.announcer, order, at)
        return Placed(order, new=True, designs=designs, changes=made)

    def imagine(self, database: Database, request: OrderRequest, at: datetime, *, for_anybody: bool = False) -> Preview:
        """What placing it would take and change. Refuses as `place` does; the values are taken and given back at once.

        `for_anybody`: it may name no customer.
        """
        nobody = for_anybody and not request.customer
        wrong = [each for each in mistakes(request, at) if not (nobody and each.code == NO_CUSTOMER)]
        if wrong:
            raise OrderMalformed(*wrong)
        with database.read() as session:
            customer = Account("", "0") if nobody else _customer(session, request.customer)
            thought = self.designer.thought(Submission(session, request, customer, _network(session, request), at))
        with database.write() as session:
            given = allotted(Submission(session, request, customer, _network(session, request), at), thought)
            session.rollback()
        with database.read() as session:
            case = Submission(session, request, customer, _network(session, request), at)
            designs = self.designer.rendered(case, given)
            by_reference = {design.request.reference: design for design in designs}
            bundles = [[by_reference[reference] for reference in bundle] for bundle in arrange(request).bundles]
            return preview(session, designs, [self._thought(case, mine) for mine in bundles])

    def think(self, session: Session, request: OrderRequest, at: datetime) -> list[Design]:
        """Every item as far as it can be without taking anything. Only reads; refuses as `place` does."""
        customer = _customer(session, request.customer)
        return self.designer.thought(Submission(session, request, customer, _network(session, request), at))

    def _thought(self, case: Submission, designs: Sequence[Design]) -> ThoughtPlan:
        changed = self._changes(case, designs)
        why = self._why_approve(designs, changed, urgent=case.request.priority == URGENT)
        _refuse_locked(case, designs, changed, approved=not why)
        return ThoughtPlan(designs, changed, why)

    def _store_service(self, case: Submission, design: Design, product: Product) -> ServiceRow:
        new = NewService(
            id=design.service_id,
            name=product.name,
            specification=product.spec.name,
            specification_version=product.spec.version,
            customer=case.customer.account_number,
            agreement=agreement_id_for(case.session, case.customer.id, product.spec.name, case.at),
            characteristics=design.request.characteristics,
        )
        return create_service(
            case.session,
            new,
            case.at,
            parts={case.network.element(name).id: text for name, text in design.intent.after.items()},
            ports=port_roles(product.layout),
            links=product.layout.links,
        )

    def _store_order(self, case: Submission, order: OrderRow, designs: Sequence[Design]) -> tuple[Change, ...]:
        """With its items and plans: one plan per item, or per bundle of items."""
        arrangement = arrange(case.request)
        by_reference = {design.request.reference: design for design in designs}
        plans: list[PlanRow] = []
        items: list[OrderItemRow] = []
        made: list[Change] = []
        changed: list[Mapping[str, object]] = []
        questions: list[JournalRow] = []
        for bundle in arrangement.bundles:
            mine = [by_reference[reference] for reference in bundle]
            own = self._changes(case, mine)
            plan = self._plan_row(case, order)
            why = "" if order.undoes else self._why_approve(mine, own, urgent=order.priority == URGENT)
            _refuse_locked(case, mine, own, approved=not why, undoes=bool(order.undoes))
            if why:
                plan.approval = Approval.REQUIRED
                questions.append(noted(plan, "waiting", f"it has to be approved: {why}", order.client, case.at))
            for design in mine:
                item = _item_row(order, plan, design, arrangement, _former(case.session, design))
                item.outlook = reserve(case.session, design)
                items.append(item)
            plans.append(plan)
            changed += [_change_columns(change, plan.id, case.at) for change in own]
            made += own
        items.sort(key=lambda item: item.position)
        set_committed_value(order, "items", items)
        order.expected_completion = self.pace.expected(case.session, order, case.at)
        reach(order, Milestone.ACCEPTED, f"order {order.id} is accepted", (), case.at)
        reach(order, Milestone.ALLOCATED, "ports and values are reserved", order.items, case.at)
        write(case.session, PlanRow, map(vars, plans))
        write(case.session, ChangeSetRow, changed)
        store(case.session, [order, *items])
        case.session.add_all(questions)
        return tuple(made)

    def _changes(self, case: Submission, designs: Sequence[Design]) -> tuple[Change, ...]:
        intents = [design.intent for design in designs]
        names = {name for intent in intents for name in (*intent.before, *intent.after)}
        try:
            platforms = {name: self.designer.platforms(case.network.element(name).platform) for name in names}
            return changes(intents, platforms)
        except DriverSetupError as error:
            raise OrderConflict(refusals.of_data(error, designs[0].where)) from error

    def _why_approve(self, designs: Sequence[Design], own: Sequence[Change], *, urgent: bool) -> str:
        """Empty when nobody has to."""
        changing = [design for design in designs if design.request.action != "noChange"]
        scope = Scope(
            specifications=frozenset(design.specification for design in changing),
            elements=len(own),
            services=len(changing),
            urgent=urgent,
        )
        return reason(self.settings.approval, scope)

    def _plan_row(self, case: Submission, order: OrderRow) -> PlanRow:
        begin = max(case.at, case.request.requested_start or case.at)
        return new_row(
            PlanRow,
            id=new_id("pln", case.at),
            order_id=order.id,
            version=VERSION,
            state=PlanState.WAITING,
            step=Step.CONNECT,
            created_at=case.at,
            deadline=begin + self.settings.plan_timeout,
        )


def _refuse_locked(
    case: Submission, designs: Sequence[Design], own: Sequence[Change], *, approved: bool, undoes: bool = False
) -> None:
    """What would begin now and could not. What begins later may find the element unlocked, and fails by then if it is not."""
    later = case.request.requested_start is not None and case.request.requested_start > case.at
    if undoes or later or not approved or any(design.request.waits_for for design in designs):
        return
    names = (change.set.element for change in own)
    locked = [name for name in names if case.network.element(name).administrative == LOCKED]
    if locked:
        raise OrderConflict(*(refusals.of_locked(name, designs[0].where) for name in locked))


def _known(session: Session, request: OrderRequest, client: str) -> OrderRow | None:
    """The order that this client placed under this external id. `OrderConflict` when it said something else then."""
    if request.external_id is None:
        return None
    if session.get_bind().dialect.name == "postgresql":  # two that race: the second sees what the first has stored
        key = func.hashtextextended(f"{client}\x1f{request.external_id}", 0)
        session.execute(select(func.pg_advisory_xact_lock(key)))
    same = client, request.external_id
    if any((told["client"], told["external_id"]) == same for told in untold(session, insertion(OrderRow))):
        settle(session, _ORDERS)
    found = _SAME.first(session.connection(), {"client": client, "external_id": request.external_id})
    known = session.get_one(OrderRow, found[0]) if found else None
    if known is not None and known.body_digest != request.digest:
        raise OrderConflict(refusals.of_external_id(request.external_id, known.id))
    return known


_ORDERS = cast("Table", OrderRow.__table__)
_SAME = Prepared(
    select(OrderRow.id).where(OrderRow.client == bindparam("client"), OrderRow.external_id == bindparam("external_id"))
)


def _customer(session: Session, number: str) -> Account:
    try:
        return account(session, number)
    except UnknownCustomer as error:
        raise OrderMalformed(refusals.of_customer(number, error.meant)) from error


def _network(session: Session, request: OrderRequest) -> Surroundings:
    return Detour(session, request.avoid) if request.avoid else Surroundings(session)


def _order_row(request: OrderRequest, client: str, undoes: str, at: datetime) -> OrderRow:
    return new_row(
        OrderRow,
        id=new_id("ord", at),
        client=client,
        external_id=request.external_id,
        body_digest=request.digest,
        customer=request.customer,
        state=ItemState.ACKNOWLEDGED,
        document=dict(request.document),
        correlation_id=request.correlation_id or new_id("cor", at),
        order_date=at,
        requested_start=request.requested_start,
        requested_completion=request.requested_completion,
        priority=request.priority,
        undoes=undoes,
    )


def _item_row(
    order: OrderRow, plan: PlanRow, design: Design, arrangement: Arrangement, former: dict[str, Any] | None
) -> OrderItemRow:
    return new_row(
        OrderItemRow,
        id=design.id,
        order_id=order.id,
        reference=design.request.reference,
        position=design.position,
        action=design.request.action,
        state=ItemState.ACKNOWLEDGED,
        specification=design.specification,
        service_id=design.service_id,
        depends_on=list(arrangement.depends_on[design.request.reference]),
        characteristics=dict(design.request.characteristics),
        document=dict(design.request.document),
        wanted_state=design.request.state,
        suspension_reason=design.request.suspension_reason,
        waits_for=design.request.waits_for,
        wait_until=design.request.wait_until,
        former=former,
        plan_id=plan.id,
    )


def _former(session: Session, design: Design) -> dict[str, Any] | None:
    """What a service that is to be modified is now."""
    service = session.get(ServiceRow, design.service_id) if design.request.action == "modify" else None
    if service is None:
        return None
    return {
        "characteristics": service.characteristics,
        "state": service.state,
        "suspension_reason": service.suspension_reason,
        "values": {role: had.value for role, had in held(session, service.id, design.id).items() if had.kind != BANDWIDTH},
    }


def _change_columns(change: Change, plan_id: str, at: datetime) -> Mapping[str, object]:
    return {
        "id": new_id("chg", at),
        "plan_id": plan_id,
        "element": change.set.element,
        "platform": change.set.platform,
        "commitment": change.commitment,
        "own_before": change.alone.before,
        "own_after": change.alone.after if change.alone.after != change.set.after else None,
        "before": change.set.before,
        "after": change.set.after,
        "forward": change.set.forward,
        "reverse": change.set.reverse,
        "ports": change.set.ports,
        "checks": [asdict(check) for check in change.set.checks],
        "state": ChangeState.PLANNED,
    }
