"""Commands that ask the daemon, against the real API over a small operator."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from agent.assurance.tables import AlarmChangeRow, AlarmRow, ObjectiveResultRow, ProblemRow, ServiceStateRow
from agent.fulfillment.tables import OrderItemRow, OrderRow
from agent.security.roles import Role
from agent.security.tables import AuditRow
from crm_bridge.callbacks import CallbackPolicy
from crm_bridge.customers import customer_by_account
from crm_bridge.subscriptions import SubscriptionRequest, subscribe
from crm_bridge.tables import DeliveryRow, EventRow, UsageRecordRow
from crm_bridge.tickets import TicketReport, report
from crm_bridge.usage import UsageInput, receive
from inventory.tables import ServiceRow
from policies.values import Interval, Severity


@pytest.fixture
def order(served, folder):
    """The file of an order that would be taken."""
    (folder / "order.json").write_text(json.dumps(served.office.order(externalId="A-1")))
    return "order.json"


@pytest.fixture
def placed(fabd, order) -> str:
    fabd.ok("order", "submit", order)
    (found,) = fabd.ok("order", "list", "--json").json
    return found["id"]


def end(served, order_id: str, state: str, *errors: dict) -> None:
    with served.office.database.write() as session:
        session.get_one(OrderRow, order_id).state = state
        item = session.scalars(select(OrderItemRow)).one()
        item.state, item.errors = state, list(errors)


def test_a_preview_shows_values_and_native_payloads_and_keeps_nothing(fabd, served, order):
    said = fabd.ok("order", "plan", order)
    assert "10.0.0.0/31" in said.out
    assert "\npe1 (ietf, confirmed)" in said.out
    assert "<ip>10.0.0.0</ip>" in said.out
    assert said.err == "nothing was kept or sent\n"
    assert "undone by" in fabd.ok("order", "plan", order, "--reverse").out
    assert fabd.ok("order", "plan", order, "--json").json["changes"][0]["element"] == "pe1"
    with served.office.database.read() as session:
        assert session.scalars(select(OrderRow)).all() == []


def test_an_order_is_placed_once_whatever_the_key(fabd, order):
    first = fabd.ok("order", "submit", order, "--key", "k1", "--json").json
    assert fabd.ok("order", "submit", order, "--key", "k1", "--json").json["id"] == first["id"]
    assert fabd.ok("order", "submit", order, "--json").json["id"] == first["id"]
    assert first["state"] == "acknowledged"
    assert len(fabd.ok("order", "list", "--json").json) == 1


def test_the_same_key_with_another_order_is_refused(fabd, served, order, folder):
    fabd.ok("order", "submit", order, "--key", "k1")
    (folder / "other.json").write_text(json.dumps(served.office.order("pe1/ge-0/0/0")))
    said = fabd("order", "submit", "other.json", "--key", "k1")
    assert (said.code, "'k1' came before with another request; give this one a new key" in said.complaint) == (1, True)


def test_orders_may_be_yaml_or_come_from_standard_input(fabd, served, folder):
    (folder / "order.yaml").write_text(json.dumps(served.office.order()))
    fabd.ok("order", "plan", "order.yaml")
    fabd.ok("order", "plan", "-", typed=json.dumps(served.office.order()))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"a": ', "order.json:1: not JSON at column 7: Expecting value; correct it"),
        ("[]", "order.json: holds no object; begin it with { or with a key"),
        ("[" * 100_000, "order.json: nested too deeply; flatten it"),
        ("{}", "/serviceOrderItem: "),
    ],
)
def test_a_file_that_is_no_order_is_named(fabd, served, folder, text, complaint):  # noqa: ARG001  the daemon is there
    (folder / "order.json").write_text(text)
    said = fabd("order", "submit", "order.json")
    assert said.code == 1
    assert complaint in said.complaint


@pytest.mark.parametrize(
    ("port", "complaint"),
    [
        ("pe9/ge-0/0/1", "/serviceOrderItem/0/service/serviceCharacteristic/0/value: "),
        ("pe1", "/serviceOrderItem/0/service/serviceCharacteristic/0/value: "),
    ],
)
def test_a_refused_order_is_told_by_pointer_and_leaves_nothing(fabd, served, folder, port, complaint):
    (folder / "order.json").write_text(json.dumps(served.office.order(port)))
    said = fabd("order", "submit", "order.json", "--watch")
    assert said.code == 1
    assert complaint in said.complaint
    assert fabd.ok("order", "list", "--json").json == []


def test_an_order_is_shown_with_items_plans_and_errors(fabd, served, placed):
    shown = fabd.ok("order", "show", placed)
    assert shown.lines[0] == f"order {placed}"
    assert "internet-access" in shown.out
    (plan,) = fabd.ok("plan", "list", "--json").json
    assert plan["id"] in shown.out
    at = "2026-01-05T09:00:00Z"
    end(served, placed, "failed", {"code": "editRefused", "element": "pe1", "message": "no more interfaces", "at": at})
    assert "item 1: pe1: no more interfaces" in fabd.ok("order", "show", placed).out
    watched = fabd("order", "watch", placed)
    assert watched.code == 1
    assert "no more interfaces" in watched.out


def test_a_completed_order_watches_as_done(fabd, served, placed, order):
    end(served, placed, "completed")
    assert fabd.ok("order", "watch", placed, "--json").json["state"] == "completed"
    assert fabd.ok("order", "submit", order, "--watch").lines[0] == f"order {placed}"
    assert fabd.ok("order", "submit", order).out == f"order {placed} is completed; see it with: fabd order show {placed}\n"


def test_orders_are_filtered(fabd, served, placed):
    account = served.office.operator.account
    for words, found in (
        (["--state", "acknowledged"], 1),
        (["--state", "completed"], 0),
        (["--customer", account], 1),
        (["--customer", "1"], 0),
        (["--external-id", "A-1"], 1),
        (["--external-id", "A,1"], 0),
    ):
        assert len(fabd.ok("order", "list", "--json", *words).json) == found, words
    assert placed in fabd.ok("order", "list").out


def test_a_plan_shows_payload_and_reverse(fabd, placed):
    (plan,) = fabd.ok("plan", "list", "--state", "waiting", "--json").json
    shown = fabd.ok("plan", "show", plan["id"], "--reverse")
    assert f"order          {placed}" in shown.out
    assert "pe1 (ietf, confirmed): planned" in shown.out
    assert "undone by" in shown.out
    assert fabd.ok("plan", "show", plan["id"], "--json").json["id"] == plan["id"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["order", "show", "ord-9"], "there is no order 'ord-9'; list them with `fabd order list`"),
        (["order", "watch", "ord-9"], "there is no order 'ord-9'; list them with `fabd order list`"),
        (["order", "cancel", "ord-9"], "ORDER: there is no order 'ord-9'; list them with `fabd order list`"),
        (["plan", "show", "pln-9"], "there is no plan 'pln-9'"),
        (["alarm", "why", "alm-9"], "there is no alarm 'alm-9'; list them with `fabd alarm list`"),
        (["problem", "show", "prb-9"], "there is no problem 'prb-9'; list them with `fabd problem list --all`"),
        (["action", "show", "act-9"], "there is no action 'act-9'; list them with `fabd action list --all`"),
        (["ticket", "show", "tkt-9"], "there is no ticket 'tkt-9'; list them with `fabd ticket list --all`"),
        (["maintenance", "show", "mnt-9"], "there is no maintenance 'mnt-9'; list them with `fabd maintenance list --all`"),
        (["maintenance", "cancel", "mnt-9"], "there is no maintenance 'mnt-9'; list them with `fabd maintenance list --all`"),
        (["measure", "service", "svc-9"], "there is no service 'svc-9' in the inventory; list them with `fabd service list --all`"),
        (["sla", "report", "svc-9"], "there is no service 'svc-9'; list them with `fabd service list --all`"),
        (["bill", "show", "bil-9"], "bill bil-9: there is none with this id"),
        (["usage", "recycle", "use-9"], "usage record use-9: there is none with this id; list them with `fabd usage list`"),
        (["bill", "create", "--customer", "9"], "customer 9: no account has this number"),
        (["sla", "show", "svc-9"], "there is no service 'svc-9'"),
        (["sla", "terms", "bronze"], "there is no SLA 'bronze'; known are"),
        (["explain", "x-9"], "x-9: neither a bill"),
        (
            ["outbox", "replay", "sub-9"],
            "subscription sub-9: there is none with this id; list them with `fabd outbox subscriptions`",
        ),
        (["order", "show", "../../api/v1/audit"], "there is nothing at"),
    ],
)
def test_what_is_not_there_is_named(fabd, served, words, complaint):  # noqa: ARG001  the daemon is there
    said = fabd(*words)
    assert said.code == 1
    assert complaint in said.complaint


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["freeze", "add", "fair", "--until", "2001-01-01"], "--until: the freeze ends before it starts"),
        (["freeze", "add", "", "--until", "2098-01-01"], "REASON: String should have at least 1 character"),
        (
            ["maintenance", "add", "w", "--from", "2098-01-01", "--until", "2098-01-02", "--over", "site:lab", "--zone", "Mars"],
            "--zone: 'Mars' is no time zone",
        ),
        (["sla", "report", "svc-9", "--period", "never"], "--period: 'never' is no period"),
        (["plan", "reject", "pln-9", "--note", "x" * 5000], "--note: String should have at most"),
        (
            ["sla", "exclude", "svc-9", "w", "--kind", "forceMajeure", "--from", "2026-01-02", "--until", "2026-01-01"],
            "--until: the excused time ends before it starts",
        ),
    ],
)
def test_what_a_command_was_told_wrong_is_called_as_the_command_calls_it(fabd, served, words, complaint):  # noqa: ARG001  as above
    said = fabd(*words)
    assert said.code == 1
    assert said.complaint.startswith(complaint)
    assert "/docs" not in said.complaint


def test_a_role_that_does_not_reach_is_told(fabd, served, order):
    said = fabd("order", "submit", order, FABD_TOKEN=served.office.tokens[Role.VIEWER])
    assert said.complaint == "token 'viewer' has the role viewer; this needs provisioner or more"
    said = fabd("audit", "list", "--token", "fabd_nobody_x")
    assert said.complaint == "the token is not known here; make one with: fabd token create"


class Story:
    """An active service, an hour of its life with a fault, and usage."""

    def __init__(self, served, order_id: str) -> None:
        self.database, at = served.office.database, served.office.clock.now()
        self.account = served.office.operator.account
        with self.database.write() as session:
            self.service = session.scalars(select(OrderItemRow.service_id).where(OrderItemRow.order_id == order_id)).one()
            row = session.get_one(ServiceRow, self.service)
            row.state, row.started_at = "active", at
            fault = at + timedelta(minutes=10)
            self._states(session, at, fault)
            self._alarms(session, fault)
            self.ticket = self._report(session, fault)
            span = Interval(at, at + timedelta(minutes=5))
            self.usage = receive(session, UsageInput("counters", "use-1", self.service, span, 10**9, 2**63), at).id
        served.office.clock.advance(3600)

    def _states(self, session, at, fault) -> None:
        common = {"service_id": self.service, "start_earliest": at, "start_latest": at}
        session.add(ServiceStateRow(id="sst-1", state="up", start=at, end=fault, **common))
        session.add(ServiceStateRow(id="sst-2", state="down", start=fault, reason="linkDown", **common))
        judged = {"agreed_s": 3600, "down_s": 60, "unknown_s": 0, "violation_id": None, "agreement_id": "agr-1"}
        session.add(
            ObjectiveResultRow(
                id="obj-1",
                service_id=self.service,
                rule="availability",
                period_start=at,
                period_end=fault,
                objective=99,
                measured=100,
                judged_at=fault,
                **judged,
            )
        )

    def _alarms(self, session, at) -> None:
        root = {"problem_class": "linkDown", "root_object": "link:core", "state": "open", "opened_at": at}
        session.add(ProblemRow(id="prb-1", key="link:core|linkDown", evidence={"hops": ["pe1"]}, **root))
        session.flush()
        alarm = {"element": "pe1", "object": "ge-0/0/1", "cause": "linkDown", "severity": "major", "raised_at": at, "last_at": at}
        why = {"rule": "both ends are down", "checked": {"at": "2026-01-05T09:10:00Z"}}
        session.add(AlarmRow(id="alm-1", text="port is down", standing="root", problem_id="prb-1", why=why, **alarm))
        old = alarm | {"object": "", "cleared_at": at}
        session.add(AlarmRow(id="alm-0", text="was silent", standing="symptom", **old))
        session.flush()
        session.add(AlarmChangeRow(id="alc-1", alarm_id="alm-1", at=at, change="raised", detail={"source": "trap"}))

    def _report(self, session, at) -> str:
        customer = customer_by_account(session, self.account)
        about = ("link:core", "linkDown", (self.service,), Severity.MAJOR, "Link core is down", "Both ends are down.")
        return report(session, TicketReport(customer.id, "prb-1", *about, None, since=at), at).id


@pytest.fixture
def story(served, placed) -> Story:
    return Story(served, placed)


def test_alarms_that_stand_are_listed_and_explained(fabd, story):  # noqa: ARG001  it has happened
    out = fabd.ok("alarm", "list").out
    assert "pe1/ge-0/0/1" in out
    assert "alm-0" not in out
    assert [each["id"] for each in fabd.ok("alarm", "list", "--all", "--json").json] == ["alm-1", "alm-0"]
    assert fabd.ok("alarm", "list", "--element", "pe2").err == "no alarm stands with --element pe2\n"
    asked = ("--element", "pe2", "--standing", "root", "--unacknowledged")
    assert fabd.ok("alarm", "list", "--all", *asked).err == f"there are no alarms with {' '.join(asked)}\n"
    why = fabd.ok("alarm", "why", "alm-1").out
    for words in ("pe1/ge-0/0/1: port is down", "both ends are down", "checked at  2026-01-05 09:10:00", "source trap", "prb-1"):
        assert words in why


def test_a_problem_is_shown_with_all_that_hangs_on_it(fabd, story):
    assert story.ticket in fabd.ok("problem", "list").out
    shown = fabd.ok("problem", "show", "prb-1").out
    for words in ("linkDown of link:core", "alm-1", story.service, story.ticket, "pe1"):
        assert words in shown


def test_a_ticket_is_listed_until_it_is_closed(fabd, story):
    assert "Link core is down" in fabd.ok("ticket", "list", "--customer", story.account).out
    assert fabd.ok("ticket", "list", "--status", "closed").err == "there are no such tickets\n"
    shown = fabd.ok("ticket", "show", story.ticket).out
    for words in ("Link core is down", story.service, "2026-01-05 09:10:00", "prb-1", "acknowledged"):
        assert words in shown


def test_usage_is_listed_with_exact_counts_in_json(fabd, story):
    said = fabd.ok("usage", "list", "--service", story.service)
    assert "1 GB" in said.out
    (record,) = fabd.ok("usage", "list", "--json").json
    assert {"name": "octetsOut", "valueType": "integer", "value": 2**63, "@type": "UsageCharacteristic"} in record[
        "usageCharacteristic"
    ]
    assert fabd.ok("usage", "list", "--service", "svc-9").err == "there are no such usage records\n"


def test_rejected_usage_is_tried_again_for_the_service_that_a_person_names(fabd, story):
    with story.database.write() as session:
        span = session.get_one(UsageRecordRow, story.usage)
        lost = UsageInput("counters", "use-2", "svc-nobody", Interval(span.start, span.end), 1, 1)
        lost_id = receive(session, lost, span.end).id
    assert "there is no service svc-nobody" in fabd.ok("usage", "list", "--status", "rejected").out
    again = fabd("usage", "recycle", lost_id)
    assert (again.code, again.out.partition(";")[0]) == (1, f"{lost_id} is rejected: there is no service svc-nobody")
    assert fabd.ok("usage", "recycle", lost_id, "--service", story.service).out == f"{lost_id} is guided\n"
    assert fabd.ok("usage", "list", "--status", "rejected").err == "there are no such usage records\n"
    refused = fabd("usage", "recycle", lost_id)
    assert (refused.code, "is guided and cannot become recycled" in refused.complaint) == (1, True)


def test_how_a_service_fares_is_shown(fabd, story):
    shown = fabd.ok("sla", "show", story.service)
    for words in ("down", "since     2026-01-05 09:10:00", "linkDown", "availability 99", "kept"):
        assert words in shown.out
    assert shown.err == "no credit was granted\n"
    assert set(fabd.ok("sla", "show", story.service, "--json").json) == {"health", "present", "objectives", "credits"}
    assert fabd.ok("sla", "missed").err == "no objective was missed\n"
    assert fabd.ok("sla", "credits").err == "no credit was granted\n"


def test_what_an_sla_promises_is_shown(fabd, served):  # noqa: ARG001  the daemon is there
    out = fabd.ok("sla", "terms", "gold").out
    assert "availability" in out
    assert "99.9" in out


def test_a_bill_is_made_printed_and_sent(fabd, story):
    made = fabd.ok("bill", "create", "--customer", story.account, "--from", "2026-01-05T09:00:00", "--to", "2026-01-05T10:00:00")
    assert made.lines[0].startswith("Bill 1")
    assert fabd.ok("bill", "show", "1").out == made.out
    bill = fabd.ok("bill", "show", "1", "--json").json
    assert bill["period"] == {"start": "2026-01-05T09:00:00+00:00", "end": "2026-01-05T10:00:00+00:00"}
    (listed,) = fabd.ok("bill", "list", "--customer", story.account, "--json").json
    assert listed["id"] == bill["id"]
    line = bill["lines"][0]["id"]
    assert line in fabd.ok("explain", line).out
    if bill["state"] == "onHold":
        assert fabd.ok("bill", "validate", "1").out == "bill 1 is validated\n"
    assert fabd.ok("bill", "send", "1").out == "bill 1 is sent\n"


def test_a_period_that_is_not_over_is_not_billed(fabd, story):
    said = fabd("bill", "create", "--customer", story.account, "--from", "2026-01-05", "--to", "2027-01-05")
    assert said.code == 1
    assert "is not over" in said.complaint


def test_an_explanation_is_a_tree_of_facts(fabd, story):
    out = fabd.ok("explain", story.ticket).out
    assert out.startswith(f"ticket Link core is down  {story.ticket}\n")
    assert "└── " in out
    assert fabd.ok("explain", story.ticket, "--json").json["id"] == story.ticket


def test_events_are_listed_and_dead_letters_delivered_again(fabd, served, placed):
    assert "serviceOrderCreateEvent" in fabd.ok("outbox", "list").out
    assert {each["aggregate"] for each in fabd.ok("outbox", "list", "--about", f"order:{placed}", "--json").json} == {
        f"order:{placed}"
    }
    assert "add [[outbox.webhooks]] to the settings" in fabd.ok("outbox", "subscriptions").err
    with served.office.database.write() as session:
        wanted = SubscriptionRequest("webhook", "https://crm.example/hook", "hook", "")
        policy = CallbackPolicy.of([], http=False)
        subscription = subscribe(session, wanted, policy, served.office.clock.now()).id
        sequence = session.scalars(select(EventRow.sequence)).first()
        due = served.office.clock.now()
        dead = {"state": "dead", "aggregate": f"order:{placed}", "due_at": due, "last_error": "410"}
        session.add(DeliveryRow(event_sequence=sequence, subscription_id=subscription, **dead))
    assert "410" in fabd.ok("outbox", "dead").out
    assert "https://crm.example/…" in fabd.ok("outbox", "subscriptions").out
    assert fabd.ok("outbox", "replay", subscription, "--sequence", str(sequence)).out == "1 events will be delivered again\n"
    assert fabd.ok("outbox", "dead").err == "nothing was given up\n"


def test_the_audit_trail_is_listed(fabd, served, placed):
    (row,) = fabd.ok("audit", "list", "--about", f"order {placed}", "--json").json
    assert (row["action"], row["actor"]) == ("place", "admin")
    assert "place" in fabd.ok("audit", "list", "--actor", "admin").out
    with served.office.database.read() as session:
        assert session.scalars(select(AuditRow.action)).all() == ["place"]


def test_people_do_with_alarms_what_has_to_be_done(fabd, story):  # noqa: ARG001  it has happened
    assert "acknowledged by" in fabd.ok("alarm", "ack", "alm-1", "-c", "on it").out
    assert "not acknowledged" in fabd.ok("alarm", "unack", "alm-1").out
    fabd.ok("alarm", "comment", "alm-1", "technician called")
    assert "with ada" in fabd.ok("alarm", "assign", "alm-1", "--to", "ada").out
    assert "shelved until" in fabd.ok("alarm", "shelve", "alm-1", "--for", "30m").out
    assert "nobody is told" in fabd.ok("alarm", "why", "alm-1").out
    fabd.ok("alarm", "unshelve", "alm-1")
    done = [each["change"] for each in fabd.ok("alarm", "history", "alm-1", "--json").json]
    assert done[-6:] == ["acknowledged", "unacknowledged", "commented", "assigned", "shelved", "unshelved"]
    assert "ada" in fabd.ok("alarm", "show", "alm-1").out
    assert [each["id"] for each in fabd.ok("alarm", "list", "--assigned-to", "ada", "--json").json] == ["alm-1"]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["alarm", "clear", "alm-1"], "acknowledge or shelve it"),
        (["alarm", "ack", "alm-9"], "there is none with this id"),
        (["alarm", "shelve", "alm-1", "--for", "ever"], "write it as 30m, 2h or 1d"),
        (["alarm", "shelve", "alm-1", "--for", "30d"], "'30d' is not between 1s and 7d"),
        (["alarm", "list", "--standing", "bad"], "'bad' is not one of"),
        (["collector", "states", "--standing", "worse"], "'worse' is not one of"),
        (["ticket", "list", "--status", "open"], "'open' is not one of"),
        (["action", "list", "--state", "done,failed"], "'done,failed' is not one of"),
        (["bill", "list", "--state", "paid"], "'paid' is not one of 'new'"),
        (["order", "list", "--state", "done"], "'done' is not one of 'acknowledged'"),
        (["plan", "list", "--state", "completed"], "'completed' is not one of 'waiting'"),
        (["usage", "list", "--status", "done"], "'done' is not one of 'received'"),
    ],
)
def test_what_cannot_be_done_with_an_alarm_is_said(fabd, story, command, words):  # noqa: ARG001  it has happened
    assert words in fabd(*command).err


def test_an_alarm_that_is_not_there_keeps_the_others_from_nothing(fabd, story):  # noqa: ARG001  it has happened
    said = fabd("alarm", "ack", "alm-9", "alm-1", "alm-1", "--json")
    assert (said.code, [each["id"] for each in said.json]) == (1, ["alm-1"])
    assert said.err.splitlines() == ["fabd: alarm alm-9: there is none with this id; list them with `fabd alarm list`"]
    assert fabd.ok("alarm", "show", "alm-1", "--json").json["acknowledged_by"]
