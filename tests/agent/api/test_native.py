"""The native endpoints tell what is in the database, and change it only in the open."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from agent.assurance.tables import ObjectiveResultRow
from agent.fulfillment.tables import ElementHoldRow, PlanRow
from agent.security.audit import DAEMON, record
from agent.security.roles import Role
from agent.security.tables import AuditRow
from crm_bridge.callbacks import CallbackPolicy
from crm_bridge.customers import customer_by_account
from crm_bridge.subscriptions import SubscriptionRequest, subscribe
from crm_bridge.tables import CreditRow, DeliveryRow, ViolationRow
from inventory.tables import ServiceRow
from tests.agent.api.office import ORDERS

V1 = "/api/v1"


def test_a_plan_shows_payload_and_timeline(story):
    office = story.office
    (plan,) = office.get(f"{V1}/orders/{story.order['id']}/plans").json()
    assert office.get(f"{V1}/plans/{plan['id']}").json() == plan
    assert (plan["state"], plan["items"], [change["element"] for change in plan["changes"]]) == ("waiting", ["1"], ["pe1"])
    assert "10.0.0.0" in plan["changes"][0]["payload"]
    assert [each["id"] for each in office.get(f"{V1}/plans?state=waiting").json()] == [plan["id"]]
    assert office.get(f"{V1}/plans?state=done").json() == []


def test_a_preview_takes_and_sends_nothing(office):
    before = office.get("/metrics").text.count("fabd_plans{")
    preview = office.post(f"{V1}/orders/plan", json=office.order()).json()
    assert {given["role"]: given["value"] for given in preview["allocations"]} == {
        "link4": "10.0.0.0/31",
        "link6": "2001:db8::/127",
    }
    assert [change["element"] for change in preview["changes"]] == ["pe1"]
    assert office.get(ORDERS).json() == []
    assert office.get(f"{V1}/plans").json() == []
    assert before == 0


def test_a_preview_is_refused_as_the_order_would_be(office):
    answer = office.post(f"{V1}/orders/plan", json=office.order("pe9/x"))
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json()["pointer"] == "#/serviceOrderItem/0/service/serviceCharacteristic/0/value"


def test_elements_tell_who_holds_them_and_what_stands_against_them(story):
    office = story.office
    with office.database.write() as session:
        plan = session.scalars(select(PlanRow)).one()
        held = {"fence": 1, "since": office.clock.now(), "in_doubt": True, "reason": "unreachable"}
        session.add(ElementHoldRow(element="pe1", plan_id=plan.id, **held))
    listed = {each["name"]: each for each in office.get(f"{V1}/elements").json()}
    assert sorted(listed) == ["pe1", "pe2", "pe3", "sw1", "sw2"]
    pe1 = office.get(f"{V1}/elements/pe1").json()
    assert pe1 == listed["pe1"]
    assert (pe1["platform"], pe1["site"], pe1["ports"], pe1["active_alarms"], pe1["in_doubt"]) == ("ietf", "lab", 2, 1, True)
    assert pe1["hold"]["reason"] == "unreachable"
    assert listed["pe2"]["hold"] is None


def test_an_element_in_doubt_is_resolved_and_the_decision_audited(story):
    office = story.office
    with office.database.write() as session:
        plan = session.scalars(select(PlanRow)).one()
        plan.state, plan.decision = "inDoubt", "revert"
        held = {"fence": 1, "since": office.clock.now(), "in_doubt": True, "reason": "unreachable"}
        session.add(ElementHoldRow(element="pe1", plan_id=plan.id, **held))
    answer = office.post(f"{V1}/elements/pe1/resolve", json={"verb": "keep"}, role=Role.PROVISIONER)
    assert answer.json() == {"element": "pe1", "verb": "keep", "plan_id": plan.id}
    with office.database.read() as session:
        audit = session.scalars(select(AuditRow).where(AuditRow.object == "element pe1")).one()
    assert (audit.actor, audit.action, audit.after) == ("provisioner", "resolve", {"resolution": "keep"})
    assert audit.before["plan"] == plan.id


@pytest.mark.parametrize(
    ("name", "body", "status", "said"),
    [
        ("pe1", {"verb": "keep"}, 409, "pe1 is not in doubt"),
        ("pe9", {"verb": "keep"}, 404, "pe9"),
        ("pe1", {"verb": "forget"}, 400, "'keep', 'revert' or 'replaced'"),
        ("pe1", {}, 400, "Field required"),
        ("pe1", {"verb": "keep", "force": True}, 400, "Extra inputs"),
    ],
)
def test_what_cannot_be_resolved_is_refused(office, name, body, status, said):
    answer = office.post(f"{V1}/elements/{name}/resolve", json=body)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text


def test_alarms_tell_their_history_and_why(story):
    office = story.office
    assert [each["id"] for each in office.get(f"{V1}/alarms").json()] == ["alm-1", "alm-0"]
    assert [each["id"] for each in office.get(f"{V1}/alarms?cleared=false").json()] == ["alm-1"]
    assert [each["id"] for each in office.get(f"{V1}/alarms?cleared=true&element=pe1").json()] == ["alm-0"]
    alarm = office.get(f"{V1}/alarms/alm-1").json()
    assert (alarm["standing"], alarm["why"], alarm["raised_at"]) == ("root", {"rule": "adjacent"}, "2026-01-05T09:10:00Z")
    assert [change["change"] for change in alarm["changes"]] == ["raised"]


def test_a_problem_names_its_alarms_tickets_and_services(story):
    (problem,) = story.office.get(f"{V1}/problems?state=open").json()
    assert problem == story.office.get(f"{V1}/problems/prb-1").json()
    assert (problem["alarms"], problem["tickets"], problem["services"]) == (["alm-1"], [story.ticket], [story.service])


def test_a_ticket_says_whom_and_what_it_concerns(story):
    office = story.office
    (ticket,) = office.get("/tmf-api/troubleTicket/v4/troubleTicket?status=acknowledged").json()
    assert ticket == office.get(ticket["href"]).json()
    assert (ticket["id"], ticket["severity"], ticket["relatedParty"][0]["id"]) == (story.ticket, "major", office.operator.account)
    affected, problem = ticket["relatedEntity"]
    assert (affected["id"], affected["downFrom"], problem["id"]) == (story.service, "2026-01-05T09:10:00Z", "prb-1")
    account = office.operator.account
    assert len(office.get(f"/tmf-api/troubleTicket/v4/troubleTicket?relatedParty.id={account}").json()) == 1
    assert office.get("/tmf-api/troubleTicket/v4/troubleTicket?relatedParty.id=x").json() == []


def test_usage_keeps_every_octet(story):
    office = story.office
    (usage,) = office.get(f"/tmf-api/usageManagement/v4/usage?service.id={story.service}").json()
    assert usage == office.get(usage["href"]).json()
    values = {each["name"]: each["value"] for each in usage["usageCharacteristic"]}
    assert (usage["id"], usage["status"], values["octetsIn"], values["octetsOut"]) == (story.usage, "guided", 10**9, 2**63)
    assert usage["usageDate"] == values["start"] == "2026-01-05T09:00:00Z"


def test_a_service_shows_what_it_has_and_how_it_is(story):
    office = story.office
    (service,) = office.get("/tmf-api/serviceInventory/v4/service?state=active&serviceSpecification.id=internet-access").json()
    assert service == office.get(service["href"]).json()
    assert service["serviceCharacteristic"][0] | {"@type": ""} == {
        "name": "port",
        "valueType": "string",
        "value": "pe1/ge-0/0/1",
        "@type": "",
    }
    assert [each["serviceOrderId"] for each in service["serviceOrderItem"]] == [story.order["id"]]
    assert {each["name"] for each in service["supportingResource"]} == {"pe1/ge-0/0/1", "10.0.0.0/31", "2001:db8::/127"}
    assert [part["element"] for part in office.get(f"{V1}/services/{story.service}").json()["parts"]] == ["pe1"]
    health = office.get(f"{V1}/services/{story.service}/health").json()
    assert (health["state"], health["since"]) == ("down", "2026-01-05T09:10:00Z")
    assert [(each["state"], each["end"]) for each in health["states"]] == [("down", None), ("up", "2026-01-05T09:10:00Z")]


def test_a_customer_is_shown_with_everything(story):
    office = story.office
    (listed,) = office.get(f"{V1}/customers?name=Acme").json()
    view = office.get(f"{V1}/customers/{office.operator.account}").json()
    assert view | {"id": listed["id"]} == view
    assert [(each["id"], each["health"]) for each in view["services"]] == [(story.service, "down")]
    assert [each["id"] for each in view["tickets"]] == [story.ticket]
    assert [each["id"] for each in view["orders"]] == [story.order["id"]]
    assert [each["name"] for each in view["agreements"]] == ["standard"]
    assert view["bills"] == []
    assert (view["violations"], view["children"]) == ([], [])
    assert view["balance"]["currency"] == "EUR"
    assert Decimal(view["balance"]["unbilled"]) >= 0


def test_a_bill_is_made_shown_printed_and_sent_once(story):
    office = story.office
    made = office.post(f"{V1}/customers/{office.operator.account}/bills", json={}, headers={"Idempotency-Key": "b"})
    bill = made.json()
    assert made.status_code == 201
    assert office.get(made.headers["location"]).json() == bill
    assert bill["period"] == {"start": "2026-01-05T09:00:00+00:00", "end": "2026-01-05T10:00:00+00:00"}
    assert sum(Decimal(line["amount"]) for line in bill["lines"]) == Decimal(bill["total"])
    again = office.post(f"{V1}/customers/{office.operator.account}/bills", json={}, headers={"Idempotency-Key": "b"})
    assert again.json() == bill
    printed = office.get(f"{V1}/bills/{bill['number']}", headers={"Accept": "text/plain"})
    assert (printed.headers["content-type"], f"Bill {bill['number']}" in printed.text) == ("text/plain; charset=utf-8", True)
    (listed,) = office.get(f"{V1}/bills?account_number={office.operator.account}").json()
    assert (listed["id"], listed["account_number"]) == (bill["id"], office.operator.account)
    office.post(f"{V1}/bills/{bill['id']}/validate")
    sent = office.post(f"{V1}/bills/{bill['id']}/send")
    assert (sent.status_code, sent.json()["state"]) == (200, "sent")
    assert office.post(f"{V1}/bills/{bill['id']}/validate").status_code == 409
    assert office.post(f"{V1}/customers/{office.operator.account}/bills", json=bill["period"]).json()["id"] == bill["id"]
    with office.database.read() as session:
        actions = session.scalars(select(AuditRow.action).where(AuditRow.object == f"bill {bill['id']}").order_by(AuditRow.id))
        assert sorted(actions) == ["bill", "send", "validate"]


@pytest.mark.parametrize(
    ("account", "body", "status", "said"),
    [
        ("10000001", {}, 404, "10000001"),
        (None, {"start": "2026-01-06T00:00:00Z", "end": "2026-01-05T00:00:00Z"}, 400, "ends before it starts"),
        (None, {"start": "2026-01-05T09:00:00Z", "end": "2027-01-05T00:00:00Z"}, 409, "not over"),
        (None, {"start": "last week"}, 400, "/start"),
        (None, {"start": "2026-01-05T09:00:00"}, 400, "timezone"),
    ],
)
def test_a_bill_that_cannot_be_made_is_refused(story, account, body, status, said):
    office = story.office
    answer = office.post(f"{V1}/customers/{account or office.operator.account}/bills", json=body)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
    assert office.get(f"{V1}/bills").json() == []


def test_nothing_to_bill_is_said(office):
    answer = office.post(f"{V1}/customers/{office.operator.account}/bills", json={})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:fabd:problem:nothingToBill")


def test_objectives_violations_and_credits_are_listed(story):
    office, at = story.office, story.office.clock.now()
    with office.database.write() as session:
        customer = customer_by_account(session, office.operator.account)
        agreement = session.get_one(ServiceRow, story.service).agreement
        same = {"agreement_id": agreement, "service_id": story.service, "rule": "availability"}
        period = {"period_start": at - timedelta(hours=1), "period_end": at}
        seconds = {"down_s": Decimal(3000), "unknown_s": Decimal(0), "agreed_s": Decimal(3600)}
        measured = {"objective": Decimal("99.9"), "measured": Decimal("16.67")}
        evidence = {"unknown_counts_as": "exclude", "outages": []}
        session.add(ViolationRow(id="vio-1", **same, **period, **seconds, **measured, evidence=evidence, found_at=at))
        session.flush()
        money = {"percent": Decimal(10), "base_amount": Decimal(100), "amount": Decimal("10.50"), "currency": "EUR"}
        granted = {"violation_id": "vio-1", "reason": "missed", "granted_at": at, "customer_id": customer.id}
        session.add(CreditRow(id="crd-1", **same, **period, **money, **granted))
        session.add(ObjectiveResultRow(id="obj-1", **same, **period, **seconds, **measured, violation_id="vio-1", judged_at=at))
    (credit,) = office.get(f"{V1}/credits?account_number={office.operator.account}").json()
    assert (credit["amount"], credit["violation_id"]) == ("10.50", "vio-1")
    assert [each["measured"] for each in office.get(f"{V1}/violations?service_id={story.service}").json()] == ["16.67"]
    assert [each["violation_id"] for each in office.get(f"{V1}/objectives").json()] == ["vio-1"]
    tree = office.get(f"{V1}/explain/crd-1").json()
    assert (tree["kind"], tree["because"][0]["kind"]) == ("credit", "violation")


def test_what_nobody_knows_cannot_be_explained(office):
    answer = office.get(f"{V1}/explain/xyz-1")
    assert (answer.status_code, answer.json()["detail"].startswith("xyz-1: ")) == (404, True)


def test_events_subscriptions_and_dead_letters(story):
    office = story.office
    with office.database.write() as session:
        policy = CallbackPolicy.of(["127.0.0.1/32"], http=True)
        request = SubscriptionRequest("webhook", "http://127.0.0.1:1/hook", "signing")
        subscription = subscribe(session, request, policy, office.clock.now(), from_sequence=1).id
        for delivery in session.scalars(select(DeliveryRow)):
            delivery.state, delivery.last_error = "dead", "connection refused"
    events = office.get(f"{V1}/events?type=serviceOrderCreateEvent").json()
    assert [each["payload"]["serviceOrder"]["id"] for each in events] == [story.order["id"]]
    dead = office.get(f"{V1}/deliveries?state=dead").json()
    assert len(dead) == len(office.get(f"{V1}/events").json())
    assert dead[0]["last_error"] == "connection refused"
    (listed,) = office.get(f"{V1}/subscriptions").json()
    assert (listed["id"], listed["deliveries"]) == (subscription, {"dead": len(dead)})
    replay = f"{V1}/subscriptions/{subscription}/replay"
    assert office.post(replay, json={"sequence": dead[0]["event_sequence"]}).json()["events"] == 1
    assert office.post(replay, json={}).json()["events"] == len(dead) - 1
    assert office.post(f"{V1}/subscriptions/sub-none/replay", json={}).status_code == 404
    assert office.post(replay, json={"sequence": 2**63}).status_code == 400
    with office.database.read() as session:
        audited = session.scalars(select(AuditRow.after).where(AuditRow.action == "replay").order_by(AuditRow.id)).all()
    assert {"dead": len(dead) - 1, "events": 1} in audited


def test_the_catalog_is_shown(office):
    names = [each["id"] for each in office.get(f"{V1}/specifications").json()]
    assert names == sorted(names)
    assert {"internet-access", "l2-eline", "l3vpn", "leased-circuit"} <= set(names)
    shown = office.get(f"{V1}/specifications/internet-access").json()
    assert "vlan" in shown["characteristics"]["properties"]
    assert (shown["layout"], shown["needs"]["l3"]) == ("access", ["ipv4", "ipv6"])
    assert shown["samples"]["whole-port"]["characteristics"]["port"] == "pe1/2"
    assert office.get(f"{V1}/slas/gold").json()["name"] == "gold"
    for path in ("specifications/teleport", "slas/platinum"):
        answer = office.get(f"{V1}/{path}")
        assert (answer.status_code, "known are" in answer.json()["detail"]) == (404, True)


def test_the_audit_trail_is_listed_latest_first(office):
    with office.database.write() as session:
        record(session, DAEMON, "first", "order ord-1", office.clock.now())
        record(session, DAEMON, "second", "order ord-1", office.clock.advance(1), before={"a": 1}, after={"a": 2})
    audit = office.get(f"{V1}/audit").json()
    assert [(each["action"], each["before"]) for each in audit] == [("second", {"a": 1}), ("first", None)]
    assert len(office.get(f"{V1}/audit?object=order ord-1&action=first").json()) == 1


@pytest.mark.parametrize(
    "path",
    [
        "plans/x",
        "orders/x/plans",
        "elements/x",
        "alarms/x",
        "problems/x",
        "services/x",
        "services/x/health",
        "customers/x",
        "bills/x",
        "bills/99999999999999999999",
    ],
)
def test_what_is_not_there_is_a_problem_that_names_it(office, path):
    answer = office.get(f"{V1}/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert path.split("/")[1] in answer.json()["detail"]


@pytest.mark.parametrize("path", ["alarms", "problems", "elements", "plans", "customers", "bills", "events", "audit", "deliveries"])
def test_every_list_pages_and_selects(story, path):
    whole = story.office.get(f"{V1}/{path}")
    cut = story.office.get(f"{V1}/{path}?limit=1&fields=none")
    assert int(cut.headers["x-total-count"]) == len(whole.json()) if path != "audit" else True
    assert cut.status_code == (206 if int(cut.headers["x-total-count"]) > 1 else 200)
    assert all(set(each) <= {"id", "href"} for each in cut.json())


@pytest.mark.parametrize(
    "path", ["alarms", "problems", "elements", "plans", "customers", "bills", "events", "audit", "deliveries", "elements/pe1"]
)
def test_attributes_that_nothing_has_are_refused_by_name(story, path):
    refused = story.office.get(f"{V1}/{path}?fields=id,bogus")
    assert refused.status_code == 400
    assert "nothing here has an attribute 'bogus'; there is " in refused.json()["detail"]


def test_attributes_inside_others_may_be_chosen(story):
    (first, *_) = story.office.get(f"{V1}/elements?fields=name,endpoints.host").json()
    assert first.keys() == {"id", "name", "endpoints"}
    assert all(each.keys() == {"host"} for each in first["endpoints"])
    assert story.office.get(f"{V1}/elements?fields=endpoints.hots").status_code == 400
