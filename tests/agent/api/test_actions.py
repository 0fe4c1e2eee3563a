"""Actions over HTTP: rules, what they make of an alarm, running one, and what is refused with which words."""

import pytest

from agent.assurance.tables import AlarmRow
from agent.security.roles import Role
from tests.agent.api.office import Office
from tests.agent.api.story import Story

V1 = "/api/v1"
WISH = {"rule": "bounce-errored-port", "about": "pe1/ge-0/0/1", "note": "agreed with Acme"}


@pytest.fixture
def story(database, clock):
    return Story(Office(database, clock))


def errors_high(story):
    at = story.office.clock.now()
    alarm = {"element": "pe1", "object": "ge-0/0/1", "cause": "errorsHigh", "severity": "warning", "text": "errors"}
    with story.office.database.write() as session:
        session.add(AlarmRow(id="alm-2", standing="root", **alarm, raised_at=at, last_at=at))
    return "alm-2"


def test_every_rule_is_listed_with_the_mode_that_the_settings_give_it(story):
    rules = {rule["name"]: rule for rule in story.office.get(f"{V1}/action-rules").json()}
    assert rules["bounce-errored-port"]["mode"] == "manual"
    assert {rule["mode"] for name, rule in rules.items() if name != "bounce-errored-port"} == {"off"}
    assert rules["move-off-dead-link"]["measured_by"] == "services"


def test_a_rule_is_run_and_what_it_began_is_shown_with_its_way_back(story):
    office, alarm = story.office, errors_high(story)
    answer = office.post(f"{V1}/actions", json=WISH | {"alarm": alarm}, role=Role.OPERATOR)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["state"], made["object"], made["services"], made["asked_by"]) == (
        "running",
        "pe1/ge-0/0/1",
        [story.service],
        "operator",
    )
    assert "<enabled>true</enabled>" in made["reverse"]
    assert made["before"]["alarm"] == {"stands": True, "severity": "warning", "count": 1}
    shown = office.get(answer.headers["location"]).json()
    assert [(change["state"], change["by"]) for change in shown["changes"]] == [("asked", "operator"), ("running", "operator")]
    (listed,) = office.get(f"{V1}/actions?open=true&rule=bounce-errored-port").json()
    assert listed["id"] == made["id"]
    verdicts = {verdict["rule"]: verdict for verdict in office.get(f"{V1}/alarms/{alarm}/actions").json()}
    assert (verdicts["bounce-errored-port"]["action_id"], verdicts["bounce-errored-port"]["state"]) == (made["id"], "running")
    assert verdicts["redeploy-drift"]["reasons"][0] == "the rule is off"


def test_what_stands_against_it_is_all_in_the_refusal(story):
    office = story.office
    assert office.post(f"{V1}/actions", json=WISH).status_code == 201
    again = office.post(f"{V1}/actions", json=WISH)
    assert again.status_code == 409
    said = again.json()["detail"]
    assert "1 of 1 in 24 h; not before" in said
    assert "another action on pe1/ge-0/0/1 is under way" in said


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("actions", {"rule": "dance"}, 404, "rule dance: there is none of this name"),
        ("actions", WISH | {"rule": "redeploy-drift", "about": "pe1"}, 409, "rule redeploy-drift is off"),
        ("actions", WISH | {"about": ""}, 409, "say what it is about"),
        ("actions", WISH | {"about": "pe1"}, 409, "pe1 is no port"),
        ("actions", WISH | {"about": "pe1/nowhere"}, 409, "there is no port 'pe1/nowhere'"),
        ("actions", WISH | {"alarm": "alm-nowhere"}, 404, "alarm alm-nowhere"),
        ("actions", WISH | {"more": 1}, 400, "more"),
        ("actions/act-nowhere/approve", {}, 404, "action act-nowhere"),
        ("actions/act-nowhere/reject", {}, 404, "action act-nowhere"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(story, path, body, status, words):
    answer = story.office.post(f"{V1}/{path}", json=body)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"]


def test_viewers_look_and_operators_act(story):
    assert story.office.get(f"{V1}/actions", role=Role.VIEWER).json() == []
    assert story.office.post(f"{V1}/actions", json=WISH, role=Role.VIEWER).status_code == 403


def test_an_alarm_that_is_not_there_is_not_explained(story):
    assert story.office.get(f"{V1}/alarms/alm-nowhere/actions").status_code == 404
