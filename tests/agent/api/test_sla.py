"""Maintenance, excused time and service level reports over HTTP."""

import csv
import html
import io
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from agent.assurance.tables import ObjectiveResultRow, ServiceStateRow
from agent.security.roles import Role
from agent.security.tables import AuditRow
from crm_bridge.tables import EventRow
from inventory.tables import ServiceRow

MAINTENANCE, EXCLUSIONS, REPORT = "/api/v1/maintenance", "/api/v1/exclusions", "/api/v1/sla/report"
OUTAGE = timedelta(minutes=30)


@pytest.fixture
def service(office) -> str:
    """Up for three days, with half an hour of an outage, and nothing known of an hour."""
    began = office.clock.now()
    row = ServiceRow(
        id="svc-1",
        name="Office <1>",
        specification="internet-access",
        specification_version="1",
        state="active",
        customer=office.operator.account,
        agreement=None,
        characteristics={},
        created_at=began,
        started_at=began,
    )
    edges = [("up", 0), ("down", 24), ("up", 24.5), ("unknown", 48), ("up", 49)]
    instants = [began + timedelta(hours=hours) for _, hours in edges]
    with office.database.write() as session:
        session.add(row)
        session.flush()
        for (state, _), start, end in zip(edges, instants, [*instants[1:], None], strict=True):
            session.add(
                ServiceStateRow(
                    id=f"hlt-{start.isoformat()}",
                    service_id="svc-1",
                    state=state,
                    start=start,
                    start_earliest=start - timedelta(seconds=5) if state == "down" else start,
                    start_latest=start,
                    end=end,
                    reason="pe1/ge-0/0/1" if state == "down" else "",
                    evidence={},
                )
            )
    office.clock.advance(timedelta(days=3))
    return "svc-1"


def window(office, **more):
    start = office.clock.now() + timedelta(days=7)
    return {
        "start": start.isoformat(),
        "end": (start + timedelta(hours=2)).isoformat(),
        "reason": "new software; all of it, and more",
        "scopes": [{"kind": "element", "name": "pe1"}],
    } | more


def test_maintenance_is_announced_told_written_down_and_cancelled(office):
    made = office.post(MAINTENANCE, json=window(office, rule="FREQ=WEEKLY", time_zone="Europe/Berlin"), role=Role.OPERATOR)
    assert made.status_code == 201
    entry = made.json()
    assert office.get(made.headers["location"]).json() == entry
    assert (entry["rule"], entry["until"], entry["created_by"]) == ("FREQ=WEEKLY", None, "operator")
    assert entry["scopes"] == [{"kind": "element", "name": "pe1"}]
    second = (datetime.fromisoformat(entry["start"]) + timedelta(days=7)).isoformat()
    skipped = office.post(f"{MAINTENANCE}/{entry['id']}/cancel", json={"occurrence": second})
    assert skipped.json()["cancelled_at"] is None
    cancelled = office.post(f"{MAINTENANCE}/{entry['id']}/cancel", json={"reason": "postponed"}).json()
    assert (cancelled["cancel_reason"], len(cancelled["skipped"])) == ("postponed", 1)
    assert office.post(f"{MAINTENANCE}/{entry['id']}/cancel", json={}).status_code == 409
    assert office.get(f"{MAINTENANCE}?cancelled=false").json() == []
    with office.database.read() as session:
        assert [row.type for row in session.query(EventRow) if "maint" in row.type] == ["maintenanceCreateEvent"] + 2 * [
            "maintenanceStateChangeEvent"
        ]
        assert [row.action for row in session.query(AuditRow) if "mnt-" in row.object] == ["announce", "cancel", "cancel"]


def test_every_mistake_of_a_window_is_named_where_it_is(office):
    wrong = window(office, end="2020-01-01T00:00:00Z", time_zone="Mars", reason=" ")
    answer = office.post(MAINTENANCE, json=wrong)
    assert answer.status_code == 400
    assert [each["pointer"] for each in answer.json()["errors"]] == ["#/end", "#/reason", "#/time_zone"]


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ({"kind": "element", "name": "pe99"}, 404),
        ({"kind": "customer", "name": "999"}, 404),
        ({"kind": "planet", "name": "mars"}, 400),
    ],
)
def test_a_window_over_nothing_is_refused(office, scope, status):
    assert office.post(MAINTENANCE, json=window(office, scopes=[scope])).status_code == status


def test_a_viewer_announces_nothing(office):
    assert office.post(MAINTENANCE, json=window(office), role=Role.VIEWER).status_code == 403


def test_the_calendar_is_a_file_of_rfc_5545(office):
    office.post(MAINTENANCE, json=window(office, rule="FREQ=WEEKLY", time_zone="Europe/Berlin"))
    answer = office.get(f"{MAINTENANCE}/calendar.ics")
    assert answer.headers["content-type"].startswith("text/calendar")
    lines = answer.text.split("\r\n")
    assert all(len(line.encode()) <= 75 for line in lines)
    whole = answer.text.replace("\r\n ", "")
    assert "DTSTART;TZID=Europe/Berlin:20260112T100000\r\n" in whole
    assert "RRULE:FREQ=WEEKLY\r\n" in whole
    assert "SUMMARY:Maintenance: new software\\; all of it\\, and more\r\n" in whole
    assert whole.endswith("END:VEVENT\r\nEND:VCALENDAR\r\n")


def excuse(office, service, **more):
    now = office.clock.now()
    span = {"start": (now - timedelta(hours=48)).isoformat(), "end": (now - timedelta(hours=47.75)).isoformat()}
    return {"service_id": service, "kind": "customerCaused", "reason": "moved the router", **span} | more


def test_excused_time_counts_neither_as_agreed_nor_as_down_until_it_is_withdrawn(office, service):
    before = office.get(REPORT, params={"service_id": service}).json()[0]
    made = office.post(EXCLUSIONS, json=excuse(office, service), role=Role.PROVISIONER).json()
    assert made["author"] == "provisioner"
    (found,) = office.get(REPORT, params={"service_id": service}).json()
    assert [before["objectives"][0]["lost_s"], found["objectives"][0]["lost_s"]] == ["1800", "900"]
    assert float(before["objectives"][0]["agreed_s"]) - float(found["objectives"][0]["agreed_s"]) == 900
    assert found["exclusions"][0]["reason"] == "moved the router"
    assert [each["start"] for each in found["outages"][0]["excluded"]] == [made["start"]]
    assert office.post(f"{EXCLUSIONS}/{made['id']}/withdraw", json={}).status_code == 200
    assert office.post(f"{EXCLUSIONS}/{made['id']}/withdraw", json={}).status_code == 409
    assert office.get(REPORT, params={"service_id": service}).json() == [before]
    assert office.get(f"{EXCLUSIONS}?withdrawn=true").json()[0]["withdrawn_by"] == "admin"


def judged(office, until):
    """As the run over periods that ended leaves it."""
    began = until - timedelta(days=30)
    with office.database.write() as session:
        session.merge(
            ObjectiveResultRow(
                id="obj-1",
                service_id="svc-1",
                agreement_id="agr-1",
                rule="availability",
                period_start=began,
                period_end=until,
                objective=Decimal("99.9"),
                measured=Decimal(100),
                agreed_s=Decimal(1),
                down_s=Decimal(0),
                unknown_s=Decimal(0),
                violation_id=None,
                judged_at=until,
            )
        )


def test_what_was_judged_with_excused_time_stays_and_the_refusal_names_the_remedy(office, service):
    made = office.post(EXCLUSIONS, json=excuse(office, service)).json()
    judged(office, datetime.fromisoformat(made["end"]))
    answer = office.post(f"{EXCLUSIONS}/{made['id']}/withdraw", json={})
    assert answer.status_code == 409
    assert "put it right by an adjustment on a bill" in answer.json()["detail"]
    assert office.get(f"{EXCLUSIONS}?withdrawn=false").json()[0]["id"] == made["id"]


def test_time_that_was_judged_is_not_excused_and_the_refusal_says_from_when_on_it_can_be(office, service):
    wanted = excuse(office, service)
    start, end = (datetime.fromisoformat(wanted[name]) for name in ("start", "end"))
    judged(office, start)
    assert office.post(EXCLUSIONS, json=wanted).status_code == 201
    half = start + timedelta(minutes=5)
    judged(office, half)
    refused = office.post(EXCLUSIONS, json=wanted)
    assert refused.status_code == 409
    assert f"adjustment on a bill; excuse what comes after with a start of {half.isoformat()}" in refused.json()["detail"]
    assert office.post(EXCLUSIONS, json=wanted | {"start": half.isoformat()}).status_code == 201
    judged(office, end)
    refused = office.post(EXCLUSIONS, json=wanted)
    assert refused.json()["detail"].endswith("by an adjustment on a bill")


def test_an_exclusion_that_goes_on_beyond_what_was_judged_ends_there(office, service):
    made = office.post(EXCLUSIONS, json=excuse(office, service)).json()
    half = datetime.fromisoformat(made["start"]) + timedelta(minutes=5)
    judged(office, half)
    withdrawn = office.post(f"{EXCLUSIONS}/{made['id']}/withdraw", json={}).json()
    assert (datetime.fromisoformat(withdrawn["end"]), withdrawn["withdrawn_at"]) == (half, None)
    assert office.post(f"{EXCLUSIONS}/{made['id']}/withdraw", json={}).status_code == 409


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"service_id": "svc-9"}, 404),
        ({"kind": "badLuck"}, 400),
        ({"reason": ""}, 400),
        ({"end": "2020-01-01T00:00:00Z"}, 400),
        ({"start": "2020-01-01T00:00:00Z"}, 409),
    ],
)
def test_time_that_cannot_be_excused_is_refused(office, service, more, status):
    assert office.post(EXCLUSIONS, json=excuse(office, service, **more)).status_code == status


def test_a_report_says_what_stands_behind_its_numbers(office, service):
    (found,) = office.get(REPORT, params={"service_id": service}).json()
    assert (found["final"], found["unknown"]) == (False, "counts as no time at all")
    availability = found["objectives"][0]
    assert (availability["rule"], availability["lost_s"], availability["unknown_s"]) == ("availability", "1800", "3600")
    (outage,) = found["outages"]
    assert (outage["counted_s"], outage["cause"], outage["open"]) == ("1800", "pe1/ge-0/0/1", False)
    assert outage["earliest"] < outage["start"] == outage["latest"]
    assert len(found["unknown_time"]) == 1
    assert found["spent_s"] == "1800"
    everybody = office.get(REPORT, params={"account_number": office.operator.account}).json()
    assert everybody == [found]


def test_all_formats_hold_the_same_numbers(office, service):
    def asked(format_):
        return office.get(REPORT, params={"service_id": service, "format": format_})

    text, page = asked("text").text, asked("html")
    rows = list(csv.reader(io.StringIO(asked("csv").content.decode("utf-8-sig"))))
    cells = [cell for row in rows for cell in row[2:] if cell]
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Office &lt;1&gt;" in page.text
    assert "<1>" not in page.text
    printed = html.unescape(page.text)
    assert [cell for cell in cells if cell.removeprefix("'") not in printed and cell not in {"name", "value"}] == []
    words = [word.strip() for line in text.splitlines() for word in line.split("  ") if word.strip("= ")]
    assert [word for word in words if word not in printed] == []
    paper = asked("pdf").content
    assert paper.startswith(b"%PDF-")
    assert paper.rstrip().endswith(b"%%EOF")


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"service_id": "svc-1", "period": "previous"}, 200),
        ({"service_id": "svc-1", "period": "2026-01"}, 200),
        ({"service_id": "svc-1", "period": "2026-13"}, 400),
        ({"service_id": "svc-1", "format": "doc"}, 400),
        ({"service_id": "svc-2"}, 404),
        ({"account_number": "999"}, 404),
        ({}, 400),
        ({"service_id": "svc-1", "account_number": "999"}, 400),
    ],
)
def test_what_is_asked_of_a_report_is_checked(office, query, status):
    assert office.get(REPORT, params=query).status_code == status


def test_a_period_that_is_over_is_reported_as_it_was(office, service):
    office.clock.advance(timedelta(days=40))
    (found,) = office.get(REPORT, params={"service_id": service, "period": "2026-01"}).json()
    assert (found["final"], found["spent_s"], found["objectives"][0]["lost_s"]) == (True, "1800", "1800")
    # silver, 99.5 %: a two-hundredth of the hours of January that were left to the service, without the one that is unknown
    assert float(found["budget_s"]) == (float(found["objectives"][0]["agreed_s"]) - 3600) * 0.005


def test_a_period_before_the_service_has_no_report(office, service):
    assert office.get(REPORT, params={"service_id": service, "period": "previous"}).json() == []


def test_what_was_promised_is_told_in_the_words_of_tmf657(office):
    base = "/tmf-api/serviceQualityManagement/v4"
    levels = {each["id"]: each for each in office.get(f"{base}/serviceLevelSpecification").json()}
    assert {"gold", "silver"} <= set(levels)
    (related,) = levels["gold"]["relatedServiceLevelObjective"]
    objective = office.get(related["href"]).json()
    assert (objective["conformanceTarget"], objective["conformanceComparator"]) == ("99.9", "greaterThanOrEqual")
    assert len(objective["serviceLevelObjectiveConsequence"]) == 4
    assert office.call("DELETE", related["href"]).status_code == 409
    kept = office.post(
        f"{base}/serviceLevelSpecification", json={"name": "voice", "relatedServiceLevelObjective": [{"id": objective["id"]}]}
    )
    assert office.get(kept.headers["location"]).json()["name"] == "voice"
    refused = office.post(f"{base}/serviceLevelObjective", json={"name": "x"})
    assert refused.status_code == 400
