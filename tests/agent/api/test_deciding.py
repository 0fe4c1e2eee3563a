"""Approving and rejecting plans, freezing changes, releasing what waits: over HTTP, by role, and in the audit trail."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from agent.fulfillment.approval import ApprovalRule
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.tables import PlanRow
from agent.security.roles import Role
from agent.security.tables import AuditRow
from tests.agent.api.office import ORDERS, Office

V1 = "/api/v1"
WAITS = [{"name": "fibre-17", "externalReferenceType": "waitFor"}]


@pytest.fixture
def strict(database, clock) -> Office:
    """Where every plan has to be approved."""
    return Office(database, clock, fulfilment_settings=FulfilmentSettings(approval=(ApprovalRule(),)))


def placed(office, **more):
    order = office.post(ORDERS, json=office.order(**more)).json()
    (plan,) = office.get(f"{V1}/orders/{order['id']}/plans").json()
    return order, plan


def audited(office, action):
    with office.database.read() as session:
        return [(row.actor, row.object, row.after) for row in session.scalars(select(AuditRow).where(AuditRow.action == action))]


def test_an_operator_approves_a_plan_once_and_it_is_in_the_audit_trail(strict):
    _, plan = placed(strict)
    assert plan["approval"] == "required"
    assert strict.get(f"{V1}/plans?approval=required").json()[0]["id"] == plan["id"]
    for _ in range(2):
        answer = strict.post(f"{V1}/plans/{plan['id']}/approve", json={"note": "agreed"}, role=Role.OPERATOR)
        assert (answer.status_code, answer.json()["approval"], answer.json()["approved_by"]) == (200, "approved", "operator")
        strict.clock.advance(60)
    said = {"approval": "approved", "note": "agreed"}
    assert audited(strict, "approve") == [("operator", f"plan {plan['id']}", said)]
    refused = strict.post(f"{V1}/plans/{plan['id']}/reject", json={})
    assert refused.status_code == 409
    assert "was approved by operator" in refused.json()["detail"]


def test_a_rejected_plan_says_who_and_why(strict):
    _, plan = placed(strict)
    answer = strict.post(f"{V1}/plans/{plan['id']}/reject", json={"note": "not this week"}, role=Role.OPERATOR)
    assert (answer.status_code, answer.json()["approval"]) == (200, "rejected")
    shown = strict.get(f"{V1}/plans/{plan['id']}").json()
    assert [failure["message"] for failure in shown["failures"]] == ["rejected by operator: not this week"]
    assert shown["timeline"][-1]["outcome"] == "rejected"
    assert [action[0] for action in audited(strict, "reject")] == ["operator"]


def test_who_only_looks_decides_nothing(strict):
    _, plan = placed(strict)
    for path in (f"plans/{plan['id']}/approve", f"plans/{plan['id']}/reject", "freezes", "freezes/x/end"):
        assert strict.post(f"{V1}/{path}", json={}, role=Role.VIEWER).status_code == 403


def test_a_plan_that_is_not_there_is_not_found(office):
    assert office.post(f"{V1}/plans/pln-none/approve", json={}).status_code == 404


def test_what_is_no_note_is_refused(strict):
    _, plan = placed(strict)
    for body in ({"note": "x" * 501}, {"notes": "x"}, {"note": 1}):
        assert strict.post(f"{V1}/plans/{plan['id']}/approve", json=body).status_code == 400


def test_a_freeze_is_announced_listed_and_ended(office, clock):
    end = (clock.now() + timedelta(days=1)).isoformat()
    answer = office.post(f"{V1}/freezes", json={"end": end, "reason": "year's end"}, role=Role.OPERATOR)
    frozen = answer.json()
    assert (answer.status_code, frozen["start"], frozen["created_by"]) == (201, "2026-01-05T09:00:00Z", "operator")
    assert office.get(f"{V1}/freezes?end.gt={clock.now().isoformat().replace('+', '%2B')}").json() == [frozen]
    ended = office.post(f"{V1}/freezes/{frozen['id']}/end", role=Role.OPERATOR)
    assert (ended.status_code, ended.json()["end"], ended.json()["ended_by"]) == (200, "2026-01-05T09:00:00Z", "operator")
    assert office.post(f"{V1}/freezes/{frozen['id']}/end").status_code == 409
    assert [row[1] for row in audited(office, "add") + audited(office, "end")] == [f"freeze {frozen['id']}"] * 2


@pytest.mark.parametrize(
    "body", [{}, {"end": "soon", "reason": "x"}, {"end": "2020-01-01T00:00:00Z", "reason": "x"}, {"end": "2026-01-06T00:00:00Z"}]
)
def test_a_freeze_that_cannot_be_meant_is_a_bad_request(office, body):
    answer = office.post(f"{V1}/freezes", json=body)
    assert answer.status_code == 400
    assert office.get(f"{V1}/freezes").json() == []


def test_another_system_says_that_what_an_item_waits_for_is_completed(office, clock):
    body = office.order()
    body["serviceOrderItem"][0]["externalReference"] = WAITS
    order = office.post(ORDERS, json=body).json()
    path = f"{V1}/orders/{order['id']}/items/1/release"
    first = office.post(path, json={"note": "spliced"})
    clock.advance(60)
    again = office.post(path, json={})
    assert (first.status_code, first.json()) == (200, again.json())
    assert (first.json()["waits_for"], first.json()["released_at"]) == ("fibre-17", "2026-01-05T09:00:00Z")
    assert [row[1] for row in audited(office, "release")] == [f"order {order['id']} item 1"]
    wrong = office.post(f"{V1}/orders/{order['id']}/items/9/release", json={})
    assert (wrong.status_code, "there is no item '9'" in wrong.json()["detail"]) == (404, True)
    assert office.post(path, json={}, role=Role.OPERATOR).status_code == 403


def test_with_a_key_a_decision_is_made_once_and_answered_twice(strict):
    _, plan = placed(strict)
    headers = {"Idempotency-Key": "k1"}
    answers = [strict.post(f"{V1}/plans/{plan['id']}/approve", json={}, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    with strict.database.read() as session:
        assert session.scalars(select(PlanRow.approval)).all() == ["approved"]
