"""Alarms of fabd as alerts of a real Alertmanager, and its alerts as alarms of fabd."""

from datetime import UTC, datetime, timedelta

import pytest

from drivers.sim.network import SimNetwork
from tests.prometheus.programs import eventually

SPARE = "p1-p2-spare"
"""A link that nothing runs over."""


@pytest.fixture
def cut(scene):
    scene.stage.sim.call(SimNetwork.cut, SPARE)
    yield
    scene.stage.sim.call(SimNetwork.restore, SPARE)
    eventually(lambda: not scene.stage.get("/api/v1/alarms", cleared="false", cause="linkDown"), "the link to be well again")


def alarms(scene, **filters):
    return scene.stage.get("/api/v1/alarms", **filters)


@pytest.mark.usefixtures("cut")
def test_an_alarm_is_an_alert_while_it_stands(scene):
    (alert, *_) = eventually(lambda: scene.alertmanager.alerts(alertname="linkDown", source="fabd"), "an alert of the link")
    labels = alert["labels"]
    (alarm,) = alarms(scene, id=labels["alarm_id"])
    assert (labels["element"], labels["port"], labels["severity"]) == (alarm["element"], alarm["object"], alarm["severity"])
    assert labels["team"] == "noc"
    assert labels["instance"] == scene.stage.url.removeprefix("http://")
    assert alert["annotations"]["summary"] == alarm["text"]
    assert alert["generatorURL"] == f"{scene.stage.url}/api/v1/alarms/{alarm['id']}"
    scene.stage.sim.call(SimNetwork.restore, SPARE)
    eventually(lambda: not scene.alertmanager.alerts(alertname="linkDown"), "the alert to end")


@pytest.mark.usefixtures("cut")
def test_fabds_own_alerts_that_come_back_are_no_alarms(scene):
    eventually(lambda: scene.alertmanager.alerts(alertname="linkDown", source="fabd"), "an alert of the link")
    came_back = 'fabd_http_requests_total{route="/api/v1/alertmanager", status="200"}'
    eventually(lambda: scene.prometheus.query(came_back), "Alertmanager to tell fabd of it")
    assert not [each for each in alarms(scene) if each["source"] == "alertmanager" and each["cause"].startswith("linkDown")]


def test_an_alert_of_another_system_is_an_alarm_and_ends_with_it(scene):
    begun = datetime.now(UTC) - timedelta(minutes=3)
    about = {"alertname": "FanFailed", "severity": "page", "element": "pe1", "port": "ge-0/0/2"}
    alert = {"labels": about, "annotations": {"summary": "A fan of pe1 stands still"}, "startsAt": begun.isoformat()}
    scene.alertmanager.take(alert)
    (alarm,) = eventually(lambda: alarms(scene, cause="FanFailed", cleared="false"), "the alarm")
    assert (alarm["element"], alarm["object"], alarm["severity"]) == ("pe1", "ge-0/0/2", "critical")
    assert (alarm["text"], alarm["source"]) == ("A fan of pe1 stands still", "alertmanager")
    assert abs(datetime.fromisoformat(alarm["raised_at"]) - begun) < timedelta(seconds=1)
    assert not scene.alertmanager.alerts(source="fabd", alertname="FanFailed")
    scene.alertmanager.take(alert | {"endsAt": datetime.now(UTC).isoformat()})
    eventually(lambda: not alarms(scene, cause="FanFailed", cleared="false"), "the alarm to clear")
    (alarm,) = alarms(scene, cause="FanFailed")
    assert alarm["count"] == 1


def test_what_fabd_tells_is_seen_in_its_metrics(scene):
    failed = "fabd_alertmanager_failures_total"
    sent = eventually(lambda: scene.prometheus.query("fabd_alertmanager_alerts_sent_total > 0"), "alerts to be counted")
    assert {each["metric"]["url"] for each in sent} == {scene.alertmanager.url}
    assert len(scene.prometheus.shown(failed)) == 1
