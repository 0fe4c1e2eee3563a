"""Placing orders over HTTP: what is taken, what is refused and how, and that a refusal leaves nothing."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from agent.api.tables import IdempotencyRow
from agent.security.roles import Role
from agent.security.tables import AuditRow, TokenRow
from agent.tables import metadata
from crm_bridge.tables import EventRow
from inventory.elements import set_administrative
from tests.agent.api.office import ORDERS, item


def rows(database) -> dict[str, int]:
    with database.read() as session:
        tables = [table for table in metadata.sorted_tables if table.name != TokenRow.__tablename__]
        return {table.name: session.scalar(select(func.count()).select_from(table)) for table in tables}


def test_an_order_is_answered_with_what_was_sent_and_where_it_lives(office):
    body = office.order(externalId="A-1", description="first", **{"@type": "AcmeOrder", "acmeBatch": {"no": 7}})
    body["serviceOrderItem"][0]["acmeHint"] = ["x"]
    answer = office.post(ORDERS, json=body)
    order = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == order["href"] == f"{ORDERS}/{order['id']}"
    assert (order["state"], order["externalId"], order["orderDate"]) == ("acknowledged", "A-1", "2026-01-05T09:00:00Z")
    assert (order["@type"], order["acmeBatch"]) == ("AcmeOrder", {"no": 7})
    (placed,) = order["serviceOrderItem"]
    assert (placed["id"], placed["action"], placed["state"], placed["acmeHint"]) == ("1", "add", "acknowledged", ["x"])
    assert placed["service"]["serviceCharacteristic"] == [{"name": "port", "value": "pe1/ge-0/0/1"}]
    assert placed["service"]["href"].endswith(placed["service"]["id"])
    assert office.get(order["href"]).json() == order
    assert office.get(ORDERS).json() == [order]


def test_what_the_server_sets_is_not_taken_from_the_client(office):
    body = office.order(
        id="mine", href="http://x", state="completed", orderDate="1999-01-01T00:00:00Z", errorMessage=[{"code": "1"}]
    )
    body["serviceOrderItem"][0] |= {"state": "completed", "errorMessage": [{"code": "1"}]}
    order = office.post(ORDERS, json=body).json()
    assert order["id"].startswith("ord-")
    assert (order["state"], order["orderDate"]) == ("acknowledged", "2026-01-05T09:00:00Z")
    assert "errorMessage" not in order
    assert (order["serviceOrderItem"][0]["state"], "errorMessage" in order["serviceOrderItem"][0]) == ("acknowledged", False)


def test_an_order_is_audited_and_told_under_the_callers_correlation(office):
    answer = office.post(ORDERS, json=office.order(), role=Role.PROVISIONER, headers={"X-Correlation-Id": "case-7"})
    order = answer.json()
    assert answer.headers["x-correlation-id"] == "case-7"
    with office.database.read() as session:
        audit = session.scalars(select(AuditRow)).one()
        event = session.scalars(select(EventRow).where(EventRow.type == "serviceOrderCreateEvent")).one()
    assert (audit.actor, audit.role, audit.source, audit.action) == ("provisioner", "provisioner", "192.0.2.7", "place")
    assert (audit.object, audit.before, audit.after["id"]) == (f"order {order['id']}", None, order["id"])
    assert audit.correlation_id == event.correlation_id == "case-7"
    assert event.payload == {"serviceOrder": order}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Correlation-Id": "a-1"}, "a-1"),
        ({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, "0af7651916cd43dd8448eb211c80319c"),
        ({"X-Correlation-Id": "no good"}, None),
        ({"X-Correlation-Id": "x" * 65}, None),
        ({"traceparent": "rubbish"}, None),
    ],
)
def test_every_answer_carries_a_correlation_id(office, headers, expected):
    given = office.get(ORDERS, headers=headers).headers["x-correlation-id"]
    assert given == expected if expected else len(given) == 32


def test_items_may_rely_on_and_bundle_with_each_other(office):
    body = office.order() | {
        "priority": "0",
        "requestedCompletionDate": "2026-02-01T00:00:00+01:00",
        "serviceOrderItem": [
            item("a", port="pe1/ge-0/0/1"),
            item("b", port="pe2/Gi0/1", related=[("reliesOn", "a")]),
            item("c", port="pe3/eth1", related=[("bundle", "b")]),
        ],
    }
    order = office.post(ORDERS, json=body).json()
    assert [each["id"] for each in order["serviceOrderItem"]] == ["a", "b", "c"]
    plans = office.get(f"/api/v1/orders/{order['id']}/plans").json()
    assert sorted(plan["items"] for plan in plans) == [["a"], ["b", "c"]]


def bodies(office):
    """Name → (body, status, code, place, words of the message)."""
    order = office.order
    one = order()["serviceOrderItem"][0]
    second = item("2", port="pe2/Gi0/1")
    return {
        "empty": ({}, 400, "invalidValue", "/serviceOrderItem", ["Field required", "1 to 500 items"]),
        "no items": (order(serviceOrderItem=[]), 400, "invalidValue", "/serviceOrderItem", ["at least 1 item"]),
        "items no list": (order(serviceOrderItem={}), 400, "invalidValue", "/serviceOrderItem", ["valid list"]),
        "item no object": (
            order(serviceOrderItem=["x"]),
            400,
            "invalidValue",
            "/serviceOrderItem/0",
            ["should be an object", "TMF641"],
        ),
        "item without service": (
            order(serviceOrderItem=[{"id": "1", "action": "add"}]),
            400,
            "invalidValue",
            "/serviceOrderItem/0/service",
            ["Field required"],
        ),
        "nested items": (
            order(serviceOrderItem=[one | {"serviceOrderItem": [second]}]),
            400,
            "invalidValue",
            "/serviceOrderItem/0/serviceOrderItem",
            ["none inside another"],
        ),
        "several of one": (
            order(serviceOrderItem=[one | {"quantity": 2}]),
            400,
            "invalidValue",
            "/serviceOrderItem/0/quantity",
            ["one item per service"],
        ),
        "date without zone": (
            order(requestedStartDate="2026-01-01T00:00:00"),
            400,
            "invalidValue",
            "/requestedStartDate",
            ["timezone"],
        ),
        "date beyond sense": (
            order(requestedStartDate="9999-12-31T23:59:59-23:59"),
            400,
            "invalidValue",
            "/requestedStartDate",
            ["between 2000 and 2200"],
        ),
        "priority": (order(priority="high"), 400, "invalidValue", "/priority", ["'high'", "0 (first) to 4 (last)"]),
        "two customers": (
            order(relatedParty=[{"id": "1", "role": "customer"}, {"id": "2", "role": "Customer"}]),
            400,
            "severalCustomers",
            "/relatedParty",
            ["1, 2", "name one"],
        ),
        "no customer": (order(relatedParty=[]), 400, "customerMissing", "/relatedParty", ["names no customer"]),
        "unknown customer": (
            order(relatedParty=[{"id": "9", "role": "seller"}, {"id": "10000001", "role": "customer"}]),
            400,
            "unknownCustomer",
            "/relatedParty/1/id",
            ["10000001", "fabd customer list"],
        ),
        "unknown specification": (
            order(serviceOrderItem=[item(spec="teleport", port="pe1/ge-0/0/1")]),
            400,
            "unknownSpecification",
            "/serviceOrderItem/0/service/serviceSpecification",
            ["'teleport'", "internet-access"],
        ),
        "characteristic missing": (
            order(serviceOrderItem=[item()]),
            400,
            "invalidCharacteristic",
            "/serviceOrderItem/0/service/serviceCharacteristic",
            ["needs port or accessPort"],
        ),
        "characteristic of wrong type": (
            order(serviceOrderItem=[item(description="x", port="pe2/Gi0/1", vlan="ten")]),
            400,
            "invalidCharacteristic",
            "/serviceOrderItem/0/service/serviceCharacteristic/2/value",
            ["vlan", "integer"],
        ),
        "characteristic out of range": (
            order(serviceOrderItem=[one, item("2", port="pe2/Gi0/1", vlan=4095)]),
            400,
            "invalidCharacteristic",
            "/serviceOrderItem/1/service/serviceCharacteristic/1/value",
            ["4095", "4094"],
        ),
        "unknown characteristic": (
            order(serviceOrderItem=[item(port="pe1/ge-0/0/1", colour="red")]),
            400,
            "invalidCharacteristic",
            "/serviceOrderItem/0/service/serviceCharacteristic/1/value",
            ["colour", "known are accessPort"],
        ),
        "characteristic twice": (
            order(
                serviceOrderItem=[
                    item(service={"serviceCharacteristic": [{"name": "port", "value": 1}, {"name": "port", "value": 2}]})
                ]
            ),
            400,
            "duplicateCharacteristic",
            "/serviceOrderItem/0/service/serviceCharacteristic/1",
            ["'port' stands twice"],
        ),
        "feature that the platform lacks": (
            order(serviceOrderItem=[item(port="pe1/ge-0/0/1", vlan=10)]),
            400,
            "unsupportedFeature",
            "/serviceOrderItem/0/service/serviceCharacteristic/1/value",
            ["vlan", "ietf"],
        ),
        "unknown element": (
            order(serviceOrderItem=[item(port="pe9/ge-0/0/1")]),
            400,
            "invalidCharacteristic",
            "/serviceOrderItem/0/service/serviceCharacteristic/0/value",
            ["pe9"],
        ),
        "same id twice": (
            order(serviceOrderItem=[one, second | {"id": "1"}]),
            400,
            "duplicateItem",
            "/serviceOrderItem/1/id",
            ["'1'"],
        ),
        "relation to nowhere": (
            order(serviceOrderItem=[item(port="pe1/ge-0/0/1", related=[("reliesOn", "9")])]),
            400,
            "unknownItem",
            "/serviceOrderItem/0/serviceOrderItemRelationship/0/orderItem",
            ["'9'"],
        ),
        "circle": (
            order(
                serviceOrderItem=[
                    item("1", port="pe1/ge-0/0/1", related=[("reliesOn", "2")]),
                    item("2", port="pe2/Gi0/1", related=[("reliesOn", "1")]),
                ]
            ),
            400,
            "cyclicDependency",
            "/serviceOrderItem",
            ["in a circle"],
        ),
        "unknown action": (
            order(serviceOrderItem=[one | {"action": "upgrade"}]),
            400,
            "unknownAction",
            "/serviceOrderItem/0/action",
            ["'upgrade'"],
        ),
        "delete of nothing": (
            order(serviceOrderItem=[item(action="delete", service={"id": "svc-none"})]),
            400,
            "unknownService",
            "/serviceOrderItem/0/service/id",
            ["svc-none"],
        ),
        "port in use within the order": (
            order(serviceOrderItem=[one, one | {"id": "2"}]),
            409,
            "portInUse",
            "/serviceOrderItem/1",
            ["pe1/ge-0/0/1", "choose another port"],
        ),
    }


NAMES = [
    *("empty", "no items", "items no list", "item no object", "item without service", "nested items", "several of one"),
    *("date without zone", "date beyond sense", "priority", "two customers", "no customer", "unknown customer"),
    *("unknown specification", "characteristic missing", "characteristic of wrong type", "characteristic out of range"),
    *("unknown characteristic", "characteristic twice", "feature that the platform lacks", "unknown element", "same id twice"),
    *("relation to nowhere", "circle", "unknown action", "delete of nothing", "port in use within the order"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_order_is_refused_by_place_and_leaves_nothing(office, name):
    body, status, code, place, words = bodies(office)[name]
    before = rows(office.database)
    answer = office.post(ORDERS, json=body, headers={"Idempotency-Key": "k"})
    error = answer.json()
    assert (answer.status_code, error["code"], error["referenceError"]) == (status, code, f"#{place}"), error
    assert error["@type"] == "Error"
    for word in words:
        assert word in error["message"]
    assert rows(office.database) == before


def test_the_table_of_bad_orders_is_complete(office):
    assert sorted(bodies(office)) == sorted(NAMES)


def test_the_same_refusal_comes_as_a_problem_when_asked_so(office):
    body = office.order(serviceOrderItem=[item(port="pe9/x", colour="red", vlan="ten")])
    answer = office.post(ORDERS, json=body, headers={"Accept": "application/problem+json"})
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert (problem["title"], problem["status"]) == ("Bad Request", 400)
    assert {each["pointer"] for each in problem["errors"]} >= {"#/serviceOrderItem/0/service/serviceCharacteristic/2/value"}


def test_a_port_can_be_sold_once(office):
    assert office.post(ORDERS, json=office.order()).status_code == 201
    before = rows(office.database)
    answer = office.post(ORDERS, json=office.order())
    assert (answer.status_code, answer.json()["code"]) == (409, "portInUse")
    assert "port pe1/ge-0/0/1 is in use" in answer.json()["message"]
    assert rows(office.database) == before


def test_an_exhausted_pool_is_named(office):
    ports = ["pe1/ge-0/0/0", "pe1/ge-0/0/1", "pe2/Gi0/1", "pe2/Gi0/2"]
    for port in ports:
        assert office.post(ORDERS, json=office.order(port)).status_code == 201
    before = rows(office.database)
    answer = office.post(ORDERS, json=office.order("pe3/eth1"))
    assert (answer.status_code, answer.json()["code"]) == (409, "poolExhausted")
    assert "pool ipv4-links is exhausted" in answer.json()["message"]
    assert rows(office.database) == before


def test_an_external_id_gives_the_same_order_again_and_refuses_another(office):
    first = office.post(ORDERS, json=office.order(externalId="A-1"))
    before = rows(office.database)
    again = office.post(ORDERS, json=office.order(externalId="A-1"))
    other = office.post(ORDERS, json=office.order("pe2/Gi0/1", externalId="A-1"))
    assert (again.status_code, again.json()) == (201, first.json())
    assert (other.status_code, other.json()["code"]) == (409, "externalIdConflict")
    assert first.json()["id"] in other.json()["message"]
    assert rows(office.database) == before
    theirs = office.post(ORDERS, json=office.order("pe2/Gi0/1", externalId="A-1"), role=Role.PROVISIONER)
    assert theirs.status_code == 201


@pytest.mark.parametrize(
    ("content", "content_type", "status", "said"),
    [
        ("{", "application/json", 400, "line 1, column 2"),
        ("[]", "application/json", 400, "send an object"),
        ("{}", "text/plain", 415, "text/plain"),
        ("{}", None, 415, "Content-Type: application/json"),
        ("<a/>", "application/xml", 415, "application/xml"),
        ("{}", "application/problem+json; charset=utf-8", 400, "serviceOrderItem"),
    ],
)
def test_a_body_that_is_no_order_is_refused(office, content, content_type, status, said):
    headers = {"Content-Type": content_type} if content_type else {}
    answer = office.post(ORDERS, content=content, headers=headers)
    assert (answer.status_code, said in answer.json()["message"]) == (status, True)


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("PUT", f"{ORDERS}/ord-1", 405, "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("DELETE", f"{ORDERS}/ord-1", 404, None),
        ("PUT", ORDERS, 405, "GET, HEAD, OPTIONS, POST"),
        ("POST", "/tmf-api/serviceOrdering/v4/cancelServiceOrders", 404, None),
        ("GET", f"{ORDERS}/ord-1", 404, None),
        ("GET", "/tmf-api/nothing/v4/here", 404, None),
    ],
)
def test_what_is_not_there_is_said_in_the_same_form(office, method, path, status, allow):
    answer = office.call(method, path)
    assert (answer.status_code, answer.headers.get("allow")) == (status, allow)
    assert answer.json()["@type"] == "Error"
    assert answer.json()["message"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("orderDate.gt", "9999-12-31T23:00:00-05:00"),
        ("completionDate", "0001-01-01T00:00:00+05:00"),
        ("orderDate.gt", "2026-13-01"),
        ("orderDate", "yesterday"),
        ("orderDate.lt", "2026-01-01,soon"),
        ("requestedCompletionDate.gte", "2026-02-30T00:00:00Z"),
        ("milestone.milestoneDate", "now"),
    ],
)
def test_a_filter_by_what_is_no_date_is_refused_by_its_name(office, name, value):
    office.post(ORDERS, json=office.order())
    answer = office.get(ORDERS, params={name: value})
    assert answer.status_code == 400
    assert repr(name.partition(".g")[0].partition(".l")[0]) in answer.json()["message"]
    assert "2026-11-22T09:00:00Z" in answer.json()["message"]


def test_a_text_that_looks_like_a_broken_date_is_still_a_text(office):
    office.post(ORDERS, json=office.order(description="2026-13-01"))
    assert len(office.get(ORDERS, params={"description": "2026-13-01"}).json()) == 1
    assert len(office.get(ORDERS, params={"orderDate.regex": "^20"}).json()) == 1


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        (ORDERS, "GET, HEAD, OPTIONS, POST"),
        (f"{ORDERS}/ord-1", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("/-/healthy", "GET, HEAD, OPTIONS"),
    ],
)
def test_what_is_possible_is_told_to_anybody_who_asks(office, path, allow):
    answer = office.call("OPTIONS", path, role=None)
    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, allow, b"")


def test_nothing_is_possible_where_there_is_nothing(office):
    assert office.call("OPTIONS", "/tmf-api/nothing/v4/here").status_code == 404


def test_a_reason_comes_with_one_remedy(office):
    for wanted, remedy in (
        ({"port": "sw1/up1"}, "only customer ports are sold"),
        ({"port": "pe1/ge-0/0/1", "rate": 5000}, "correct it (rule: maximum)"),
    ):
        message = office.post(ORDERS, json=office.order() | {"serviceOrderItem": [item(**wanted)]}).json()["message"]
        assert (message.count("; "), message.rpartition("; ")[2]) == (1, remedy)


def test_a_locked_element_takes_no_order_that_begins_at_once(office):
    with office.database.write() as session:
        set_administrative(session, "pe1", "locked")
    for headers in ({}, {"Prefer": "plan-only"}):
        answer = office.post(ORDERS, json=office.order(), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (409, "elementLocked")
        assert "pe1 is locked by an operator" in answer.json()["message"]
    later = (office.clock.now() + timedelta(days=1)).isoformat()
    assert office.post(ORDERS, json=office.order(requestedStartDate=later)).status_code == 201
    with office.database.write() as session:
        set_administrative(session, "pe1", "unlocked")
    assert office.post(ORDERS, json=office.order(port="pe1/ge-0/0/0")).status_code == 201


def test_head_answers_as_get_without_the_content(office):
    whole = office.get(ORDERS)
    head = office.call("HEAD", ORDERS)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(whole.content)))
    assert office.call("HEAD", f"{ORDERS}/ord-1").status_code == 404
    assert office.call("HEAD", ORDERS, role=None).status_code == 401


def test_keys_are_not_kept_for_refusals(office):
    office.post(ORDERS, json={}, headers={"Idempotency-Key": "k"})
    with office.database.read() as session:
        assert session.scalars(select(IdempotencyRow)).all() == []


ODDLY_DESCRIBED = {
    "category": 5,
    "description": ["x"],
    "notificationContact": {},
    "externalReference": "x",
    "note": [5],
    "orderRelationship": {"id": "x"},
    "relatedParty": "x",
}


@pytest.mark.parametrize("name", ODDLY_DESCRIBED)
def test_what_describes_an_order_is_of_the_promised_form(office, name):
    refused = office.post(ORDERS, json=office.order() | {name: ODDLY_DESCRIBED[name]})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalidValue"), refused.text
    placed = office.post(ORDERS, json=office.order() | {"note": [{"text": "x", "own": 1}]}).json()
    assert placed["note"] == [{"text": "x", "own": 1}]
    assert office.call("PATCH", placed["href"], json={name: ODDLY_DESCRIBED[name]}).status_code == 400
    assert office.get(placed["href"]).json()["note"] == placed["note"]
