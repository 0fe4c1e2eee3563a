"""A small world for plans: a database, fake elements, and workers that live or are killed."""

from contextlib import suppress
from datetime import timedelta

from sqlalchemy import select

from agent.fulfillment.errors import Interrupted
from agent.fulfillment.events import Announcer
from agent.fulfillment.outcome import PLAN_WORK, Outcomes
from agent.fulfillment.plan import PlanState, Step
from agent.fulfillment.realisation import Realisation
from agent.fulfillment.runner import PlanRunner
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.stalls import Stalls
from agent.fulfillment.tables import ChangeSetRow, ElementHoldRow, JournalRow, OrderItemRow, OrderRow, PlanRow
from agent.fulfillment.tools import Tools
from crm_bridge.tables import EventRow
from drivers.platform import load_platform
from drivers.port import Commitment
from inventory.allocation import allocate
from inventory.tables import (
    AllocationRow,
    ElementRow,
    PoolRow,
    PortClaimRow,
    PortRow,
    ServiceResourceRow,
    ServiceRow,
    SiteRow,
    WorkItemRow,
)
from inventory.work import DatabaseQueue, Work
from tests.agent.fulfillment.fakes import FakeDoors, FakeElement, FakeLifecycle, Killed

CONFIRMED, IMMEDIATE = Commitment.CONFIRMED, Commitment.IMMEDIATE
LEASE = timedelta(seconds=60)


class World:
    def __init__(self, database, clock, *elements: FakeElement) -> None:
        self.database, self.clock = database, clock
        self.elements = {element.name: element for element in elements}
        self.lifecycle = FakeLifecycle(clock)
        self.queue = DatabaseQueue(database)
        self.settings = FulfilmentSettings()
        self.stopping = False
        self.points: list[str] = []
        self.kill_at: str = ""
        self.workers = 0
        self._import()

    # -- setting up ----------------------------------------------------------------------------------------------------

    def _import(self) -> None:
        with self.database.write() as session:
            session.add(SiteRow(id="ste-1", name="lab"))
            session.add(
                PoolRow(id="pol-1", name="vlans", kind="vlan", definition={"ranges": [[100, 199]]}, size="100", quarantine_s=60)
            )
            session.flush()
            for element in self.elements.values():
                session.add(ElementRow(id=f"elm-{element.name}", name=element.name, site_id="ste-1", platform="fake"))
                session.flush()
                session.add(PortRow(id=f"prt-{element.name}", element_id=f"elm-{element.name}", name="ge-0/0/1"))

    def order(self, *items, order="ord-1") -> None:
        """Items are (reference, action, elements) or (reference, action, elements, depends_on); each has a plan and a service."""
        at = self.clock.now()
        with self.database.write() as session:
            row = OrderRow(
                id=order,
                client="test",
                external_id=order,
                body_digest="",
                customer="1001",
                state="acknowledged",
                document={},
                correlation_id="cor-1",
                order_date=at,
            )
            session.add(row)
            session.flush()
            for position, item in enumerate(items):
                self._item(session, row, position, item)

    def _item(self, session, order, position, item) -> None:
        reference, action, elements, *rest = item
        depends = rest[0] if rest else []
        at, service, plan = self.clock.now(), f"svc-{reference}", f"pln-{order.id}-{reference}"
        if action == "add":
            self.service(session, service, elements, state="reserved", owner=f"itm-{order.id}-{reference}")
        row = PlanRow(
            id=plan,
            order_id=order.id,
            state="waiting",
            step=Step.CONNECT,
            created_at=at,
            deadline=at + timedelta(minutes=15),
        )
        session.add(row)
        session.flush()
        session.add(
            OrderItemRow(
                id=f"itm-{order.id}-{reference}",
                order_id=order.id,
                reference=reference,
                position=position,
                action=action,
                state="acknowledged",
                specification="test",
                service_id=service,
                depends_on=depends,
                document={},
                plan_id=plan,
            )
        )
        for name in elements:
            text = f"{service} on {name}\nand more of {service}"
            before, after = ("", text) if action == "add" else (text, "")
            session.add(
                ChangeSetRow(
                    id=f"chg-{plan}-{name}",
                    plan_id=plan,
                    element=name,
                    platform="fake",
                    commitment=self.elements[name].commitment,
                    before=before,
                    after=after,
                    forward=f"to {after!r}",
                    reverse=f"to {before!r}",
                    ports=["ge-0/0/1"] if after else [],
                )
            )
        session.flush()
        if not depends:
            self.queue.submit(session, Work(PLAN_WORK, plan), at)

    def service(self, session, service, elements, *, state, owner="itm-old") -> None:
        at = self.clock.now()
        session.add(
            ServiceRow(
                id=service,
                name=service,
                specification="test",
                specification_version="1",
                state=state,
                customer="1001",
                characteristics={},
                created_at=at,
            )
        )
        session.flush()
        allocate(session, "vlans", owner=owner, role="vlan", service_id=service, at=at)
        for name in elements:
            port = f"prt-{name}"
            session.add(ServiceResourceRow(id=f"res-{service}-{name}", service_id=service, port_id=port, role="endpoint"))
            session.add(
                PortClaimRow(id=f"clm-{service}-{name}", port_id=port, vlan=int(service[-1]), service_id=service, owner=owner)
            )
            if state == "active":
                lines = {f"{service} on {name}", f"and more of {service}"}
                self.elements[name].running |= lines
                self.elements[name].startup |= lines
        session.flush()

    # -- working -------------------------------------------------------------------------------------------------------

    def tools(self) -> Tools:
        return Tools(
            database=self.database,
            clock=self.clock,
            queue=self.queue,
            doors=FakeDoors(*self.elements.values()),
            lifecycle=self.lifecycle,
            stalls=Stalls(self.clock),
            outcomes=Outcomes(self.queue, self.realisation(), Announcer(), self.settings),
            settings=self.settings,
            pause=self.clock.advance,
            stopping=lambda: self.stopping,
            checkpoint=self.checkpoint,
        )

    def realisation(self) -> Realisation:
        return Realisation(self.lifecycle, Announcer(), lambda _: load_platform("frr"))

    def checkpoint(self, name: str) -> None:
        self.points.append(name)
        if self.kill_at == name:
            self.kill_at = ""
            raise Killed

    def claim(self):
        self.workers += 1
        claims = self.queue.claim([PLAN_WORK], f"w{self.workers}", self.clock.now(), LEASE)
        return claims[0] if claims else None

    def work(self) -> bool:
        """One claim by a worker that may be killed; False when nothing was due."""
        claim = self.claim()
        if claim is None:
            return False
        with suppress(Interrupted, Killed):
            PlanRunner(self.tools())(claim)
        return True

    def work_off(self, limit=30) -> None:
        """New workers until nothing is due or will be, leases of the dead included."""
        for _ in range(limit):
            while self.work():
                limit -= 1
                if limit <= 0:
                    return
            if not self.open_work():
                return
            self.clock.advance(LEASE)

    def open_work(self) -> int:
        with self.database.read() as session:
            return len(session.scalars(select(WorkItemRow.id).where(WorkItemRow.state.in_(["ready", "claimed"]))).all())

    # -- looking -------------------------------------------------------------------------------------------------------

    def rows(self, entity, *columns):
        with self.database.read() as session:
            return [tuple(row) for row in session.execute(select(*columns).select_from(entity).order_by(*columns))]

    def order_row(self, order="ord-1") -> OrderRow:
        with self.database.read() as session:
            return session.get_one(OrderRow, order)

    def plan(self, reference="1", order="ord-1") -> PlanRow:
        with self.database.read() as session:
            return session.get_one(PlanRow, f"pln-{order}-{reference}")

    def service_states(self) -> dict[str, str]:
        return dict(self.rows(ServiceRow, ServiceRow.id, ServiceRow.state))

    def allocations(self) -> dict[str, str]:
        return dict(self.rows(AllocationRow, AllocationRow.value, AllocationRow.state))

    def claims(self) -> list[str]:
        return [service for (service,) in self.rows(PortClaimRow, PortClaimRow.service_id)]

    def holds(self) -> list[tuple[str, bool]]:
        return self.rows(ElementHoldRow, ElementHoldRow.element, ElementHoldRow.in_doubt)

    def events(self) -> list[str]:
        with self.database.read() as session:
            return list(session.scalars(select(EventRow.type).order_by(EventRow.sequence)))

    def journal(self) -> list[tuple[str, str | None, str]]:
        with self.database.read() as session:
            rows = session.execute(select(JournalRow.step, JournalRow.element, JournalRow.outcome).order_by(JournalRow.id))
            return [tuple(row) for row in rows]

    def assert_consistent(self) -> None:
        """The elements have exactly what the database says is active, saved, and nothing is left behind."""
        states = self.service_states()
        for element in self.elements.values():
            assert element.persist == ""
            assert element.locked_by == ""
            present = {line.split()[0] for line in element.running if " on " in line}
            wanted = {
                service for service, state in states.items() if state == "active" and (element.name,) in self._elements_of(service)
            }
            assert present == wanted, element.name
            assert element.running == element.startup, element.name
            assert len(element.running) == 2 * len(wanted), element.name
        active = {service for service, state in states.items() if state == "active"}
        assert set(self.claims()) == active
        assert len([value for value, state in self.allocations().items() if state == "allocated"]) == len(active)
        assert self.holds() == []
        assert self.open_work() == 0
        for state, finished in self.rows(PlanRow, PlanRow.state, PlanRow.finished_at):
            assert state in (PlanState.DONE, PlanState.FAILED)
            assert finished is not None

    def _elements_of(self, service):
        with self.database.read() as session:
            return session.execute(
                select(ElementRow.name)
                .join(PortRow, PortRow.element_id == ElementRow.id)
                .join(ServiceResourceRow, ServiceResourceRow.port_id == PortRow.id)
                .where(ServiceResourceRow.service_id == service)
            ).all()
