"""An order that is only planned: `Prefer: plan-only`, and the native endpoint. Everything is told, nothing is done."""

import threading
from dataclasses import replace

import pytest
from sqlalchemy import text

from agent.api.tmf.plan_only import planned_order
from agent.fulfillment.approval import ApprovalRule
from agent.fulfillment.designer import Designer
from agent.fulfillment.preview import GivenValue, Impact, Preview, PreviewedPlan
from agent.security.roles import Role
from agent.tables import metadata
from tests.agent.api.office import ORDERS, item

PLAN_ONLY = {"Prefer": "plan-only"}
NATIVE = "/api/v1/orders/plan"


def plan(office, body, **request):
    return office.post(ORDERS, json=body, headers=PLAN_ONLY, **request)


def dump(database) -> dict[str, list]:
    with database.read() as session:
        return {
            table.name: sorted(map(repr, session.execute(table.select()).all()))
            for table in metadata.sorted_tables
            if table.name != "api_token"
        }


def test_the_order_is_answered_as_it_would_be_and_has_no_id(office):
    body = office.order(description="two in one", vendorsOwn={"a": [1]})
    answer = plan(office, body)
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "plan-only")
    planned = answer.json()
    assert not {"id", "href"} & planned.keys()
    assert (planned["state"], planned["description"], planned["vendorsOwn"]) == ("acknowledged", "two in one", {"a": [1]})
    (only,) = planned["serviceOrderItem"]
    assert (only["id"], only["action"], only["state"]) == ("1", "add", "acknowledged")
    assert "location" not in answer.headers


def test_every_item_tells_its_values_and_the_native_payload_of_each_element(office):
    planned = plan(office, office.order()).json()
    preview = planned["serviceOrderItem"][0]["planPreview"]
    assert {each["role"]: (each["pool"], each["value"]) for each in preview["allocation"]} == {
        "link4": ("ipv4-links", "10.0.0.0/31"),
        "link6": ("ipv6-links", "2001:db8::/127"),
    }
    (change,) = preview["change"]
    assert (change["element"], change["platform"], change["commitment"]) == ("pe1", "ietf", "confirmed")
    assert "10.0.0.0" in change["payload"]
    assert all(line.startswith(("+", "@@")) for line in change["diff"].splitlines())
    (touched,) = planned["planPreview"]["touchedElement"]
    assert (touched["element"], touched["otherServices"], touched["linesRemoved"]) == ("pe1", 0, 0)
    assert touched["linesAdded"] > 0
    assert [port["name"] for port in touched["port"]] == ["pe1/ge-0/0/1"]


def test_what_is_planned_is_what_is_placed_then(office):
    planned = plan(office, office.order()).json()["serviceOrderItem"][0]["planPreview"]
    order = office.post(ORDERS, json=office.order()).json()
    (placed,) = office.get(f"/api/v1/orders/{order['id']}/plans").json()
    said, done = planned["change"][0]["payload"], placed["changes"][0]["payload"]
    service = order["serviceOrderItem"][0]["service"]["id"]
    assert [line for line in done.splitlines() if service not in line] == [line for line in said.splitlines() if "svc-" not in line]


@pytest.mark.parametrize("path", [ORDERS, NATIVE])
def test_nothing_is_written_whether_it_could_be_placed_or_not(story, path):
    office = story.office
    service = {"id": story.service}
    bodies = (
        office.order("pe2/Gi0/1"),
        office.order("pe9/x"),
        office.order(serviceOrderItem=[item("1", "delete", service=service)]),
    )
    office.get(ORDERS)  # the use of the token is noted, once in a while
    before = dump(office.database)
    for body in bodies:
        office.post(path, json=body, headers=PLAN_ONLY)
    assert dump(office.database) == before


def test_no_other_connection_sees_the_database_change(office):
    office.get(ORDERS)
    with office.database.engine.connect() as watcher:
        look = "PRAGMA data_version" if office.database.is_sqlite else "SELECT sum(n_tup_ins - n_tup_del) FROM pg_stat_user_tables"
        before = watcher.execute(text(look)).scalar()
        assert plan(office, office.order()).status_code == 200
        assert watcher.execute(text(look)).scalar() == before


def test_it_is_refused_as_the_order_would_be(office):
    answer = plan(office, office.order("pe9/x"))
    assert (answer.status_code, answer.json()["referenceError"]) == (
        400,
        "#/serviceOrderItem/0/service/serviceCharacteristic/0/value",
    )
    office.post(ORDERS, json=office.order())
    assert plan(office, office.order()).json()["code"] == "portInUse"


def test_the_same_can_be_planned_again_and_again_under_one_external_id(office):
    body = office.order(externalId="PO-1")
    assert [plan(office, body).status_code for _ in range(2)] == [200, 200]
    assert office.post(ORDERS, json=body).status_code == 201
    assert plan(office, office.order("pe2/Gi0/1", externalId="PO-1")).status_code == 200


def test_a_delete_tells_whom_it_takes_the_service_from(story):
    office = story.office
    with office.database.write() as session:
        session.execute(text("UPDATE service SET state = 'active'"))
        session.execute(text("UPDATE order_item SET state = 'completed'"))
        session.execute(text("UPDATE service_order SET state = 'completed'"))
    answer = plan(office, office.order(serviceOrderItem=[item("1", "delete", service={"id": story.service})]))
    assert answer.status_code == 200, answer.text
    (ending,) = answer.json()["planPreview"]["changedService"]
    assert (ending["item"], ending["action"], ending["service"]["id"]) == ("1", "delete", story.service)
    (touched,) = answer.json()["planPreview"]["touchedElement"]
    assert touched["linesRemoved"] > 0
    change = answer.json()["serviceOrderItem"][0]["planPreview"]["change"][0]
    assert 'operation="remove"' in change["payload"] or "delete" in change["payload"]


def test_several_items_of_one_transaction_say_with_whom_they_share_it(office):
    items = [item("a", port="pe1/ge-0/0/1"), item("b", port="pe2/Gi0/1", related=[("bundle", "a")])]
    shown = plan(office, office.order(serviceOrderItem=items)).json()["serviceOrderItem"]
    assert [each["planPreview"]["sharedWith"] for each in shown] == [["b"], ["a"]]
    assert [change["element"] for change in shown[0]["planPreview"]["change"]] == ["pe1", "pe2"]


@pytest.mark.parametrize("said", ["handling=plan-only", "respond-async, plan-only", 'handling="plan-only"; x=1', "Plan-Only"])
def test_the_preference_is_understood_in_every_form(office, said):
    answer = office.post(ORDERS, json=office.order(), headers={"Prefer": said})
    assert (answer.status_code, office.get(ORDERS).json()) == (200, [])


def test_it_says_that_somebody_would_have_to_approve(office):
    desk = office.fulfilment._desk
    rules = (ApprovalRule(specifications=("internet-access",)),)
    office.fulfilment._desk = replace(desk, settings=replace(desk.settings, approval=rules))
    preview = plan(office, office.order()).json()["serviceOrderItem"][0]["planPreview"]
    assert preview["approval"] == "internet-access needs one"
    assert office.post(NATIVE, json=office.order()).json()["plans"][0]["approval"] == "internet-access needs one"


def test_it_needs_the_role_that_placing_needs(office):
    assert plan(office, office.order(), role=Role.OPERATOR).status_code == 403


def test_others_write_while_it_is_thought_through_and_rendered(office, monkeypatch):
    """The writer's place is taken only while values are looked up."""
    wrote = []

    def write() -> None:
        with office.database.write() as session:
            session.execute(text("UPDATE site SET address = 'x'"))
        wrote.append(True)

    def watched(original):
        def watching(*arguments):
            writer = threading.Thread(target=write)
            writer.start()
            writer.join(60)
            return original(*arguments)

        return watching

    for step in ("thought", "rendered"):
        monkeypatch.setattr(Designer, step, watched(getattr(Designer, step)))
    assert plan(office, office.order()).status_code == 200
    assert wrote == [True, True]


def test_what_is_taken_of_a_link_says_how_much():
    values = (GivenValue("1", "vlan", "vlans", "100"), GivenValue("1", "rate", "link:a", "alo-1", 60_000_000))
    preview = Preview(values, (), (), (PreviewedPlan(("1",), (), ""),), Impact((), ()))
    (item,) = planned_order({"serviceOrderItem": [{"id": "1"}]}, preview)["serviceOrderItem"]
    assert item["planPreview"]["allocation"] == [
        {"role": "vlan", "pool": "vlans", "value": "100"},
        {"role": "rate", "pool": "link:a", "value": "alo-1", "bandwidth": 60_000_000},
    ]
