"""Each query of each panel, asked of a Prometheus that has scraped the demonstration."""

import json

import pytest

from agent.demo.steps import CUT
from deploy.grafana.definition import definitions
from drivers.sim.network import SimNetwork
from tests.prometheus.programs import eventually

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
    expr = chosen(scene, query.expr)
    assert "$" not in expr
    assert scene.prometheus.query(expr) or panel.quiet or scene.prometheus.shown(expr)


@pytest.mark.parametrize("dashboard", [each for each in DASHBOARDS.values() if each.choices], ids=lambda each: each.name)
def test_there_is_something_to_choose(scene, dashboard):
    for choice in dashboard.choices:
        function, _, rest = choice.query.partition("(")
        metric, _, label = rest.removesuffix(")").partition(", ")
        series = scene.prometheus.shown(metric)
        assert function in {"query_result", "label_values"}
        assert all(label in each["metric"] for each in series if label)
        assert {choice.name} <= set(json.loads(json.dumps(series[0]["metric"])))


@pytest.fixture
def outage(scene):
    scene.stage.sim.call(SimNetwork.cut, CUT)
    yield
    scene.stage.sim.call(SimNetwork.restore, CUT)
    failures = {"cause": "linkDown,elementUnreachable", "cleared": "false"}
    eventually(lambda: not scene.stage.get("/api/v1/alarms", **failures), "the link to be well again")


@pytest.mark.usefixtures("outage")
def test_an_outage_is_seen_on_the_overview(scene):
    panels = {panel.title: panel.queries[0].expr for panel in DASHBOARDS["noc"].shown()}
    down = eventually(lambda: scene.prometheus.query(panels["Services that are down"]), "services to be down")
    assert {each["metric"]["customer"] for each in down} <= {"Acme Industries", "Bolt Logistics"}
    assert all(each["metric"]["name"] and each["value"][1] == "1" for each in down)
    for title in ("Alarms", "Problems", "Services down"):
        eventually(lambda expr=panels[title]: scene.prometheus.query(f"{expr} > 0"), title)
    state = DASHBOARDS["service"].panels[0]
    eventually(lambda: scene.prometheus.query(f"{chosen(scene, state.queries[0].expr)} == 0"), "the service to be down")
