"""Every route says who may call it, and nobody else may."""

import re

import pytest
from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from agent.api.access import access_table
from agent.api.admitted import REMEMBERED
from agent.api.app import ROUTERS
from agent.security import tokens
from agent.security.roles import Role
from agent.security.tables import TokenRow
from tests.agent.api.office import ORDERS, Office

TABLE = """
open         GET   /-/healthy
open         GET   /-/ready
open         GET   /docs
open         GET   /openapi.json
viewer       GET   /api/v1/alarms
viewer       GET   /api/v1/alarms/{alarm_id}
operator     POST  /api/v1/alarms/{alarm_id}/acknowledge
operator     POST  /api/v1/alarms/{alarm_id}/assign
operator     POST  /api/v1/alarms/{alarm_id}/clear
operator     POST  /api/v1/alarms/{alarm_id}/comment
operator     POST  /api/v1/alarms/{alarm_id}/shelve
operator     POST  /api/v1/alarms/{alarm_id}/unacknowledge
operator     POST  /api/v1/alarms/{alarm_id}/unshelve
viewer       GET   /api/v1/alarms/{alarm_id}/actions
viewer       GET   /api/v1/action-rules
viewer       GET   /api/v1/actions
operator     POST  /api/v1/actions
viewer       GET   /api/v1/actions/{action_id}
operator     POST  /api/v1/actions/{action_id}/approve
operator     POST  /api/v1/actions/{action_id}/reject
operator     POST  /api/v1/actions/{action_id}/undo
admin        GET   /api/v1/audit
viewer       GET   /api/v1/bills
viewer       GET   /api/v1/bills/{bill_id}
provisioner  POST  /api/v1/bills/{bill_id}/send
provisioner  POST  /api/v1/bills/{bill_id}/validate
viewer       GET   /api/v1/collected
viewer       GET   /api/v1/collectors
operator     POST  /api/v1/collectors/{name}/run
viewer       GET   /api/v1/credits
viewer       GET   /api/v1/customers
viewer       GET   /api/v1/customers/{account_number}
provisioner  POST  /api/v1/customers/{account_number}/bills
viewer       GET   /api/v1/deliveries
viewer       GET   /api/v1/drift
viewer       GET   /api/v1/drift-runs
operator     POST  /api/v1/drift-runs
viewer       GET   /api/v1/drift-runs/{run_id}
viewer       GET   /api/v1/elements
viewer       GET   /api/v1/elements/{name}
provisioner  POST  /api/v1/elements/{name}/adopt
operator     POST  /api/v1/elements/{name}/check-sync
operator     POST  /api/v1/elements/{name}/diff
operator     POST  /api/v1/elements/{name}/redeploy
operator     POST  /api/v1/elements/{name}/resolve
viewer       GET   /api/v1/events
viewer       GET   /api/v1/impact
viewer       GET   /api/v1/intake
viewer       GET   /api/v1/intake/recent
operator     POST  /api/v1/intake
viewer       GET   /api/v1/observations
viewer       GET   /api/v1/explain/{object_id}
viewer       GET   /api/v1/me
viewer       GET   /api/v1/history
viewer       GET   /api/v1/history/points
viewer       GET   /api/v1/objectives
viewer       GET   /api/v1/sla/report
viewer       GET   /api/v1/exclusions
provisioner  POST  /api/v1/exclusions
provisioner  POST  /api/v1/exclusions/{exclusion_id}/withdraw
viewer       GET   /api/v1/maintenance
viewer       GET   /api/v1/maintenance/calendar.ics
viewer       GET   /api/v1/maintenance/{maintenance_id}
operator     POST  /api/v1/maintenance
operator     POST  /api/v1/maintenance/{maintenance_id}/cancel
viewer       GET   /api/v1/foresight
viewer       GET   /api/v1/foresight/rules
viewer       GET   /api/v1/freezes
operator     POST  /api/v1/freezes
operator     POST  /api/v1/freezes/{freeze_id}/end
provisioner  POST  /api/v1/orders/plan
provisioner  POST  /api/v1/orders/{order_id}/items/{item}/release
viewer       GET   /api/v1/orders/{order_id}/plans
viewer       GET   /api/v1/plans
viewer       GET   /api/v1/plans/{plan_id}
operator     POST  /api/v1/plans/{plan_id}/approve
operator     POST  /api/v1/plans/{plan_id}/reject
viewer       GET   /api/v1/pools
viewer       GET   /api/v1/pools/{name}
provisioner  POST  /api/v1/pools/{name}/release
provisioner  POST  /api/v1/pools/{name}/reserve
viewer       GET   /api/v1/problems
viewer       GET   /api/v1/problems/{problem_id}
viewer       GET   /api/v1/services
viewer       GET   /api/v1/services/{service_id}
operator     POST  /api/v1/services/{service_id}/check-sync
operator     POST  /api/v1/services/{service_id}/diff
viewer       GET   /api/v1/services/{service_id}/health
operator     POST  /api/v1/services/{service_id}/redeploy
viewer       GET   /api/v1/services/{service_id}/tests
operator     POST  /api/v1/services/{service_id}/tests
viewer       GET   /api/v1/slas/{name}
viewer       GET   /api/v1/specifications
viewer       GET   /api/v1/specifications/{name}
viewer       GET   /api/v1/subscriptions
provisioner  POST  /api/v1/usage/{usage_id}/recycle
admin        POST  /api/v1/subscriptions/{subscription_id}/replay
viewer       GET   /api/v1/violations
viewer       GET   /metrics
viewer       GET   /metrics/elements
viewer       GET   /metrics/services
operator     POST  /api/v1/alertmanager
viewer       GET   /api/v1/prometheus/targets
viewer       GET   /api/v1/prometheus/elements
"""
"""Of what is not below `/tmf-api`, where one rule holds for every API."""


HANDLING = {
    *("ackAlarms", "unAckAlarms", "clearAlarms", "commentAlarms", "groupAlarms", "unGroupAlarms"),
    *("problemAcknowledgement", "problemUnacknowledgement", "problemGroup", "problemUngroup"),
    "serviceTest",
}


def tmf_role(method: str, path: str) -> Role:
    """Viewers read; who orders changes and hears; operators handle alarms and problems, and test; an admin forgets an order."""
    if method == "DELETE" and path.endswith("/serviceOrder/{order_id}"):
        return Role.ADMIN
    if method == "POST" and path.rpartition("/")[2] in HANDLING:
        return Role.OPERATOR
    return Role.VIEWER if method == "GET" and "/hub" not in path else Role.PROVISIONER


TMF = [(tmf_role(method, path).value, method, path) for method, path in access_table(ROUTERS) if path.startswith("/tmf-api/")]
ROWS = [*(tuple(line.split()) for line in TABLE.strip().splitlines()), *TMF]
GUARDED = [(Role(role), method, path) for role, method, path in ROWS if role != "open"]


def test_the_table_of_roles_is_this_one():
    found = {(role.value if role else "open", method, path) for (method, path), role in access_table(ROUTERS).items()}
    assert found == set(ROWS)


def test_a_route_without_a_role_keeps_the_api_from_starting():
    router = APIRouter()
    router.get("/forgotten")(lambda: None)
    with pytest.raises(TypeError, match="/forgotten"):
        access_table([router])


@pytest.fixture
def generous(database, clock) -> Office:
    return Office(database, clock, rate_per_minute=100_000)


def test_every_guarded_route_refuses_lesser_roles_and_strangers(generous):
    for role, method, path in GUARDED:
        assert generous.call(method, path, role=None).status_code == 401, path
        for lesser in Role:
            status = generous.call(method, path, role=lesser).status_code
            assert (status == 403) == (not lesser.reaches(role)), (path, lesser, status)
            assert status != 401, (path, lesser)


def test_open_routes_need_no_token(office):
    for _, method, path in (row for row in ROWS if row[0] == "open"):
        assert office.call(method, path, role=None).status_code == 200, path


@pytest.mark.parametrize(
    ("authorization", "said"),
    [
        (None, "no token was sent"),
        ("", "no token was sent"),
        ("Basic YTpi", "no token was sent"),
        ("Bearer", "no token was sent"),
        ("Bearer x", "not known here"),
        ("Bearer fabd_x_y", "not known here"),
        ("Bearer fabd_" + "é" * 10, "not known here"),
    ],
)
def test_who_has_no_good_token_is_told_how_to_get_one(office, authorization, said):
    headers = {} if authorization is None else {"Authorization": authorization.encode()}
    answer = office.get(ORDERS, role=None, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert said in answer.json()["message"]
    assert "fabd token create" in answer.json()["message"]


def test_a_stranger_learns_nothing_about_the_body(office):
    answer = office.post(ORDERS, role=None, content="{", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 401


def test_a_wrong_secret_is_no_better_than_a_wrong_name(office):
    token = office.tokens[Role.ADMIN]
    forged = token[:-1] + ("0" if token[-1] != "0" else "1")
    unknown = office.get(ORDERS, role=None, headers={"Authorization": "Bearer fabd_none_x"}).json()
    assert office.get(ORDERS, role=None, headers={"Authorization": f"Bearer {forged}"}).json() == unknown


def test_a_revoked_token_ends_within_a_second(office):
    assert office.get(ORDERS, role=Role.VIEWER).status_code == 200
    with office.database.write() as session:
        tokens.revoke(session, "viewer", office.clock.now())
    office.clock.advance(REMEMBERED.total_seconds())
    answer = office.get(ORDERS, role=Role.VIEWER)
    assert (answer.status_code, "was revoked" in answer.json()["message"]) == (401, True)


def test_the_last_use_of_a_token_is_noted_but_not_every_time(office):
    def last_use():
        with office.database.read() as session:
            return session.scalar(select(TokenRow.last_used_at).where(TokenRow.name == "viewer"))

    office.get(ORDERS, role=Role.VIEWER)
    first = last_use()
    office.clock.advance(30)
    office.get(ORDERS, role=Role.VIEWER)
    assert last_use() == first == office.clock.now().replace(second=0)
    office.clock.advance(30)
    office.get(ORDERS, role=Role.VIEWER)
    assert last_use() == office.clock.now()


def test_reading_goes_on_when_nothing_can_be_written(office, monkeypatch):
    def full(*_):
        raise OperationalError("UPDATE token", {}, Exception("database or disk is full"))

    monkeypatch.setattr(office.database, "write", full)
    monkeypatch.setattr(office.database, "together", full)
    assert office.get(ORDERS, role=Role.VIEWER).status_code == 200
    refused = office.post(ORDERS, json=office.order())
    assert (refused.status_code, refused.json()["code"]) == (503, "databaseUnavailable")


def test_who_asks_too_often_is_told_when_to_come_back(database, clock):
    office = Office(database, clock, rate_per_minute=3)
    statuses = [office.get(ORDERS, role=Role.VIEWER).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refused = office.get(ORDERS, role=Role.VIEWER)
    assert refused.headers["retry-after"] == "20"
    assert "api.rate_per_minute" in refused.json()["message"]
    assert office.get(ORDERS, role=Role.ADMIN).status_code == 200
    clock.advance(20)
    assert office.get(ORDERS, role=Role.VIEWER).status_code == 200


def test_guessing_tokens_is_slowed_down_by_address_without_hurting_the_others_there(database, clock):
    office = Office(database, clock, rate_per_minute=2)
    guesses = [office.get(ORDERS, role=None, headers={"Authorization": f"Bearer fabd_{n}_x"}).status_code for n in range(3)]
    assert guesses == [401, 401, 429]
    assert office.get(ORDERS, role=Role.VIEWER).status_code == 200


def test_me_tells_name_role_and_address(office):
    assert office.get("/api/v1/me", role=Role.OPERATOR).json() == {
        "name": "operator",
        "role": "operator",
        "source": "192.0.2.7",
    }


def test_a_nul_in_the_address_is_refused_everywhere(generous):
    for _, method, path in GUARDED:
        asked = path.partition("{")[0] + "%00" if "{" in path else f"{path}?id=%00"
        answer = generous.call(method, asked)
        assert answer.status_code == 400, path
        assert "NUL" in answer.text


def test_whatever_an_object_is_called_the_answer_is_no_mistake_of_ours(generous):
    for name in ("%ff", "%F0%9D%84%9E", "a%0Ab", "'%20OR%201=1", "%2e%2e", "x" * 2000, "9" * 40, "-1", "%25"):
        for _, method, path in GUARDED:
            if "{" in path:
                status = generous.call(method, re.sub(r"\{\w+\}", name, path), json={}).status_code
                assert status in {200, 400, 404, 405, 409, 415}, (path, name, status)
