"""Plans that are at a point at the same moment are written as one set: what is wrong with one of them touches no other."""

import threading
from dataclasses import replace

import pytest
from sqlalchemy import event, update

from agent.fulfillment import holds
from agent.fulfillment.activating import Activating
from agent.fulfillment.errors import Cancelled, ElementsHeld, Interrupted, Missing, Superseded
from agent.fulfillment.holding import Holding
from agent.fulfillment.lifecycle import CounterReadings
from agent.fulfillment.outcome import PLAN_WORK
from agent.fulfillment.participant import Participant
from agent.fulfillment.plan import ChangeState, Step
from agent.fulfillment.points import Entry, write_set
from agent.fulfillment.tables import ElementHoldRow, JournalRow, OrderRow, PlanRow
from agent.fulfillment.taking import Taking
from drivers.port import Commitment
from inventory.tables import WorkItemRow
from inventory.work import Work
from tests.agent.fulfillment.fakes import FakeElement
from tests.agent.fulfillment.world import LEASE, World

NAMES = ("core", "edge", "rim")
DEADLINE = 60


class Sets(World):
    """Orders ord-1 to ord-3 of one plan each, on an element of its own."""

    def __init__(self, database, clock) -> None:
        super().__init__(database, clock, *(FakeElement(name, Commitment.CONFIRMED) for name in NAMES))
        self.shared = self.tools()

    def begin(self, *wanted):
        """`wanted`: the elements of each order. The claims."""
        for number, elements in enumerate(wanted, start=1):
            self.order((str(number), "add", elements), order=f"ord-{number}")
        claims = self.queue.claim([PLAN_WORK], "w1", self.clock.now(), LEASE, limit=len(wanted))
        return sorted(claims, key=lambda claim: claim.work.key)

    def write(self, entries) -> list:
        with self.database.write() as session:
            write_set(session, entries)
        return [type(entry.error) if entry.error else None for entry in entries]

    def take(self, claims):
        entries = [Taking(self.shared, claim) for claim in claims]
        assert self.write(entries) == [None] * len(claims)
        return [entry.taken.plan for entry in entries]

    def participants(self, plan):
        return [Participant(planned, self.shared.doors.to(planned.element), ChangeState.PLANNED) for planned in plan.changes]

    def holding(self, claims, plans):
        return [Holding(self.shared, claim, (), self.participants(plan), plan) for claim, plan in zip(claims, plans, strict=True)]

    def activating(self, claims, plans):
        after = CounterReadings()
        return [
            Activating(self.shared, claim, (), self.participants(plan), after) for claim, plan in zip(claims, plans, strict=True)
        ]

    def set(self, statement) -> None:
        with self.database.write() as session:
            session.execute(statement)

    def states(self) -> list[str]:
        return [state for _, state in self.rows(PlanRow, PlanRow.id, PlanRow.state)]


@pytest.fixture
def sets(database, clock) -> Sets:
    return Sets(database, clock)


def of(number: int, **values):
    return update(PlanRow).where(PlanRow.order_id == f"ord-{number}").values(values)


def test_a_set_begins_together(sets):
    claims = sets.begin(["core"], ["edge"], ["rim"])
    plans = sets.take(claims)
    assert [[change.element for change in plan.changes] for plan in plans] == [["core"], ["edge"], ["rim"]]
    assert sets.states() == ["running"] * 3
    assert sets.rows(OrderRow, OrderRow.state) == [("inProgress",)] * 3


def test_of_a_set_one_is_in_other_hands(sets):
    claims = sets.begin(["core"], ["edge"], ["rim"])
    sets.set(of(2, fence=7))
    assert sets.write([Taking(sets.shared, claim) for claim in claims]) == [None, Superseded, None]
    assert sets.states() == ["running", "waiting", "running"]
    assert {plan for (plan,) in sets.rows(JournalRow, JournalRow.plan_id)} <= {claims[0].work.key, claims[2].work.key}


def test_of_one_plan_in_two_hands_the_later_has_it(sets):
    (claim,) = sets.begin(["core"])
    sets.take([claim])
    later = replace(claim, fence=claim.fence + 1)
    assert sets.write([Entry(claim, (), (), {"step": Step.CONFIRM}), Taking(sets.shared, later)]) == [Superseded, None]
    assert sets.rows(PlanRow, PlanRow.step, PlanRow.fence) == [(Step.CONNECT, later.fence)]


def test_of_a_set_one_is_gone(sets):
    claims = sets.begin(["core"], ["edge"])
    gone = replace(claims[1], work=Work(PLAN_WORK, "pln-none"))
    assert sets.write([Taking(sets.shared, claims[0]), Taking(sets.shared, gone)]) == [None, Missing]


def test_of_a_set_one_is_cancelled(sets):
    claims = sets.begin(["core"], ["edge"])
    sets.take(claims)
    sets.set(update(OrderRow).where(OrderRow.id == "ord-2").values(cancellation_id="cnc-1"))
    entries = [Entry(claim, (), (), {"step": Step.COMMIT}) for claim in claims]
    assert sets.write(entries) == [None, Cancelled]
    assert [step for _, step in sets.rows(PlanRow, PlanRow.id, PlanRow.step)] == ["commit", "connect"]


def test_of_two_that_want_an_element_the_first_has_it_and_the_other_holds_nothing(sets):
    claims = sets.begin(["core", "edge"], ["edge", "rim"], ["rim"])
    entries = sets.holding(claims, sets.take(claims))
    assert sets.write(entries) == [None, ElementsHeld, ElementsHeld]
    assert sets.holds() == [("core", False), ("edge", False)]
    assert "edge is held by plan pln-ord-1-1" in str(entries[1].error)
    assert sets.write(sets.holding(claims, [entry.plan for entry in entries])[2:]) == [None]
    assert sets.holds() == [("core", False), ("edge", False), ("rim", False)]


def test_a_plan_that_starts_again_holds_what_it_held_before_with_its_new_fence(sets):
    (claim,) = sets.begin(["core", "edge"])
    plans = sets.take([claim])
    assert sets.write(sets.holding([claim], plans)) == [None]
    later = replace(claim, fence=claim.fence + 1)
    assert sets.write(sets.holding([later], sets.take([later]))) == [None]
    assert sets.rows(ElementHoldRow, ElementHoldRow.element, ElementHoldRow.fence) == [("core", later.fence), ("edge", later.fence)]


def test_orders_that_end_and_orders_that_begin_in_one_set_are_locked_and_told_of_together(sets):
    claims = sets.begin(["core"], ["edge"], ["rim"])
    plans = sets.take(claims[:2])
    sets.write(sets.holding(claims[:2], plans))
    sets.set(of(1, decision="commit"))
    sets.set(of(2, decision="commit"))
    said = []
    event.listen(sets.database.engine, "before_cursor_execute", note := lambda _, __, text, *___: said.append(text))
    assert sets.write([*sets.activating(claims[:2], plans), Taking(sets.shared, claims[2])]) == [None] * 3
    event.remove(sets.database.engine, "before_cursor_execute", note)
    assert sets.rows(OrderRow, OrderRow.state) == [("completed",), ("completed",), ("inProgress",)]
    assert sum("FROM service_order WHERE service_order.id" in " ".join(text.split()) for text in said) == 1
    assert sum(text.startswith("INSERT INTO event") for text in said) == 1


def test_of_a_set_one_was_overruled_and_one_lost_its_lease(sets):
    claims = sets.begin(["core"], ["edge"], ["rim"])
    plans = sets.take(claims)
    sets.write(sets.holding(claims, plans))
    sets.set(update(PlanRow).values(decision="commit"))
    sets.set(of(2, decision="revert"))
    sets.set(update(WorkItemRow).where(WorkItemRow.key == claims[2].work.key).values(fence=claims[2].fence + 1))
    assert sets.write(sets.activating(claims, plans)) == [None, Interrupted, Superseded]
    assert sets.states() == ["done", "running", "running"]
    assert sets.service_states() == {"svc-1": "active", "svc-2": "reserved", "svc-3": "reserved"}
    assert sets.holds() == [("edge", False), ("rim", False)]
    assert [told for told, *_ in sets.lifecycle.told] == ["activated"]
    assert sets.rows(OrderRow, OrderRow.id, OrderRow.state) == [
        ("ord-1", "completed"),
        ("ord-2", "inProgress"),
        ("ord-3", "inProgress"),
    ]


def test_sets_of_two_that_want_what_the_other_lets_go_of_do_not_wait_for_each_other(sets, monkeypatch):
    """PostgreSQL writes both at once: each is seen to claim before either lets go. SQLite has one writer: the second finds free
    what the first has let go of.
    """
    claims = sets.begin(["core"], ["edge"], ["edge"], ["core"])
    plans = sets.take(claims)
    sets.write(sets.holding(claims[:2], plans[:2]))
    sets.set(update(PlanRow).values(decision="commit"))
    release_all, found = holds.release_all, []
    claimed = threading.Barrier(1 if sets.database.is_sqlite else 2)

    def let_go(session, ended):
        claimed.wait(DEADLINE)  # or the one would rightly wait until the other has let go and ended
        return release_all(session, ended)

    def one(ends, begins) -> None:
        found.append(
            sets.write(
                [
                    *sets.activating(claims[ends : ends + 1], plans[ends : ends + 1]),
                    *sets.holding(claims[begins : begins + 1], plans[begins : begins + 1]),
                ]
            )
        )

    monkeypatch.setattr(holds, "release_all", let_go)
    threads = [threading.Thread(target=one, args=numbers) for numbers in ((0, 2), (1, 3))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    second = [None, None] if sets.database.is_sqlite else [None, ElementsHeld]
    assert sorted(found, key=second.__eq__) == [[None, ElementsHeld], second]
    assert sets.states() == ["done", "done", "running", "running"]
    assert len(sets.holds()) == second.count(None) - 1
