"""Dashboards as Grafana (10 and later) reads them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deploy.grafana.definition import Choice, Dashboard, Kind, Panel, Row

Json = dict[str, Any]

SOURCE = {"type": "prometheus", "uid": "fabd-prometheus"}
"""The uid is fixed, and that of `provisioning/datasources`: a dashboard finds its data in whatever Grafana it is loaded into."""
COLUMNS = 24
"""Of Grafana's grid."""
SCHEMA = 39


def document(dashboard: Dashboard) -> Json:
    return {
        "uid": f"fabd-{dashboard.name}",
        "title": dashboard.title,
        "description": dashboard.about,
        "tags": ["fabd"],
        "timezone": "browser",
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "links": [_LINK],
        "templating": {"list": [_choice(each) for each in dashboard.choices]},
        "annotations": {"list": []},
        "panels": list(_placed(dashboard.panels)),
    }


_LINK = {
    "type": "dashboards",
    "tags": ["fabd"],
    "asDropdown": True,
    "title": "fabd",
    "icon": "external link",
    "includeVars": False,
    "keepTime": True,
    "targetBlank": False,
}


def _placed(panels: Sequence[Panel | Row]) -> Iterator[Json]:
    """From left to right, a new line where the next one does not fit."""
    x = y = tallest = 0
    for number, panel in enumerate(panels, start=1):
        width, height = (COLUMNS, 1) if isinstance(panel, Row) else (panel.width, panel.height)
        if x + width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        place = {"x": x, "y": y, "w": width, "h": height}
        x, tallest = x + width, max(tallest, height)
        yield {"id": number, "gridPos": place} | (_row(panel) if isinstance(panel, Row) else _panel(panel))


def _row(row: Row) -> Json:
    return {"title": row.row, "type": "row", "collapsed": False, "panels": []}


def _panel(panel: Panel) -> Json:
    now = panel.kind in {"stat", "table", "bargauge"}
    targets = [
        {
            "refId": chr(ord("A") + number),
            "datasource": SOURCE,
            "expr": query.expr,
            "legendFormat": query.legend,
            "instant": now,
            "range": not now,
            "format": "table" if panel.kind == "table" else "time_series",
        }
        for number, query in enumerate(panel.queries)
    ]
    return {
        "title": panel.title,
        "type": panel.kind,
        "description": panel.about,
        "datasource": SOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _OPTIONS[panel.kind],
        **({"transformations": _TABLE} if panel.kind == "table" else {}),
    }


def _defaults(panel: Panel) -> Json:
    steps = [{"color": "green", "value": None}, *({"color": colour, "value": bound} for bound, colour in panel.steps.items())]
    words = {str(value): {"text": word, "color": colour, "index": value} for value, (word, colour) in panel.words.items()}
    found: Json = {
        "unit": panel.unit,
        "mappings": [{"type": "value", "options": words}] if words else [],
        "thresholds": {"mode": "absolute", "steps": steps},
        "color": {"mode": "thresholds" if panel.steps or panel.kind == "stat" else "palette-classic"},
    }
    if panel.kind == "timeseries":
        found |= {"min": 0, "custom": {"lineWidth": 1, "fillOpacity": 10, "showPoints": "never", "spanNulls": False}}
    if panel.kind == "table":
        found["custom"] = {"align": "auto", "filterable": True}
    return found | ({} if panel.most is None else {"max": panel.most})


_LEGEND = {"displayMode": "table", "placement": "right", "showLegend": True, "calcs": ["lastNotNull", "max"]}
_REDUCED = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_OPTIONS: Mapping[Kind, Json] = {
    "stat": {"reduceOptions": _REDUCED, "colorMode": "background", "graphMode": "none", "textMode": "auto"},
    "timeseries": {"legend": _LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}},
    "table": {"showHeader": True, "cellHeight": "sm"},
    "bargauge": {"reduceOptions": _REDUCED, "displayMode": "basic", "orientation": "horizontal"},
    "state-timeline": {"showValue": "never", "mergeValues": True, "legend": {"showLegend": False}},
}
_HIDDEN = ("Time", "__name__", "instance", "job", "shard", "customer_id")
_TABLE = [{"id": "organize", "options": {"excludeByName": dict.fromkeys(_HIDDEN, True)}}]


def _choice(choice: Choice) -> Json:
    return {
        "name": choice.name,
        "label": choice.label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": choice.query, "refId": choice.name},
        "definition": choice.query,
        "regex": choice.regex,
        "refresh": 2,
        "sort": 1,
        "multi": False,
        "includeAll": False,
    }
