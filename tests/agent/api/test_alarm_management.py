"""TMF642, TMF656 and impact: what clients see of alarms and problems, and what they may do with them."""

import pytest

V1 = "/api/v1"
ALARM = "/tmf-api/alarm/v4"
PROBLEM = "/tmf-api/serviceProblemManagement/v4"
TOLD = {
    "alarmType": "equipmentAlarm",
    "perceivedSeverity": "major",
    "probableCause": "powerProblem",
    "alarmedObject": {"id": "ups-3"},
    "sourceSystemId": "building",
    "state": "raised",
    "alarmRaisedTime": "2026-01-05T08:59:00Z",
    "x-room": "cellar",
}
ACK = {"ackSystemId": "noc", "ackUserId": "ada"}


def test_fabds_own_alarms_are_shown_with_their_services_under_both_paths(story):
    for base in (ALARM, "/tmf-api/alarmManagement/v4"):
        shown = story.office.get(f"{base}/alarm/alm-1").json()
        assert (shown["state"], shown["isRootCause"], shown["alarmedObject"]["id"]) == ("raised", True, "pe1/ge-0/0/1")
        assert (shown["alarmRaisedTime"], shown["sourceSystemId"]) == ("2026-01-05T09:10:00Z", "fabd")
    assert [each["id"] for each in story.office.get(f"{ALARM}/alarm?state=raised&isRootCause=true").json()] == ["alm-1"]


def test_another_systems_alarm_is_kept_counted_changed_cleared_and_forgotten(office):
    first = office.post(f"{ALARM}/alarm", json=TOLD)
    assert (first.status_code, first.json()["x-room"], first.json()["sourceSystemId"]) == (201, "cellar", "building")
    again = office.post(f"{ALARM}/alarm", json=TOLD).json()
    assert again["id"] == first.json()["id"]
    where = f"{ALARM}/alarm/{again['id']}"
    assert office.get(f"{V1}/alarms/{again['id']}").json()["count"] == 2
    worse = office.call("PATCH", where, json={"perceivedSeverity": "critical", "x-room": None}).json()
    assert (worse["perceivedSeverity"], "x-room" in worse) == ("critical", False)
    assert office.call("PATCH", where, json={"perceivedSeverity": "cleared"}).json()["state"] == "cleared"
    assert office.call("DELETE", where).status_code == 204
    assert office.get(where).status_code == 404


@pytest.mark.parametrize(
    ("patch", "status", "code"),
    [
        ({"perceivedSeverity": "minor"}, 409, "alarmOfFabd"),
        ({"ackState": "perhaps"}, 400, "invalidValue"),
        ({"id": "other"}, 400, "readOnly"),
    ],
)
def test_what_follows_from_readings_is_not_changed_by_clients(story, patch, status, code):
    answer = story.office.call("PATCH", f"{ALARM}/alarm/alm-1", json=patch)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert story.office.call("DELETE", f"{ALARM}/alarm/alm-1").status_code == 409


def test_a_task_is_carried_out_on_all_alarms_of_its_pattern_and_kept(story):
    office = story.office
    pattern = {"alarmPattern": [{"alarmedObject": {"id": "pe1/ge-0/0/1"}, "state": "raised"}]}
    done = office.post(f"{ALARM}/ackAlarms", json=ACK | pattern)
    assert (done.status_code, done.json()["state"]) == (201, "done")
    assert [each["id"] for each in done.json()["ackedAlarm"]] == ["alm-1"]
    shown = office.get(f"{ALARM}/alarm/alm-1").json()
    assert (shown["ackState"], shown["ackUserId"]) == ("acknowledged", "ada")
    said = {"comment": {"comment": "seen", "userId": "ada"}} | pattern
    office.post(f"{ALARM}/commentAlarms", json=said)
    assert [each["comment"] for each in office.get(f"{ALARM}/alarm/alm-1").json()["comment"]] == ["seen"]
    assert office.get(f"{ALARM}/ackAlarms/{done.json()['id']}").json()["ackUserId"] == "ada"


@pytest.mark.parametrize(
    ("pattern", "code"), [([{}], "emptyPattern"), ([{"@type": "Alarm"}], "emptyPattern"), ([{"id": "alm-9"}], "unknownAlarm")]
)
def test_a_pattern_that_stands_for_all_or_for_none_is_refused(story, pattern, code):
    answer = story.office.post(f"{ALARM}/ackAlarms", json=ACK | {"alarmPattern": pattern})
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert story.office.get(f"{ALARM}/ackAlarms").json() == []


def test_a_task_that_one_alarm_refuses_is_done_to_none(story):
    told = story.office.post(f"{ALARM}/alarm", json=TOLD).json()
    body = {"clearSystemId": "noc", "clearUserId": "ada", "alarmClearedTime": "2026-01-05T10:00:00Z"}
    answer = story.office.post(f"{ALARM}/clearAlarms", json=body | {"alarmPattern": [{"state": "raised"}]})
    assert answer.status_code == 409
    assert story.office.get(f"{ALARM}/alarm/{told['id']}").json()["state"] == "raised"


def test_problems_are_shown_acknowledged_and_not_resolved_by_hand(story):
    office = story.office
    (shown,) = office.get(f"{PROBLEM}/serviceProblem").json()
    assert (shown["id"], shown["status"], shown["troubleTicket"][0]["id"]) == ("prb-1", "inProgress", story.ticket)
    done = office.post(f"{PROBLEM}/problemAcknowledgement", json={"problem": [{"id": "prb-1"}], "trackingRecord": {"user": "ada"}})
    assert (done.status_code, done.json()["ackProblem"][0]["id"]) == (201, "prb-1")
    shown = office.get(f"{PROBLEM}/serviceProblem/prb-1").json()
    assert (shown["status"], shown["trackingRecord"][0]["user"]) == ("acknowledged", "ada")
    refused = office.call("PATCH", f"{PROBLEM}/serviceProblem/prb-1", json={"status": "resolved"})
    assert (refused.status_code, refused.json()["code"]) == (409, "invalidTransition")
    assert office.post(f"{PROBLEM}/problemAcknowledgement", json={"problem": [{"id": "prb-9"}]}).status_code == 404
    events = office.get(f"{PROBLEM}/serviceProblemEventRecord").json()
    assert [each["eventType"] for each in events] == ["serviceProblemStateChangeEvent"]


def test_impact_names_services_and_customers(story):
    found = story.office.get(f"{V1}/impact?object=pe1/ge-0/0/1&hours=5").json()
    assert (found["object"], found["lasting_s"]) == ("port:pe1/ge-0/0/1", 18000)
    assert [each["service_id"] for each in found["services"]] == [story.service]
    assert found["services"][0]["state"] == "down"
    assert list(found["customers"]) == [story.office.operator.account]
    assert story.office.get(f"{V1}/impact?object=pe9").status_code == 404
    assert story.office.get(f"{V1}/impact?object=prb-9").status_code == 404
