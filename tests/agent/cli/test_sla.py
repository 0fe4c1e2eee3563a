"""Maintenance, excused time and reports, as typed, against the real API."""

from datetime import timedelta

import pytest

from inventory.tables import ServiceRow

pytestmark = pytest.mark.usefixtures("served")


@pytest.fixture
def service(served) -> str:
    office = served.office
    began = office.clock.now()
    with office.database.write() as session:
        session.add(
            ServiceRow(
                id="svc-1",
                name="Office",
                specification="internet-access",
                specification_version="1",
                state="active",
                customer=office.operator.account,
                agreement=None,
                characteristics={},
                created_at=began,
                started_at=began,
            )
        )
    office.clock.advance(timedelta(days=3))
    return "svc-1"


def announce(fabd, *more):
    times = ("--from", "2098-01-05T01:00Z", "--until", "2098-01-05T03:00Z")
    return fabd.ok("maintenance", "add", "new software", *times, "--over", "element:pe1", *more)


def test_maintenance_is_announced_shown_exported_and_cancelled(fabd, folder):
    assert fabd.ok("maintenance", "list").err == "nothing is announced\n"
    said = announce(fabd, "--rule", "FREQ=MONTHLY;BYDAY=1SU", "--over", "site:lab")
    assert "then FREQ=MONTHLY;BYDAY=1SU (UTC), element pe1, site lab" in said.out
    (entry,) = fabd.ok("maintenance", "list", "--json").json
    shown = fabd.ok("maintenance", "show", entry["id"]).out
    assert "element pe1, site lab" in shown
    assert "BEGIN:VEVENT" in fabd.ok("maintenance", "export").out
    fabd.ok("maintenance", "export", "--output", "calendar.ics")
    assert (folder / "calendar.ics").read_bytes().count(b"BEGIN:VEVENT") == 1
    assert "is called off" in fabd.ok("maintenance", "cancel", entry["id"], "--occurrence", "2098-02-02T01:00Z").out
    assert "is cancelled from" in fabd.ok("maintenance", "cancel", entry["id"], "--reason", "postponed").out
    assert fabd.ok("maintenance", "list").err == "nothing is announced\n"
    assert "postponed" in fabd.ok("maintenance", "show", entry["id"]).out


def test_maintenance_that_has_begun_is_a_record_and_said_to_be_one(fabd):
    said = fabd.ok(
        "maintenance", "add", "x", "--from", "2026-01-05T08:00Z", "--until", "2026-01-05T10:00Z", "--over", "element:pe1"
    )
    assert "kept as a record, and no SLA leaves it out" in said.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--until", "soon", "--over", "element:pe1"), 2, "is no time"),
        (("--until", "2098-01-05T03:00Z", "--over", "pe1"), 2, "write KIND:NAME"),
        (("--until", "2098-01-05T00:00Z", "--over", "element:pe1"), 1, "ends before it starts"),
        (("--until", "2098-01-05T03:00Z", "--over", "element:pe99"), 1, "there is no element 'pe99'"),
    ],
)
def test_what_cannot_be_meant_is_said(fabd, arguments, code, said):
    answer = fabd("maintenance", "add", "x", "--from", "2098-01-05T01:00Z", *arguments)
    assert (answer.code, said in answer.err) == (code, True)


def test_time_is_excused_and_counts_again(fabd, service):
    times = ("--from", "2026-01-05T10:00Z", "--until", "2026-01-05T11:00Z")
    assert fabd.ok("sla", "exclusions").err == "no time was excused\n"
    said = fabd.ok("sla", "exclude", service, "flood", *times, "--kind", "forceMajeure")
    assert "2026-01-05 10:00:00 .. 2026-01-05 11:00:00 UTC of svc-1, forceMajeure" in said.out
    (made,) = fabd.ok("sla", "exclusions", "--json").json
    assert "flood" in fabd.ok("sla", "report", service).out
    assert "counts again" in fabd.ok("sla", "withdraw", made["id"]).out
    assert "withdrawn" in fabd.ok("sla", "exclusions").out


def test_a_report_is_printed_and_written_in_every_format(fabd, service, folder):
    assert "Objectives" in fabd.ok("sla", "report", service).out
    (report,) = fabd.ok("sla", "report", service, "--json").json
    assert report["service_id"] == service
    for suffix, begin in (("pdf", b"%PDF-"), ("html", b"<!doctype html>"), ("csv", b"\xef\xbb\xbfOffice")):
        fabd.ok("sla", "report", service, "--format", suffix, "--output", f"report.{suffix}")
        assert (folder / f"report.{suffix}").read_bytes().startswith(begin)
    wrong = fabd("sla", "report", service, "--format", "pdf")
    assert (wrong.code, "name a file with --output" in wrong.err) == (2, True)
    assert fabd("sla", "report").code == 2
    assert "availability" in fabd.ok("sla", "show", service).out
