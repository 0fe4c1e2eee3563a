"""The shipped rules and dashboards speak of numbers that fabd exports; `tests/prometheus` asks the real programs what comes out."""

import json
import re
from pathlib import Path

import pytest
import yaml

from agent.assurance.collection.tracks import METRICS, Tracks
from agent.assurance.figures import Figures, collector_families, daemon_families, element_families
from agent.assurance.history.poolwatch import PoolWatch
from agent.config import AlertmanagerSettings, RemoteWriteSettings
from agent.gauges import stored
from agent.metrics import Family
from agent.prometheus.alerting import Alerting
from agent.prometheus.remote.service import RemoteWrite
from agent.prometheus.services import of_services
from deploy.grafana.__main__ import FOLDER, texts
from deploy.grafana.definition import definitions
from deploy.grafana.writing import SOURCE
from drivers.port import Credential
from drivers.snmp.traps import TrapStats
from tests.agent.assurance.world import FakeNetwork, World
from tests.crm_bridge.book import Book

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
METRIC = re.compile(r"(?<![:\w])fabd_\w+(?![:\w])")
RECORDED = re.compile(r"(?:port|element|instance):fabd_[a-z_]+:[a-z0-9_]+")
OF_THE_REGISTRY = {"fabd_build_info", "fabd_http_requests_total", "fabd_http_request_duration_seconds_bucket"}
GRID = 24


@pytest.fixture
def exported(database, clock):
    lines = "".join(Tracks().lines(0.0))
    found = [
        *daemon_families(Figures(traps=TrapStats())),
        *collector_families({}),
        *(each for each in element_families(Figures()) if isinstance(each, Family)),
        *stored(database, clock)(),
        *PoolWatch(database, clock).families(),
        *of_services(database, clock, Book())(),
        *RemoteWrite(RemoteWriteSettings(), clock, Credential, lambda: Tracks().shown, 60.0).families(),
        *Alerting(AlertmanagerSettings(), database, clock, Credential).families(),
        *World(database, clock, FakeNetwork(clock)).service.hearing.families(),
    ]
    ports = {name for _, name, _ in METRICS} | set(re.findall(r"# TYPE (\w+)", lines))
    return {each.name for each in found} | ports | OF_THE_REGISTRY


def rules():
    return [
        rule for file in RULES for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]
    ]


def recorded():
    return {rule["record"] for rule in rules() if "record" in rule}


def named(expr):
    return set(METRIC.findall(RECORDED.sub("", expr))) | set(RECORDED.findall(expr))


def test_every_rule_stands_on_what_is_exported_or_recorded(exported):
    for rule in rules():
        assert named(rule["expr"]) or rule["expr"].startswith("up{"), rule
        assert named(rule["expr"]) <= exported | recorded(), rule


def test_recorded_series_are_called_level_metric_operations():
    for name in recorded():
        assert RECORDED.fullmatch(name), name


def test_every_alert_waits_has_a_severity_and_says_what_to_do():
    for rule in rules():
        if "alert" in rule:
            assert rule["for"], rule
            assert rule["labels"]["severity"] in {"critical", "warning"}, rule
            assert rule["annotations"].keys() == {"summary", "description"}, rule


def test_every_panel_stands_on_what_is_exported_or_recorded(exported):
    for dashboard in definitions():
        for panel in dashboard.shown():
            for query in panel.queries:
                assert named(query.expr) or query.expr.startswith("up{"), (dashboard.name, panel.title)
                assert named(query.expr) <= exported | recorded(), (dashboard.name, panel.title)
        for choice in dashboard.choices:
            assert named(choice.query) <= exported, choice


def test_the_dashboards_are_what_their_definitions_say():
    assert {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.json")} == texts(), "run: make docs"


@pytest.mark.parametrize("name", sorted(texts()))
def test_a_dashboard_finds_its_data_and_no_panel_covers_another(name):
    dashboard = json.loads(texts()[name])
    provisioned = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/fabd.yml").read_text(encoding="utf-8"))
    assert [each["uid"] for each in provisioned["datasources"]] == [SOURCE["uid"]]
    sources = re.findall(r'"uid": "([^"]+)"', json.dumps(dashboard["panels"]) + json.dumps(dashboard["templating"]))
    assert set(sources) == {SOURCE["uid"]}
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not taken & cells, panel["title"]
        assert place["x"] + place["w"] <= GRID
        taken |= cells
    assert json.loads(json.dumps(dashboard))["uid"].startswith("fabd-")


def test_dashboards_are_told_apart():
    assert len({json.loads(text)["uid"] for text in texts().values()}) == len(texts())
