"""What a plan's end means for a service, its values and its ports; always inside the transaction that ends the plan.

And, as the plan takes its elements, what of its changes is not its own alone: it is settled when nobody else can change them.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast

import structlog
from sqlalchemy import Table, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from agent.fulfillment.designs import ACTIVE, INACTIVE
from agent.fulfillment.errors import PhaseFailed
from agent.fulfillment.events import Announcer
from agent.fulfillment.intents import REDEPLOY, refuse_other_intent
from agent.fulfillment.lifecycle import CounterReadings, ServiceLifecycle
from agent.fulfillment.plan import Failure, Plan, Purpose
from agent.fulfillment.reservation import give_back, outlook_of, take_up
from agent.fulfillment.shared import Conflict, Shared, said
from agent.fulfillment.tables import ChangeSetRow, OrderItemRow, OrderRow, PlanRow
from drivers.diff import Statements, change_set, statements
from drivers.errors import DriverSetupError
from drivers.platform import Platform, load_platform
from drivers.port import ChangeSet
from inventory import sharing
from inventory.allocation import release_service
from inventory.db import Database
from inventory.loading import lock
from inventory.ports import renounce_claims
from inventory.prepared import Prepared, among
from inventory.services import change_service, forget_planned_parts, parts_of_all, planned_parts, set_parts, terminate_service
from inventory.tables import ElementRow, PortRow, ServiceResourceRow, ServiceRow

log = structlog.get_logger(__name__)


Settled = Mapping[str, ChangeSet] | PhaseFailed
"""By element."""


@dataclass(frozen=True, slots=True)
class Realised:
    """An item whose plan holds, with readings taken `before` and `after`."""

    item: OrderItemRow
    order: OrderRow
    before: CounterReadings
    after: CounterReadings


@dataclass(frozen=True, slots=True)
class Realisation:
    lifecycle: ServiceLifecycle
    announcer: Announcer
    platforms: Callable[[str], Platform] = field(default=load_platform)

    # -- as the plan takes its elements --------------------------------------------------------------------------------

    def settle_shared(self, session: Session, plans: Sequence[Plan]) -> dict[str, Settled]:
        """Their change sets leave alone what other services own too, now that nobody else can change the elements.

        Plan → those that are other than planned with this, by element; or `PhaseFailed`, when another service has come to say
        something else in a place that holds one value: then nothing of the plan was written. Called again for a plan that starts
        again: what others own may be another by then. A redeployment is what it says, whoever owns it, as long as services are
        what they were when the elements were compared; and a bounce says what nobody wants to last.
        """
        orders = [plan for plan in plans if plan.purpose == Purpose.ORDER]
        known = self._said_beside([plan for plan in orders if plan.actions <= {"add", "noChange"}], session)
        shared = Shared(session, known)
        settled = {plan.id: self._settle(session, plan, shared) for plan in plans}
        _store(session, {plan_id: found for plan_id, found in settled.items() if not isinstance(found, PhaseFailed)})
        return settled

    def _said_beside(self, plans: Sequence[Plan], session: Session) -> dict[str, dict[str, sharing.Said]]:
        """Of plans whose services say nothing yet: what others say in the places of their changes."""
        places: dict[str, set[str]] = {}
        for plan in plans:
            for planned in plan.changes:
                platform = self.platforms(planned.change.platform)
                for text in planned.own:
                    places.setdefault(planned.element, set()).update(said(platform, planned.element, text))
        return sharing.said(session, places) if places else {}

    def _settle(self, session: Session, plan: Plan, shared: Shared) -> Settled:
        settled: dict[str, ChangeSet] = {}
        if plan.purpose == Purpose.BOUNCE:
            return settled
        try:
            if plan.purpose == REDEPLOY:
                refuse_other_intent(session, session.get_one(PlanRow, plan.id), self.platforms)
                return {}
            for planned in plan.changes:
                change = _settle(planned.change, *planned.own, self.platforms, shared, plan.services)
                if change is not None:
                    settled[planned.element] = change
        except Conflict as conflict:
            return PhaseFailed([Failure(conflict.element, "valueConflict", str(conflict))])
        except PhaseFailed as failed:
            return failed
        return settled

    # -- as the plan ends ----------------------------------------------------------------------------------------------

    def realise(self, session: Session, realised: Sequence[Realised], at: datetime) -> Mapping[str, ServiceRow]:
        """Their plans hold: each service begins, changes, rests or ends. Gives those that do, by id, as they are with it."""
        changing = [each for each in realised if each.item.action != "noChange"]
        # as whoever orders: before pools and ports
        services = lock(session, ServiceRow, [each.item.service_id for each in changing])
        activated: list[tuple[ServiceRow, CounterReadings]] = []
        new: set[str] = set()
        for each in changing:
            service = services[each.item.service_id]
            was, began = service.state, service.started_at
            if each.item.action == "delete":
                self._end(session, service, each, at)
            elif (came := self._stand(session, service, each, at)) is not None:
                activated.append((service, came))
                if began is None:
                    new.add(service.id)
            event = "AttributeValueChange" if each.item.action == "modify" and service.state == was else "StateChange"
            self.announcer.service(session, service, event, each.order, at)
        if activated:
            self.lifecycle.all_activated(session, activated, at, new=new)
        self._own_parts(session, [each.item.service_id for each in changing if each.item.action != "delete"], new)
        return services

    def withdraw(self, session: Session, item: OrderItemRow, order: OrderRow, at: datetime, *, used: bool) -> None:
        """The plan does not hold: a service that never came to be leaves nothing; one that is there goes on as it was."""
        service = session.get(ServiceRow, item.service_id)
        if service is None:
            return
        if item.action == "modify":
            give_back(session, service.id, item, at, used=used)
        elif item.action == "add":
            release_service(session, service.id, at, used=used)
            renounce_claims(session, service.id)
            self.announcer.service(session, service, "Delete", order, at)
            session.delete(service)

    def backfill(self, database: Database) -> None:
        """Write down what active services say of whom nobody did: they are of a database from before that was kept."""
        with database.read() as session:
            missing = any(True for _ in sharing.untold(session))
        if not missing:
            return
        with database.write() as session:
            for parts in sharing.untold(session):
                texts: dict[str, dict[str, tuple[str, str]]] = {}
                for part in parts:
                    texts.setdefault(part.service_id, {})[part.element] = (part.platform, part.desired)
                self._own(session, texts)

    # -- one service ---------------------------------------------------------------------------------------------------

    def _change(self, session: Session, service: ServiceRow, item: OrderItemRow, at: datetime) -> None:
        outlook = outlook_of(item)
        if outlook is not None:
            take_up(session, service.id, item, outlook, at)
            change_service(session, service.id, item.characteristics, name=outlook.name, specification_version=outlook.version)
        if _wanted(item, service) == ACTIVE:
            set_parts(session, service.id, planned_parts(session, service.id, item.id))
            forget_planned_parts(session, service.id)
        else:
            set_parts(session, service.id, {})
            if planned_parts(session, service.id, item.id):
                forget_planned_parts(session, service.id, but=item.id)

    def _end(self, session: Session, service: ServiceRow, realised: Realised, at: datetime) -> None:
        self.lifecycle.terminated(session, service, realised.before.of(endpoint_ports(session, [service.id])), at)
        terminate_service(session, service.id, at)

    def _stand(self, session: Session, service: ServiceRow, realised: Realised, at: datetime) -> CounterReadings | None:
        """The first readings of a service that is active with this, and was not."""
        item, was, before, after = realised.item, service.state, realised.before, realised.after
        left = before.of(ports_that_end(session, [item])) if before.readings else before
        came = after.of(ports_that_begin(session, [item])) if after.readings else after
        if item.action == "modify":
            self._change(session, service, item, at)
        service.state = _wanted(item, service)
        service.suspension_reason = item.suspension_reason if service.state == INACTIVE else ""
        if service.state != INACTIVE and was != ACTIVE:
            service.started_at = service.started_at or at
            return came
        if service.state != INACTIVE:
            self.lifecycle.modified(session, service, left, came, at)
        elif was == ACTIVE:
            self.lifecycle.suspended(session, service, left, at)
        return None

    def _own_parts(self, session: Session, services: Sequence[str], new: AbstractSet[str]) -> None:
        """From now on they say what their parts do. `new`: those of them that never stood anywhere."""
        if not services:
            return
        with session.no_autoflush:  # who changes parts writes them at once
            parts = parts_of_all(session, services)
        texts = {service: {part.element: (part.platform, part.desired) for part in parts[service]} for service in services}
        self._own(session, texts, new)

    def _own(
        self, session: Session, texts: Mapping[str, Mapping[str, tuple[str, str]]], new: AbstractSet[str] = frozenset()
    ) -> None:
        """`texts`: service → element → platform and what the service says there."""
        told: dict[str, dict[str, Statements]] = {service_id: {} for service_id in texts}
        for service_id, by_element in texts.items():
            for element, (platform, text) in by_element.items():
                try:
                    told[service_id][element] = statements(self.platforms(platform), text)
                except DriverSetupError:
                    log.exception("what a service says cannot be read; it may be taken away with another one", element=element)
        sharing.own_all(session, told, silent=new)


def ports_that_end(session: Session, items: Iterable[OrderItemRow]) -> list[str]:
    """Customer ports (`element/port`) that the items take from active services; asked before the plan has ended."""
    found: set[str] = set()
    for item in items:
        service = session.get(ServiceRow, item.service_id)
        if service is None or service.state != ACTIVE or item.action not in {"delete", "modify"}:
            continue
        has = endpoint_ports(session, [service.id])
        goes_on = item.action == "modify" and _wanted(item, service) == ACTIVE
        found |= set(has) - set(_endpoints_to_come(session, item, has) if goes_on else ())
    return sorted(found)


def ports_that_begin(session: Session, items: Iterable[OrderItemRow]) -> list[str]:
    """Customer ports (`element/port`) that the items give to services that are active with it; see `ports_that_end`."""
    found: set[str] = set()
    for item in items:
        service = session.get(ServiceRow, item.service_id)
        if service is None or item.action not in {"add", "modify"} or _wanted(item, service) != ACTIVE:
            continue
        has = endpoint_ports(session, [service.id])
        found |= set(_endpoints_to_come(session, item, has)) - set(has if service.state == ACTIVE else ())
    return sorted(found)


def ports_of_new(session: Session, plans: Collection[str]) -> dict[str, list[str]]:
    """`ports_that_begin` of plans that only add, where there are any, by plan."""
    found: dict[str, list[str]] = {}
    for plan_id, element, port in _BEGINNING.rows(session.connection(), {"plans": plans}):
        if plan_id is not None:
            found.setdefault(plan_id, []).append(f"{element}/{port}")
    return found


def endpoint_ports(session: Session, services: Iterable[str]) -> list[str]:
    """The customer ports of services, as `element/port`."""
    rows = session.execute(_ENDPOINTS, {"services": list(services)})
    return [f"{element}/{port}" for element, port in rows]


_ENDPOINTS = (
    select(ElementRow.name, PortRow.name)
    .join(PortRow, PortRow.element_id == ElementRow.id)
    .join(ServiceResourceRow, ServiceResourceRow.port_id == PortRow.id)
    .where(ServiceResourceRow.service_id.in_(bindparam("services", expanding=True)), ServiceResourceRow.role == "endpoint")
    .order_by(ElementRow.name, PortRow.name)
    .distinct()
)


def _endpoints_to_come(session: Session, item: OrderItemRow, has: list[str]) -> list[str]:
    outlook = outlook_of(item)
    if outlook is None:
        return has
    ids = [port_id for port_id, role in outlook.ports.items() if role == "endpoint"]
    rows = session.execute(
        select(ElementRow.name, PortRow.name).join(PortRow, PortRow.element_id == ElementRow.id).where(PortRow.id.in_(ids))
    )
    return [f"{element}/{port}" for element, port in rows]


def _wanted(item: OrderItemRow, service: ServiceRow) -> str:
    """The state that the item leads to."""
    return item.wanted_state or (ACTIVE if item.action == "add" else service.state)


def _settle(  # noqa: PLR0917  the two sides belong beside each other
    planned: ChangeSet, before: str, after: str, platforms: Callable[[str], Platform], shared: Shared, services: Collection[str]
) -> ChangeSet | None:
    """`before`, `after`: what its own services say. None where it stays as it was planned."""
    platform = platforms(planned.platform)
    alike = shared.of(platform, planned.element, before, after, services)
    if not alike and (before, after) == (planned.before, planned.after):
        return None
    settled = change_set(platform, planned.element, before, after, shared=alike)
    return replace(planned, before=settled.before, after=settled.after, forward=settled.forward, reverse=settled.reverse)


def _store(session: Session, settled: Mapping[str, Mapping[str, ChangeSet]]) -> None:
    rows = [
        {
            "plan": plan_id,
            "of": change.element,
            "before": change.before,
            "after": change.after,
            "forward": change.forward,
            "reverse": change.reverse,
        }
        for plan_id, changes in settled.items()
        for change in changes.values()
    ]
    if rows:
        session.connection().execute(_SETTLED, rows)


_BEGINNING = Prepared(
    select(OrderItemRow.plan_id, ElementRow.name, PortRow.name)
    .join(PortRow, PortRow.element_id == ElementRow.id)
    .join(ServiceResourceRow, ServiceResourceRow.port_id == PortRow.id)
    .join(OrderItemRow, OrderItemRow.service_id == ServiceResourceRow.service_id)
    .where(
        among(OrderItemRow.plan_id, "plans"),
        OrderItemRow.action == "add",
        or_(OrderItemRow.wanted_state == "", OrderItemRow.wanted_state == ACTIVE),
        ServiceResourceRow.role == "endpoint",
    )
    .order_by(ElementRow.name, PortRow.name)
    .distinct()
)
_CHANGES = cast("Table", ChangeSetRow.__table__)
_OWN = {name: func.coalesce(_CHANGES.c[f"own_{name}"], _CHANGES.c[name]) for name in ("before", "after")}
"""What was planned is kept beside what it is settled to."""
_SETTLED = (
    update(_CHANGES)
    .where(_CHANGES.c.plan_id == bindparam("plan"), _CHANGES.c.element == bindparam("of"))
    .values({name: bindparam(name) for name in ("before", "after", "forward", "reverse")})
    .values(own_before=_OWN["before"], own_after=_OWN["after"])
)
