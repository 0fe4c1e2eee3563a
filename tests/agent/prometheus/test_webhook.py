"""What Alertmanager posts, as it posts it."""

import json

import pytest
from sqlalchemy import select

from agent.assurance.tables import AlarmChangeRow
from agent.security.roles import Role

WEBHOOK, ALARMS = "/api/v1/alertmanager", "/api/v1/alarms"
NEVER = "0001-01-01T00:00:00Z"


def alert(status="firing", ends=NEVER, starts="2026-01-05T08:50:00.123456789Z", fingerprint="f1", **labels):
    """`ends` and `starts` as Go writes them."""
    return {
        "status": status,
        "labels": {"alertname": "DiskFull", "severity": "page", "instance": "radius1:9100"} | labels,
        "annotations": {"summary": "The disk is full", "description": "95 %\nof 10 GB", "runbook_url": "http://x"},
        "startsAt": starts,
        "endsAt": ends,
        "generatorURL": "http://prometheus/graph",
        "fingerprint": fingerprint,
    }


def post(office, *alerts, role=Role.OPERATOR, **more):
    body = {"version": "4", "groupKey": "{}", "truncatedAlerts": 0, "status": "firing", "receiver": "fabd", "groupLabels": {}}
    return office.post(WEBHOOK, role=role, json=body | {"alerts": list(alerts)} | more)


def told(answer):
    assert answer.status_code == 200, answer.text
    return tuple(answer.json()[name] for name in ("raised", "cleared", "unchanged", "ignored"))


def test_an_alert_becomes_an_alarm_and_ends_with_it(office):
    assert told(post(office, alert())) == (1, 0, 0, 0)
    (alarm,) = office.get(ALARMS).json()
    assert (alarm["element"], alarm["object"], alarm["cause"]) == ("radius1:9100", "", "DiskFull")
    assert (alarm["severity"], alarm["source"], alarm["standing"]) == ("critical", "alertmanager", "root")
    assert (alarm["text"], alarm["raised_at"]) == ("The disk is full; 95 % of 10 GB", "2026-01-05T08:50:00.123456Z")
    assert told(post(office, alert("resolved", "2026-01-05T08:55:00Z"))) == (0, 1, 0, 0)
    (alarm,) = office.get(ALARMS).json()
    assert alarm["cleared_at"] == "2026-01-05T08:55:00Z"


def test_what_is_repeated_is_no_news(office):
    post(office, alert())
    assert told(post(office, alert(), alert(fingerprint="f2", instance="b"))) == (1, 0, 1, 0)
    assert told(post(office, alert("resolved", "2026-01-05T08:55:00Z", fingerprint="other"))) == (0, 0, 1, 0)
    with office.database.read() as session:
        changes = session.scalars(select(AlarmChangeRow.change).order_by(AlarmChangeRow.id)).all()
    assert changes == ["raised", "raised"]


def test_what_changes_or_comes_again_is_told(office):
    post(office, alert(severity="warning"))
    assert told(post(office, alert())) == (1, 0, 0, 0)
    post(office, alert("resolved", "2026-01-05T08:55:00Z"))
    assert told(post(office, alert(starts="2026-01-05T08:58:00Z"))) == (1, 0, 0, 0)
    (alarm,) = office.get(ALARMS).json()
    assert (alarm["count"], alarm["cleared_at"], alarm["raised_at"]) == (3, None, "2026-01-05T08:58:00Z")


@pytest.mark.parametrize(
    ("labels", "place"),
    [
        ({"element": "pe1"}, ("pe1", "")),
        ({"element": "pe1", "port": "ge-0/0/1"}, ("pe1", "ge-0/0/1")),
        ({"element": "pe1/ge-0/0/1"}, ("pe1", "ge-0/0/1")),
        ({"element": "ups-3", "port": "2"}, ("ups-3/2", "")),
        ({"instance": ""}, ("DiskFull", "")),
    ],
)
def test_an_alert_is_about_the_element_that_it_names(office, labels, place):
    post(office, alert(**labels))
    (alarm,) = office.get(ALARMS).json()
    assert (alarm["element"], alarm["object"]) == place


def test_fabds_own_alerts_and_nameless_ones_are_ignored(office):
    assert told(post(office, alert(source="fabd"), alert(alertname=""))) == (0, 0, 0, 2)
    assert office.get(ALARMS).json() == []


def test_an_alert_that_is_called_as_a_failure_is_none(office):
    """Failures of ports and elements are found by reading them: no service is down for somebody's word."""
    post(office, alert(alertname="linkDown", element="pe1", port="ge-0/0/1"))
    (alarm,) = office.get(ALARMS).json()
    assert (alarm["cause"], alarm["standing"]) == ("linkDown (alert)", "root")


def test_lesser_roles_may_not(office):
    assert post(office, alert(), role=Role.VIEWER).status_code == 403
    assert post(office, alert(), role=None).status_code == 401


def without(name):
    return {key: value for key, value in alert().items() if key != name}


@pytest.mark.parametrize(
    "bad",
    [
        {"version": "3"},
        {"alerts": "none"},
        {"alerts": [{}]},
        {"alerts": [alert(status="pending")]},
        {"alerts": [alert(starts="yesterday")]},
        {"alerts": [alert(starts="2026-01-05T08:50:00")]},
        {"alerts": [alert(starts="0001-01-01T00:00:00+23:59")]},
        {"alerts": [alert("resolved", "9999-12-31T23:59:59-12:00")]},
        {"alerts": [alert() | {"labels": {"alertname": 7}}]},
        {"alerts": [alert() | {"labels": None}]},
        {"alerts": [alert() | {"annotations": {"summary": "x" * 10_000}}]},
        {"alerts": [alert() | {"labels": {f"l{number}": "" for number in range(200)}}]},
        {"alerts": [without("fingerprint")]},
        {"alerts": [alert(fingerprint="")]},
        {"alerts": [alert(instance="\u0000")]},
        {"alerts": [alert()] * 1001},
    ],
    ids=lambda bad: json.dumps(bad)[:60],
)
def test_what_alertmanager_would_not_say_is_refused_and_nothing_is_kept(office, bad):
    assert post(office, **bad).status_code == 400
    assert office.get(ALARMS).json() == []


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_instants_at_the_ends_of_time_do_no_harm(office, instant):
    assert told(post(office, alert(starts=instant))) == (1, 0, 0, 0)
    assert told(post(office, alert("resolved", instant, starts=instant))) == (0, 1, 0, 0)
    (alarm,) = office.get(ALARMS).json()
    assert alarm["cleared_at"] is not None
