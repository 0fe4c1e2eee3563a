"""A whole fulfilment but for the elements and the threads: real orders on fake elements, worked off claim by claim."""

from contextlib import suppress
from dataclasses import replace

from sqlalchemy import select

from agent.fulfillment.cancellation import CancellationRunner, Cancellations, CancelRequest
from agent.fulfillment.errors import Interrupted
from agent.fulfillment.events import Announcer
from agent.fulfillment.orders import OrderDesk
from agent.fulfillment.outcome import CANCEL_WORK, PLAN_WORK, Outcomes
from agent.fulfillment.pace import Pace
from agent.fulfillment.runner import PlanRunner
from agent.fulfillment.tables import JournalRow, OrderCancellationRow, OrderRow, PlanRow
from agent.fulfillment.views import plan_views
from crm_bridge.tables import EventRow
from tests.agent.fulfillment.fakes import FakeElement, Killed
from tests.agent.fulfillment.network import CLIENT, DOCUMENT, Operator
from tests.agent.fulfillment.world import CONFIRMED, IMMEDIATE, LEASE, World

COMMITMENTS = {"pe1": CONFIRMED, "pe2": IMMEDIATE, "pe3": IMMEDIATE, "sw1": IMMEDIATE, "sw2": IMMEDIATE}


class House(World):
    """`World` with the desk, so that orders are what a client would send."""

    def __init__(self, database, clock, document=DOCUMENT, **settings) -> None:
        self.operator = Operator(database, clock, document)
        super().__init__(database, clock, *(FakeElement(name, commitment) for name, commitment in COMMITMENTS.items()))
        self.settings = replace(self.settings, **settings)
        self.announcer = Announcer()
        self.pace = Pace(PLAN_WORK, self.settings.workers)
        self.outcomes = Outcomes(self.queue, self.realisation(), self.announcer, self.settings, self.pace)
        self.desk = OrderDesk(self.operator.desk.designer, self.queue, self.announcer, self.settings, self.pace)
        self.cancellations = Cancellations(self.desk, self.outcomes, self.queue, self.announcer)

    def _import(self) -> None:
        """The operator's network is there already."""

    def tools(self):
        return replace(super().tools(), outcomes=self.outcomes)

    # -- doing ---------------------------------------------------------------------------------------------------------

    def place(self, *items, **options) -> OrderRow:
        with self.database.write() as session:
            return self.desk.place(session, self.operator.request(*items, **options), CLIENT, self.clock.now()).order

    def active(self, *items) -> list[str]:
        """Their services, once they are."""
        order = self.place(*items)
        self.work_off()
        assert self.order_row(order.id).state == "completed"
        return [item.service_id for item in order.items]

    def cancel(self, order_id, **options) -> OrderCancellationRow:
        with self.database.write() as session:
            return self.cancellations.cancel(session, CancelRequest(order_id, **options), CLIENT, self.clock.now())

    def claim(self):
        self.workers += 1
        claims = self.queue.claim([PLAN_WORK, CANCEL_WORK], f"w{self.workers}", self.clock.now(), LEASE)
        return claims[0] if claims else None

    def work(self) -> bool:
        claim = self.claim()
        if claim is None:
            return False
        cancelling = CancellationRunner(self.database, self.clock, self.queue, self.cancellations)
        handler = PlanRunner(self.tools()) if claim.work.kind == PLAN_WORK else cancelling
        with suppress(Interrupted, Killed):
            handler(claim)
        return True

    def work_due(self) -> None:
        """Everything that is due now, and nothing that is not."""
        while self.work():
            pass

    # -- looking -------------------------------------------------------------------------------------------------------

    def plans(self, order_id) -> list[PlanRow]:
        with self.database.read() as session:
            return list(session.scalars(select(PlanRow).where(PlanRow.order_id == order_id).order_by(PlanRow.id)))

    def views(self, order_id):
        with self.database.read() as session:
            return plan_views(session, order_id)

    def cancellation(self, cancellation_id) -> OrderCancellationRow:
        with self.database.read() as session:
            return session.get_one(OrderCancellationRow, cancellation_id)

    def item_states(self, order_id) -> dict[str, str]:
        return {item.reference: item.state for item in self.order_row(order_id).items}

    def told(self, order_id, outcome) -> list[str]:
        """Details of the journal lines with this outcome."""
        with self.database.read() as session:
            mine = select(JournalRow.detail).join(PlanRow, PlanRow.id == JournalRow.plan_id)
            return list(session.scalars(mine.where(PlanRow.order_id == order_id, JournalRow.outcome == outcome)))

    def order_states_told(self, order_id) -> list[str]:
        """As events told them."""
        with self.database.read() as session:
            rows = session.scalars(select(EventRow).where(EventRow.aggregate == f"order:{order_id}").order_by(EventRow.sequence))
            return [row.payload["serviceOrder"]["state"] for row in rows if row.type == "serviceOrderStateChangeEvent"]

    def types_told(self, order_id) -> list[str]:
        with self.database.read() as session:
            told = select(EventRow.type).where(EventRow.aggregate == f"order:{order_id}").order_by(EventRow.sequence)
            return list(session.scalars(told))

    def assert_empty(self) -> None:
        """As if nothing had ever been ordered."""
        for element in self.elements.values():
            assert element.running == element.startup == set(), element.name
            assert element.persist == element.locked_by == "", element.name
        assert set(self.service_states().values()) <= {"terminated"}
        assert "allocated" not in self.allocations().values()
        assert self.claims() == []
        assert self.holds() == []
        assert self.open_work() == 0
