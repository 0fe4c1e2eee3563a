"""The shipped rules for Prometheus speak of numbers that fabd exports. Their arithmetic is tested by promtool (`.ci/run`)."""

import re
from pathlib import Path

import pytest
import yaml

from agent.assurance.collection.tracks import METRICS
from agent.assurance.figures import Figures, daemon_families
from agent.assurance.history.poolwatch import PoolWatch
from agent.gauges import stored

RULES = sorted((Path(__file__).parents[2] / "deploy" / "prometheus" / "rules").glob("*.yml"))
METRIC = re.compile(r"(?<![:\w])fabd_\w+(?![:\w])")
RECORDED = re.compile(r"(?:port|element|instance):fabd_[a-z_]+:[a-z0-9_]+")
HTTP = {"fabd_http_requests_total"}


@pytest.fixture
def exported(database, clock):
    found = [*daemon_families(Figures()), *stored(database, clock)(), *PoolWatch(database, clock).families()]
    return {each.name for each in found} | {name for _, name, _ in METRICS} | HTTP


def rules():
    return [
        rule for file in RULES for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]
    ]


def test_every_rule_stands_on_what_is_exported_or_recorded(exported):
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for rule in rules():
        named = set(METRIC.findall(RECORDED.sub("", rule["expr"]))) | set(RECORDED.findall(rule["expr"]))
        assert named or rule["expr"].startswith("up{"), rule
        assert named <= exported | recorded, rule


def test_recorded_series_are_called_level_metric_operations():
    for rule in rules():
        if "record" in rule:
            assert RECORDED.fullmatch(rule["record"]), rule["record"]


def test_every_alert_waits_has_a_severity_and_says_what_to_do():
    for rule in rules():
        if "alert" in rule:
            assert rule["for"], rule
            assert rule["labels"]["severity"] in {"critical", "warning"}, rule
            assert rule["annotations"].keys() == {"summary", "description"}, rule
