"""Cancelling and releasing orders, deciding about plans, freezing changes: as typed, against the real API."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from agent.fulfillment.plan import Approval
from agent.fulfillment.tables import ElementHoldRow, JournalRow, PlanRow


def place(fabd, served, folder, **reference) -> str:
    body = served.office.order()
    if reference:
        body["serviceOrderItem"][0]["externalReference"] = [{"externalReferenceType": "waitFor"} | reference]
    (folder / "order.json").write_text(json.dumps(body))
    return fabd.ok("order", "submit", "order.json", "--json").json["id"]


def plan_of(served) -> str:
    with served.office.database.read() as session:
        return session.scalars(select(PlanRow.id)).one()


@pytest.fixture
def placed(fabd, served, folder) -> str:
    return place(fabd, served, folder)


def test_an_order_is_cancelled_with_its_reason(fabd, placed):
    said = fabd.ok("order", "cancel", placed, "--reason", "moved away", "--watch")
    assert f"of order {placed} is done" in said.out
    assert f"nothing of order {placed} is left" in said.out
    shown = fabd.ok("order", "show", placed).out
    assert "cancelled" in shown
    assert "because    moved away" in shown
    assert "moved away" in fabd.ok("plan", "show", fabd.ok("plan", "list", "--json").json[0]["id"]).out
    assert fabd.ok("order", "list", "--state", "cancelled", "--json").json[0]["id"] == placed


def test_what_has_ended_cannot_be_cancelled(fabd, placed):
    fabd.ok("order", "cancel", placed)
    said = fabd("order", "cancel", placed)
    assert (said.code, "is cancelled; nothing is left to cancel" in said.err) == (1, True)


def test_an_item_is_released(fabd, served, folder):
    order = place(fabd, served, folder, name="fibre-17")
    said = fabd.ok("order", "release", order, "1", "--note", "spliced")
    assert said.out == "item 1: fibre-17 was completed at 2026-01-05 09:00:00\n"
    assert "fibre-17 was completed by admin: spliced" in fabd.ok("order", "show", order).out
    assert fabd.ok("order", "release", order, "1", "--json").json["item"] == "1"
    wrong = fabd("order", "release", order, "9")
    assert (wrong.code, "there is no item '9' of order" in wrong.err) == (1, True)


@pytest.mark.parametrize(("verb", "state"), [("approve", "approved"), ("reject", "rejected")])
def test_a_plan_is_decided_about(fabd, served, placed, verb, state):
    plan = plan_of(served)
    refused = fabd("plan", verb, plan)
    assert (refused.code, "needs no approval" in refused.err) == (1, True)
    with served.office.database.write() as session:
        session.get_one(PlanRow, plan).approval = Approval.REQUIRED
    assert [each["id"] for each in fabd.ok("plan", "list", "--unapproved", "--json").json] == [plan]
    assert f"plan {plan} is {state}" in fabd.ok("plan", verb, plan, "--note", "so be it").out
    shown = fabd.ok("plan", "show", plan).out
    assert f"{state} by admin at 2026-01-05 09:00:00" in shown
    assert f"{state} by admin; so be it" in shown
    assert fabd.ok("order", "show", placed).code == 0


def test_a_plan_says_who_holds_what_it_needs_and_each_answer_of_an_element(fabd, served, placed):
    plan, at = plan_of(served), served.office.clock.now()
    with served.office.database.write() as session:
        other = PlanRow(id="pln-0", order_id="", state="running", step="stage", created_at=at, deadline=at + timedelta(hours=1))
        session.add(other)
        session.flush()
        session.add(ElementHoldRow(element="pe1", plan_id="pln-0", fence=1, since=at))
        line = {"plan_id": plan, "at": at, "step": "stage", "element": "pe1", "worker": "w", "fence": 1}
        session.add(JournalRow(**line, outcome="failed", milliseconds=12, detail="locked by session 17", answer="lock-denied"))
    shown = fabd.ok("plan", "show", plan)
    assert "pe1 is held by plan pln-0 since 2026-01-05 09:00:00" in shown.err
    assert "locked by session 17" in shown.out
    assert "answer to stage" in shown.out
    assert "lock-denied" in shown.out
    assert placed in shown.out


def test_a_freeze_is_announced_listed_and_ended(fabd, served):
    assert fabd.ok("freeze", "list").err == "nothing is frozen\n"
    until = "2099-01-03T06:00"
    too_long = fabd("freeze", "add", "for ever", "--until", until)
    assert (too_long.code, "92 days" in too_long.err) == (1, True)
    said = fabd.ok("freeze", "add", "year's end", "--from", "2098-12-20T18:00Z", "--until", until, "--urgent-passes")
    assert "from 2098-12-20 18:00:00 until 2099-01-03 06:00:00 UTC, year's end" in said.out
    (frozen,) = fabd.ok("freeze", "list", "--json").json
    assert frozen["urgent_passes"]
    assert "ended" not in fabd.ok("freeze", "end", frozen["id"]).err
    assert fabd.ok("freeze", "list").err == "nothing is frozen\n"
    assert [each["ended_by"] for each in fabd.ok("freeze", "list", "--all", "--json").json] == ["admin"]
    assert served.office.get("/api/v1/freezes").json()[0]["id"] == frozen["id"]


@pytest.mark.usefixtures("served")
def test_a_time_that_is_none_is_a_wrong_call(fabd):
    said = fabd("freeze", "add", "x", "--until", "soon")
    assert (said.code, "'soon' is no time" in said.err.replace("\n", " ")) == (2, True)
