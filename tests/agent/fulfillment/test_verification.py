"""Service tests, what elements said at each step, and what people are told while a step takes its time."""

import pytest
from sqlalchemy import select, update

from agent.fulfillment.tables import ChangeSetRow, JournalRow
from drivers.errors import ElementDisconnected
from drivers.port import Check, CheckOutcome, CheckResult
from tests.agent.fulfillment.fakes import FakeElement, FakeSession
from tests.agent.fulfillment.world import World

PING = Check("ping", {"address": "192.0.2.1"})
ASK = [{"kind": PING.kind, "arguments": dict(PING.arguments)}]


@pytest.fixture
def world(database, clock) -> World:
    return World(database, clock, FakeElement("edge"))


class Replies:
    """What the elements answer to service tests, one after the other; the last for ever."""

    def __init__(self, monkeypatch, world, *outcomes) -> None:
        self.asked: list[str] = []
        self._outcomes = list(outcomes)
        monkeypatch.setattr(FakeSession, "check", lambda session, check, _deadline: self._check(session, check), raising=False)
        world.order(("1", "add", ["edge"]))
        with world.database.write() as session:
            session.execute(update(ChangeSetRow).values(checks=ASK))
        world.work()

    def _check(self, session, check) -> CheckResult:
        self.asked.append(f"{session.element.name} {check}")
        outcome = self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return CheckResult(check, outcome, "5 of 5 lost" if outcome is CheckOutcome.FAILED else "")


def timeline(world, outcome) -> list[str]:
    with world.database.read() as session:
        return list(session.scalars(select(JournalRow.detail).where(JournalRow.outcome == outcome).order_by(JournalRow.id)))


def test_a_service_is_active_when_its_tests_have_passed(world, monkeypatch):
    replies = Replies(monkeypatch, world, CheckOutcome.PASSED)
    assert replies.asked == ["edge ping address=192.0.2.1"]
    assert timeline(world, "passed") == ["service test ping address=192.0.2.1: passed"]
    assert world.order_row().state == "completed"
    world.assert_consistent()


def test_a_test_may_need_time_and_is_not_repeated_once_it_passed(world, monkeypatch):
    replies = Replies(monkeypatch, world, CheckOutcome.FAILED, CheckOutcome.FAILED, CheckOutcome.PASSED)
    assert len(replies.asked) == 3
    assert world.order_row().state == "completed"
    world.assert_consistent()


def test_a_test_that_keeps_failing_undoes_the_plan_and_its_words_reach_the_order(world, monkeypatch):
    Replies(monkeypatch, world, CheckOutcome.FAILED)
    row = world.order_row()
    assert row.state == "failed"
    assert row.items[0].errors[0]["message"] == "service test ping address=192.0.2.1: failed (5 of 5 lost)"
    world.assert_consistent()


def test_what_the_platform_cannot_test_is_told_and_no_failure(world, monkeypatch):
    Replies(monkeypatch, world, CheckOutcome.UNSUPPORTED)
    assert timeline(world, "unsupported") == ["service test ping address=192.0.2.1: unsupported"]
    assert world.order_row().state == "completed"


def test_a_session_that_breaks_in_a_test_is_opened_again(world, monkeypatch):
    replies = Replies(monkeypatch, world, ElementDisconnected("edge", "connection reset by peer"), CheckOutcome.PASSED)
    assert len(replies.asked) == 2
    assert world.order_row().state == "completed"
    world.assert_consistent()


def test_each_step_keeps_what_the_element_said_in_it(world):
    world.order(("1", "add", ["edge"]))
    world.work()
    with world.database.read() as session:
        said = session.execute(select(JournalRow.step, JournalRow.answer).where(JournalRow.answer != "")).all()
    assert [(step, answer.startswith("committed")) for step, answer in said] == [("commit", True)]


def test_who_holds_the_lock_is_told_while_it_is_waited_for(world):
    edge = world.elements["edge"]
    edge.locked_by = "17"
    seen: list[list[str]] = []

    def let_go(name) -> None:
        if name == "after remark":
            seen.append(timeline(world, "waiting"))
            edge.locked_by = ""

    world.checkpoint = let_go
    world.order(("1", "add", ["edge"]))
    world.work()
    ((words,),) = seen
    assert words.startswith("locked by session 17; trying again until 2026-")
    assert world.order_row().state == "completed"
    world.assert_consistent()
