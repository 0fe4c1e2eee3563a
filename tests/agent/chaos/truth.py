"""What must hold once an order has ended, whatever happened on the way: network, inventory and order tell the same story."""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.tables import ElementHoldRow, OrderRow, PlanRow
from drivers.diff import change_set
from drivers.diff.union import union
from drivers.platform import load_platform
from drivers.port import Credential, Target
from drivers.registry import Drivers
from drivers.sim.network import SimNetwork
from drivers.sim.thread import SimThread
from inventory.db import Database
from inventory.tables import AllocationRow, ElementRow, PoolRow, PortClaimRow, ServicePartRow, ServiceRow, WorkItemRow

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
        deadline = time.monotonic() + 30
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
    """Everything in which network, inventory and orders disagree; empty when all is well."""
    with database.read() as session:
        wrong = [*_orders(session), *_leftovers(session), *_resources(session)]
        desired = _desired(session)
    return [*wrong, *_elements(sim, twin.expected(desired))]


def _orders(session: Session) -> list[str]:
    """Orders have ended, plans as their orders say, services as their items say."""
    wrong = []
    services = {row.id: row.state for row in session.scalars(select(ServiceRow))}
    deleted = set()
    for order in session.scalars(select(OrderRow).order_by(OrderRow.order_date.desc())):
        if order.state not in ("completed", "failed") or order.completed_at is None:
            wrong.append(f"order {order.id} is {order.state}")
        for item in order.items:
            plan = session.get_one(PlanRow, item.plan_id)
            completed = item.state == "completed"
            if plan.state != ("done" if completed else "failed"):
                wrong.append(f"item {item.reference} of {order.id} is {item.state}, its plan {plan.state}")
            if plan.decision != ("commit" if completed else "revert"):
                wrong.append(f"item {item.reference} of {order.id} is {item.state}, its plan was decided {plan.decision}")
            if completed == bool(item.errors):
                wrong.append(f"item {item.reference} of {order.id} is {item.state} with errors {item.errors}")
            sound = {"saved"} if completed else {"reverted", "planned"}
            if not {change.state for change in plan.change_sets} <= sound:
                wrong.append(f"plan {plan.id} is {plan.state}, changes {[change.state for change in plan.change_sets]}")
            wrong += _service_of(item, services, deleted)
    return wrong


def _service_of(item, services: Mapping[str, str], deleted: set[str]) -> list[str]:
    """Orders come newest first, so that `deleted` is known when the item that added the service is looked at."""
    state = services.get(item.service_id)
    if item.action == "delete":
        if item.state == "completed":
            deleted.add(item.service_id)
        expected = "terminated" if item.service_id in deleted else "active"
    elif item.state == "completed":
        expected = "terminated" if item.service_id in deleted else "active"
    else:
        expected = None
    return [] if state == expected else [f"service {item.service_id} is {state} after {item.action} {item.state}, not {expected}"]


def _leftovers(session: Session) -> list[str]:
    return [
        *(f"{hold.element} is held by {hold.plan_id} ({hold.reason})" for hold in session.scalars(select(ElementHoldRow))),
        *(
            f"work {work.kind} {work.key} is {work.state}: {work.last_error}"
            for work in session.scalars(select(WorkItemRow).where(WorkItemRow.state != "done"))
        ),
    ]


def _resources(session: Session) -> list[str]:
    """Values and ports are taken by exactly the services that are there, each what its kind needs."""
    active = {row.id: row for row in session.scalars(select(ServiceRow).where(ServiceRow.state == "active"))}
    taken = select(AllocationRow.service_id, PoolRow.name).join(PoolRow).where(AllocationRow.state == "allocated")
    values: dict[str, set[str]] = defaultdict(set)
    for service_id, pool in session.execute(taken):
        values[service_id].add(pool)
    claims = Counter(session.scalars(select(PortClaimRow.service_id)))
    wrong = [f"{kind} of {each}, which is not active" for kind in (values, claims) for each in kind if each not in active]
    for service_id, service in active.items():
        needed = {"ipv4-links", "ipv6-links"} | ({"vlan-access"} if "accessPort" in service.characteristics else set())
        if values[service_id] != needed:
            wrong.append(f"service {service_id} has values of {sorted(values[service_id])}, needs {sorted(needed)}")
        if not claims[service_id]:
            wrong.append(f"service {service_id} has no port")
    return wrong


def _desired(session: Session) -> dict[str, list[str]]:
    rows = session.execute(
        select(ElementRow.name, ServicePartRow.desired)
        .join(ServicePartRow, ServicePartRow.element_id == ElementRow.id)
        .join(ServiceRow, ServiceRow.id == ServicePartRow.service_id)
        .where(ServiceRow.state != "terminated")
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
    if element._netconf and element._netconf._stores._candidate is not None:
        wrong.append(f"{name} has a candidate that nobody will commit")
    return wrong
