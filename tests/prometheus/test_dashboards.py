"""Each query of each panel, asked of a Prometheus that has scraped the demonstration."""

import json

import pytest

from deploy.grafana.definition import definitions

DASHBOARDS = {each.name: each for each in definitions()}
PANELS = [
    pytest.param(panel, query, id=f"{name}: {panel.title}, {query.legend}")
    for name, dashboard in DASHBOARDS.items()
    for panel in dashboard.shown()
    for query in panel.queries
]


def chosen(scene, expr: str) -> str:
    """As Grafana asks, once somebody has chosen a service and an element."""
    return expr.replace("$service_id", scene.story.services["branch"]).replace("$element", "pe1")


@pytest.mark.parametrize(("panel", "query"), PANELS)
def test_a_panel_shows_something(scene, panel, query):
    found = scene.prometheus.query(chosen(scene, query.expr))
    assert "$" not in chosen(scene, query.expr)
    assert found or panel.quiet


@pytest.mark.parametrize("dashboard", [each for each in DASHBOARDS.values() if each.choices], ids=lambda each: each.name)
def test_there_is_something_to_choose(scene, dashboard):
    for choice in dashboard.choices:
        function, _, rest = choice.query.partition("(")
        metric, _, label = rest.removesuffix(")").partition(", ")
        series = scene.prometheus.query(metric)
        assert function in {"query_result", "label_values"}
        assert series, choice
        assert all(label in each["metric"] for each in series if label)
        assert {choice.name} <= set(json.loads(json.dumps(series[0]["metric"])))
