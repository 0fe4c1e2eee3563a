"""What must hold once an order has ended, whatever happened on the way: network, inventory and order tell the same story."""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from agent.fulfillment.states import FINAL, order_state
from agent.fulfillment.tables import ElementHoldRow, JournalRow, OrderCancellationRow, OrderItemRow, OrderRow, PlanRow
from crm_bridge.tables import EventRow
from drivers.diff import change_set
from drivers.diff.union import union
from drivers.platform import load_platform
from drivers.port import Credential, Target
from drivers.registry import Drivers
from drivers.sim.network import SimNetwork
from drivers.sim.thread import SimThread
from drivers.ssh.confirmed import TRIAL
from inventory.db import Database
from inventory.tables import (
    AllocationRow,
    ElementRow,
    PlannedPartRow,
    PoolRow,
    PortClaimRow,
    ServicePartRow,
    ServiceRow,
    StatementRow,
    WorkItemRow,
)

Texts = dict[str, str]
"""By element."""


class Twin:
    """A second network on which only what should be has ever been done: what its elements then show is how they must look."""

    def __init__(self, sim: SimThread, folder: Path) -> None:
        self._sim = sim
        self._known_hosts = folder / "twin_known_hosts"
        self._known_hosts.write_text(sim.network.known_hosts())
        self._drivers = Drivers()
        self._seen: dict[tuple[str, str], str] = {}
        self._pristine = {name: self._running(name) for name in sim.network.elements}

    def expected(self, desired: Mapping[str, list[str]]) -> Texts:
        """Each element's whole running configuration, given the services' parts on it."""
        return {name: self._with(name, sorted(desired.get(name, []))) for name in self._pristine}

    def close(self) -> None:
        self._drivers.close()

    def _with(self, element: str, texts: list[str]) -> str:
        platform = load_platform(self._sim.network.elements[element].spec.platform)
        wanted = union(platform, texts)
        if not wanted:
            return self._pristine[element]
        if (element, wanted) not in self._seen:
            change = change_set(platform, element, "", wanted)
            self._apply(element, platform.name, platform.protocol, change)
            self._seen[element, wanted] = self._running(element)
            self._apply(element, platform.name, platform.protocol, change.inverted())
            assert self._running(element) == self._pristine[element]
        return self._seen[element, wanted]

    def _apply(self, element, platform, protocol, change) -> None:
        secrets = self._sim.network.topology.credentials.resolve()
        credential = Credential("twin", secrets.user, secrets.password, community=secrets.community)
        endpoint = self._sim.network.elements[element].endpoints[protocol]
        target = Target(element, platform, protocol, endpoint.host, endpoint.port, credential, self._known_hosts)
        deadline = time.monotonic() + 60
        session = self._drivers(protocol).open(target, deadline)
        session.lock(deadline)
        session.stage(change, deadline)
        session.commit(change, "twin", timedelta(seconds=60), deadline)
        session.confirm("twin", deadline)
        session.abort(deadline)
        session.close()

    def _running(self, element: str) -> str:
        return self._sim.call(lambda network: network.elements[element].running_text())


def untruths(database: Database, sim: SimThread, twin: Twin) -> list[str]:
    """Everything in which network, inventory, orders, journal and events disagree; empty when all is well."""
    with database.read() as session:
        wrong = [
            *_orders(session),
            *_services(session),
            *_plans(session),
            *_told(session),
            *_leftovers(session),
            *_resources(session),
        ]
        desired = _desired(session)
    return [*wrong, *_elements(sim, twin.expected(desired))]


def _orders(session: Session) -> list[str]:
    """Orders have ended, and their items as their plans have. Only what could not be undone is completed and has errors."""
    wrong = []
    plans = {plan.id: plan for plan in session.scalars(select(PlanRow))}
    stays = set(session.scalars(select(OrderCancellationRow.order_id).where(OrderCancellationRow.state == "terminatedWithError")))
    for order in session.scalars(select(OrderRow).options(selectinload(OrderRow.items))):
        if order.state not in FINAL or order.completed_at is None:
            wrong.append(f"order {order.id} is {order.state}")
        if order_state([item.state for item in order.items]) != order.state:
            wrong.append(f"order {order.id} is {order.state}, its items {[item.state for item in order.items]}")
        undone = _undone(session, order)
        for item in order.items:
            plan = plans[item.plan_id]
            ends = {"completed": {"done"}, "failed": {"failed"}, "cancelled": {"done"} if undone else {"cancelled", "failed"}}
            if plan.state not in ends.get(item.state, ()):
                wrong.append(f"item {item.reference} of {order.id} is {item.state}, its plan {plan.state}")
            explained = item.state == "failed" or (item.state == "completed" and order.id in stays)
            if explained != bool(item.errors) and item.state != "cancelled":
                wrong.append(f"item {item.reference} of {order.id} is {item.state} with errors {item.errors}")
    open_ones = select(OrderCancellationRow).where(OrderCancellationRow.state.not_in(["done", "terminatedWithError"]))
    return [*wrong, *(f"cancellation {each.id} is {each.state}" for each in session.scalars(open_ones))]


def _undone(session: Session, order: OrderRow) -> bool:
    """Whether an order of fabd's own has taken back what it had brought."""
    undoing = select(OrderRow.state).where(OrderRow.undoes == order.cancellation_id)
    return bool(order.cancellation_id) and session.scalars(undoing).first() == "completed"


def _plans(session: Session) -> list[str]:
    """Plans have ended as was decided, with nothing open on any element; and whoever was overtaken wrote no more."""
    wrong = []
    for plan in session.scalars(select(PlanRow)):
        decisions = {"done": {"commit"}, "failed": {"revert", None}, "cancelled": {"revert", None}}
        if plan.decision not in decisions.get(plan.state, ()):
            wrong.append(f"plan {plan.id} is {plan.state} and was decided {plan.decision}")
        states = {change.state for change in plan.change_sets}
        if not states <= ({"saved", "kept"} if plan.state == "done" else {"reverted", "planned", "kept"}):
            wrong.append(f"plan {plan.id} is {plan.state}, changes {sorted(states)}")
        lines = select(JournalRow.fence).where(JournalRow.plan_id == plan.id, JournalRow.fence > 0).order_by(JournalRow.id)
        fences = list(session.scalars(lines))
        if fences != sorted(fences):
            wrong.append(f"the journal of plan {plan.id} was written by turns: {fences}")
    return wrong


def _services(session: Session) -> list[str]:
    """Services are what the items say whose plans held, one after the other."""
    expected: dict[str, tuple[str, dict[str, Any]]] = {}
    items = select(OrderItemRow, PlanRow).join(PlanRow, PlanRow.id == OrderItemRow.plan_id).where(PlanRow.state == "done")
    for item, _ in session.execute(items.order_by(PlanRow.finished_at, PlanRow.id)):
        state, characteristics = expected.get(item.service_id, ("active", {}))
        if item.action == "delete":
            expected[item.service_id] = "terminated", characteristics
        elif item.action in {"add", "modify"}:
            expected[item.service_id] = item.wanted_state or state, item.characteristics
    found = {row.id: (row.state, row.characteristics) for row in session.scalars(select(ServiceRow))}
    return [
        f"service {each} is {found.get(each)} and should be {expected.get(each)}"
        for each in {*found, *expected}
        if found.get(each) != expected.get(each)
    ]


def _told(session: Session) -> list[str]:
    """Events tell each fact once, and the last one of an order or a service what it is now."""
    told: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for event in session.scalars(select(EventRow).order_by(EventRow.sequence)):
        kind, _, id_ = event.aggregate.partition(":")
        subject = event.payload.get("serviceOrder" if kind == "order" else "service", {})
        if subject.get("id") == id_ and kind in {"order", "service"}:
            told[event.aggregate].append((event.type, subject["state"]))
    there = {f"order:{row.id}": row.state for row in session.scalars(select(OrderRow))}
    there |= {f"service:{row.id}": row.state for row in session.scalars(select(ServiceRow))}
    wrong = [f"of {each} was told nothing" for each in there if each not in told]
    for aggregate, events in told.items():
        names = Counter(name for name, _ in events)
        once = [name for name in names if name.endswith(("CreateEvent", "DeleteEvent")) and names[name] > 1]
        states = [state for name, state in events if name.endswith("StateChangeEvent")]
        twice = [state for state, after in pairwise(states) if state == after]
        gone = aggregate not in there and not events[-1][0].endswith("DeleteEvent")
        if once or twice or gone or (aggregate in there and events[-1][1] != there[aggregate]):
            wrong.append(f"{aggregate} is {there.get(aggregate)} and was told as {events}")
    return wrong


def _leftovers(session: Session) -> list[str]:
    return [
        *(f"{hold.element} is held by {hold.plan_id} ({hold.reason})" for hold in session.scalars(select(ElementHoldRow))),
        *(
            f"work {work.kind} {work.key} is {work.state}: {work.last_error}"
            for work in session.scalars(select(WorkItemRow).where(WorkItemRow.state != "done"))
        ),
    ]


def _resources(session: Session) -> list[str]:
    """Values and ports are taken by exactly the services that are there, each what its kind needs; so is what they say."""
    there = {row.id: row for row in session.scalars(select(ServiceRow).where(ServiceRow.state.in_(["active", "inactive"])))}
    taken = select(AllocationRow.service_id, PoolRow.name).join(PoolRow).where(AllocationRow.state == "allocated")
    values: dict[str, list[str]] = defaultdict(list)
    for service_id, pool in session.execute(taken):
        values[service_id].append(pool)
    claims = Counter(session.scalars(select(PortClaimRow.service_id)))
    says = Counter(session.scalars(select(StatementRow.service_id)))
    planned = Counter(session.scalars(select(PlannedPartRow.service_id)))
    wrong = [
        f"{kind} of {each}, which is not there" for kind in (values, claims, says, planned) for each in kind if each not in there
    ]
    for service_id, service in there.items():
        if sorted(values[service_id]) != _needed(service):
            wrong.append(f"service {service_id} has values of {sorted(values[service_id])}, needs {_needed(service)}")
        if not claims[service_id]:
            wrong.append(f"service {service_id} has no port")
        active = service.state == "active"
        if bool(says[service_id]) != active or bool(planned[service_id]) == active:
            wrong.append(
                f"service {service_id} is {service.state}: {says[service_id]} statements, {planned[service_id]} planned parts"
            )
    return wrong


def _needed(service: ServiceRow) -> list[str]:
    """Pools."""
    if service.specification == "l2-eline":
        return ["vlan-eline"]
    return ["ipv4-links", "ipv6-links", *(["vlan-access"] if "accessPort" in service.characteristics else [])]


def _desired(session: Session) -> dict[str, list[str]]:
    rows = session.execute(
        select(ElementRow.name, ServicePartRow.desired)
        .join(ServicePartRow, ServicePartRow.element_id == ElementRow.id)
        .join(ServiceRow, ServiceRow.id == ServicePartRow.service_id)
        .where(ServiceRow.state == "active")
    )
    desired: dict[str, list[str]] = defaultdict(list)
    for element, text in rows:
        desired[element].append(text)
    return desired


def _elements(sim: SimThread, expected: Texts) -> list[str]:
    return [each for name, text in expected.items() for each in sim.call(_differences, name, text)]


def _differences(network: SimNetwork, name: str, expected: str) -> list[str]:
    """In the network's own loop."""
    element = network.elements[name]
    wrong = []
    if element.running_text() != expected:
        wrong.append(f"{name} runs\n{element.running_text()}\nand should run\n{expected}")
    if element._netconf and element._netconf._stores.confirm_pending:
        wrong.append(f"{name} waits for a confirmation that will not come")
    edits = getattr(element._servers.get("ssh"), "_edits", None)
    # a trial that was cut off in the middle stays until the next plan on the element ends it; there is never more than one
    left = [] if edits is None else [each for each in edits.names if each != TRIAL]
    if edits is not None and (edits.waiting or left):
        wrong.append(f"{name} has sessions that nobody will commit or confirm: {edits.waiting} {left}")
    if element._netconf and element._netconf._stores._candidate is not None:
        wrong.append(f"{name} has a candidate that nobody will commit")
    return wrong
