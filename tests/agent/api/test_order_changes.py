"""What a client may still say of an order once it is placed: words, dates until it begins, that it is cancelled or forgotten."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from agent.fulfillment.tables import JournalRow, OrderRow, PlanRow
from agent.security.roles import Role
from agent.security.tables import AuditRow
from crm_bridge.tables import EventRow
from inventory.tables import ServiceRow, WorkItemRow
from tests.agent.api.office import ORDERS, item

CANCELS = "/tmf-api/serviceOrdering/v4/cancelServiceOrder"


@pytest.fixture
def order(office) -> dict:
    """One that nobody has begun: no worker runs."""
    return office.post(ORDERS, json=office.order(externalId="A-1", description="first", note=[{"text": "x"}])).json()


def in_days(office, days: int) -> str:
    return (office.clock.now() + timedelta(days=days)).isoformat()


def events(office) -> list[str]:
    with office.database.read() as session:
        return list(session.scalars(select(EventRow.type).order_by(EventRow.sequence)))


def test_words_are_changed_by_a_merge_patch_and_the_rest_stays(office, order):
    patch = {"description": "second", "note": None, "x-own": {"a": 1}, "category": "b2b"}
    changed = office.call("PATCH", order["href"], json=patch)
    assert changed.status_code == 200
    expected = {key: value for key, value in order.items() if key != "note"} | {
        "description": "second",
        "x-own": {"a": 1},
        "category": "b2b",
    }
    assert changed.json() == expected == office.get(order["href"]).json()
    assert events(office)[-1] == "serviceOrderAttributeValueChangeEvent"
    with office.database.read() as session:
        audited = session.scalars(select(AuditRow).where(AuditRow.action == "change")).one()
        assert (audited.before["description"], audited.after["description"]) == ("first", "second")


def test_both_media_types_of_a_merge_patch_are_taken_and_json_patch_is_not(office, order):
    for media in ("application/merge-patch+json", "application/json;charset=utf-8"):
        answer = office.call("PATCH", order["href"], content=b'{"description": "m"}', headers={"Content-Type": media})
        assert answer.status_code == 200
    headers = {"Content-Type": "application/json-patch+json"}
    refused = office.call("PATCH", order["href"], content=b"[]", headers=headers)
    assert (refused.status_code, "merge patch" in refused.json()["message"]) == (415, True)


def test_dates_and_priority_move_what_has_not_begun(office, order):
    patch = {"requestedStartDate": in_days(office, 3), "requestedCompletionDate": in_days(office, 4), "priority": "0"}
    changed = office.call("PATCH", order["href"], json=patch).json()
    assert changed["priority"] == "0"
    with office.database.read() as session:
        row = session.get_one(OrderRow, order["id"])
        plan = session.scalars(select(PlanRow.id).where(PlanRow.order_id == order["id"])).one()
        work = session.scalars(select(WorkItemRow).where(WorkItemRow.key == plan)).one()
        start = office.clock.now() + timedelta(days=3)
        assert (row.requested_start, row.priority, work.priority) == (start, 0, 0)
        assert row.expected_completion is not None
        assert row.expected_completion >= start


@pytest.mark.parametrize(
    ("patch", "status", "where"),
    [
        ({"id": "ord-2"}, 400, "#/id"),
        ({"href": "/x"}, 400, "#/href"),
        ({"orderDate": "2026-01-01T00:00:00Z"}, 400, "#/orderDate"),
        ({"completionDate": "2026-01-01T00:00:00Z"}, 400, "#/completionDate"),
        ({"milestone": []}, 400, "#/milestone"),
        ({"errorMessage": None}, 400, "#/errorMessage"),
        ({"cancellationReason": "because"}, 400, "#/cancellationReason"),
        ({"state": None}, 400, "#/state"),
        ({"state": "paused"}, 400, "#/state"),
        ({"state": 3}, 400, "#/state"),
        ({"state": "completed"}, 409, "#/state"),
        ({"state": "inProgress"}, 409, "#/state"),
        ({"serviceOrderItem": []}, 409, "#/serviceOrderItem"),
        ({"relatedParty": []}, 409, "#/relatedParty"),
        ({"relatedParty": None}, 400, "#/relatedParty"),
        ({"priority": "9"}, 400, "#/priority"),
        ({"priority": 1}, 400, "#/priority"),
        ({"requestedStartDate": "tomorrow"}, 400, "#/requestedStartDate"),
        ({"@type": 7}, 400, "#/@type"),
        ({"@schemaLocation": {"url": "x"}}, 400, "#/@schemaLocation"),
    ],
)
def test_what_is_not_the_clients_to_change_is_refused_and_nothing_changes(office, order, patch, status, where):
    refused = office.call("PATCH", order["href"], json=patch)
    assert (refused.status_code, refused.json().get("referenceError")) == (status, where), refused.text
    assert office.get(order["href"]).json() == order


def test_a_patch_of_what_is_not_there_is_said(office):
    assert office.call("PATCH", f"{ORDERS}/ord-9", json={}).status_code == 404
    assert office.call("DELETE", f"{ORDERS}/ord-9").status_code == 404


@pytest.mark.usefixtures("order")
def test_an_external_id_belongs_to_one_order_of_a_client(office):
    second = office.post(ORDERS, json=office.order("pe2/Gi0/1", externalId="A-2")).json()
    assert office.call("PATCH", second["href"], json={"externalId": "A-1"}).status_code == 409
    assert office.call("PATCH", second["href"], json={"externalId": "A-3"}).json()["externalId"] == "A-3"
    assert [found["id"] for found in office.get(ORDERS, params={"externalId": '"A-3"'}).json()] == [second["id"]]


def test_a_patch_meets_what_its_client_has_seen_or_nothing(office, order):
    seen = office.get(order["href"], params={"fields": "state"}).headers["etag"]
    assert seen == office.get(order["href"]).headers["etag"]
    first = office.call("PATCH", order["href"], json={"description": "2"}, headers={"If-Match": f'"other", {seen}'})
    assert first.status_code == 200
    stale = office.call("PATCH", order["href"], json={"description": "3"}, headers={"If-Match": seen})
    assert (stale.status_code, stale.json()["code"]) == (412, "preconditionFailed")
    assert office.call("DELETE", order["href"], headers={"If-Match": seen}).status_code == 412
    for fresh in (first.headers["etag"], "*"):
        assert office.call("PATCH", order["href"], json={"description": "4"}, headers={"If-Match": fresh}).status_code in {200, 412}
    assert office.get(order["href"]).json()["description"] == "4"


def test_a_patch_under_one_key_is_made_once(office, order):
    key = {"Idempotency-Key": "p"}
    first = office.call("PATCH", order["href"], json={"description": "k"}, headers=key)
    office.call("PATCH", order["href"], json={"description": "later"})
    again = office.call("PATCH", order["href"], json={"description": "k"}, headers=key)
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    assert office.get(order["href"]).json()["description"] == "later"


# -- cancelling --------------------------------------------------------------------------------------------------------


def test_an_order_is_cancelled_before_it_begins_and_leaves_nothing(office, order):
    sent = {"serviceOrder": {"id": order["id"]}, "cancellationReason": "moved away", "x-own": 1}
    made = office.post(CANCELS, json=sent)
    assert made.status_code == 201
    assert made.headers["location"] == made.json()["href"]
    assert made.json() == office.get(made.json()["href"]).json()
    assert made.json().items() >= {"state": "done", "cancellationReason": "moved away", "x-own": 1}.items()
    cancelled = office.get(order["href"]).json()
    assert (cancelled["state"], cancelled["cancellationReason"]) == ("cancelled", "moved away")
    assert cancelled["cancellationDate"] == made.json()["effectiveCancellationDate"]
    assert cancelled["serviceOrderItem"][0]["service"].keys() & {"id", "href"} == set()
    with office.database.read() as session:
        assert session.scalar(select(func.count()).select_from(ServiceRow)) == 0
    assert office.post(ORDERS, json=office.order()).status_code == 201  # the port is free again


def test_a_patch_of_the_state_is_a_cancellation(office, order):
    answer = office.call("PATCH", order["href"], json={"state": "cancelled", "cancellationReason": "no money", "description": "x"})
    assert answer.status_code == 200
    assert answer.json().items() >= {"state": "cancelled", "cancellationReason": "no money", "description": "x"}.items()
    [cancellation] = office.get(CANCELS, params={"serviceOrder.id": order["id"]}).json()
    assert cancellation["cancellationReason"] == "no money"


def test_a_cancellation_waits_for_its_day(office, order):
    made = office.post(CANCELS, json={"serviceOrder": {"id": order["id"]}, "requestedCancellationDate": in_days(office, 2)})
    assert made.json()["state"] == "accepted"
    assert office.get(order["href"]).json()["state"] == "acknowledged"


def test_what_cannot_be_cancelled_is_refused(office, order):
    assert office.post(CANCELS, json={}).status_code == 400
    assert office.post(CANCELS, json={"serviceOrder": {}}).json()["referenceError"] == "#/serviceOrder/id"
    unknown = office.post(CANCELS, json={"serviceOrder": {"id": "ord-9"}})
    assert (unknown.status_code, unknown.json()["referenceError"]) == (400, "#/serviceOrder/id")
    assert office.post(CANCELS, json={"serviceOrder": {"id": order["id"]}}).status_code == 201
    twice = office.post(CANCELS, json={"serviceOrder": {"id": order["id"]}})
    assert (twice.status_code, twice.json()["code"]) == (409, "orderEnded")
    assert office.call("PATCH", order["href"], json={"state": "acknowledged"}).status_code == 409
    assert office.get(f"{CANCELS}/can-9").status_code == 404


# -- forgetting --------------------------------------------------------------------------------------------------------


def test_an_order_that_has_ended_is_forgotten_with_its_plans(office, order):
    early = office.call("DELETE", order["href"])
    assert (early.status_code, "cancel it" in early.json()["message"]) == (409, True)
    office.post(CANCELS, json={"serviceOrder": {"id": order["id"]}})
    assert office.call("DELETE", order["href"], role=Role.PROVISIONER).status_code == 403
    gone = office.call("DELETE", order["href"])
    assert (gone.status_code, gone.content) == (204, b"")
    assert office.get(order["href"]).status_code == 404
    assert events(office)[-1] == "serviceOrderDeleteEvent"
    with office.database.read() as session:
        for table in (OrderRow, PlanRow, JournalRow):
            assert session.scalar(select(func.count()).select_from(table)) == 0


# -- items -------------------------------------------------------------------------------------------------------------


def test_an_item_may_wait_for_a_reference_of_another_system(office):
    waiting = item(port="pe1/ge-0/0/1") | {"externalReference": [{"externalReferenceType": "waitFor", "name": "WO-7"}]}
    order = office.post(ORDERS, json=office.order(serviceOrderItem=[waiting]))
    assert order.status_code == 201
    assert order.json()["serviceOrderItem"][0]["externalReference"] == waiting["externalReference"]


def test_a_service_cannot_be_ordered_into_any_state(office):
    body = office.order(serviceOrderItem=[item(port="pe1/ge-0/0/1", service={"state": "designed"})])
    refused = office.post(ORDERS, json=body)
    assert (refused.status_code, refused.json()["referenceError"]) == (400, "#/serviceOrderItem/0/service/state")


def test_types_that_are_no_text_are_refused_wherever_they_stand(office):
    refused = office.post(ORDERS, json=office.order(x=[{"@type": 1}]))
    assert (refused.status_code, refused.json()["referenceError"]) == (400, "#/x/0/@type")
