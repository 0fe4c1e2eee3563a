"""`fabd spec`: what can be ordered."""

from typing import Annotated, Any

import typer

from agent.catalog import load_catalog
from agent.cli.author import check, new, render
from agent.cli.command import local
from agent.cli.desk import Desk
from agent.cli.options import AsJson, argument
from agent.cli.output import print_json, print_rows, show_facts, show_rows
from policies.specification import ProbeMonitor, ServiceTest, Specification

app = typer.Typer(no_args_is_help=True, help="Service specifications: list and show them; make, check and render your own.")

for command in (new, check, render):
    app.command()(command)

_NAME = Annotated[str, argument("NAME", "Name of the specification.")]


@app.command("list")
@local
def list_specifications(desk: Desk, as_json: AsJson = False) -> None:
    """Every specification that can be ordered."""
    catalog = load_catalog(desk.settings.catalog)
    rows = [
        {
            "name": spec.name,
            "version": spec.version,
            "title": spec.title,
            "platforms": [name for name in desk.platforms.names() if spec.template(name)],
            "sla": spec.sla,
            "tariff": spec.tariff,
        }
        for spec in sorted(catalog.specifications.values(), key=lambda spec: spec.name)
    ]
    print_rows(rows, as_json=as_json, empty="there are no specifications")


@app.command("show")
@local
def show_(desk: Desk, name: _NAME, as_json: AsJson = False) -> None:
    """One specification: its characteristics, what it takes, and where it can be realised."""
    spec = load_catalog(desk.settings.catalog).specification(name)
    if as_json:
        print_json(spec.model_dump(mode="json"))
        return
    show_facts(
        f"{spec.name} {spec.version}: {spec.title}",
        {
            "": spec.description.strip(),
            "platforms": [platform for platform in desk.platforms.names() if spec.template(platform)],
            "monitors": [f"{monitor.kind} of {' and '.join(monitor.of)} ports" for monitor in spec.watched],
            "measured": [_measured(probe) for probe in spec.probes],
            "tests": [_told(test) for test in spec.tests],
            "samples": list(spec.samples),
            "SLA": spec.sla,
            "tariff": spec.tariff,
        },
    )
    show_rows(_characteristics(spec), empty="no characteristics")
    show_rows(_resources(spec), empty="takes nothing from pools")


def _measured(probe: ProbeMonitor) -> str:
    port = f" port {probe.port}" if probe.kind == "stamp" else ""
    each = "" if probe.per == "service" else f" of each {probe.per}"
    condition = "" if probe.when == "true" else f" when {probe.when}"
    tried = f", {probe.acceptance.packets} packets before it is delivered" if probe.acceptance else ""
    return f"{probe.kind} {probe.target}{port}{each}, a packet each {probe.every_s:g} s{condition}{tried}"


def _characteristics(spec: Specification) -> list[dict[str, object]]:
    required = spec.characteristics.get("required", [])
    return [
        {
            "characteristic": name,
            "type": schema.get("type", "any"),
            "limits": _limits(schema),
            "needed": "yes" if name in required else "",
            "meaning": schema.get("description", ""),
        }
        for name, schema in spec.characteristics.get("properties", {}).items()
    ]


def _limits(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None or high is not None:
        return f"{'' if low is None else low} .. {'' if high is None else high}"
    return f"up to {schema['maxLength']} characters" if "maxLength" in schema else ""


def _resources(spec: Specification) -> list[dict[str, object]]:
    return [
        {"takes": rule.role, "from pool": rule.pool, "per": rule.per, "when": "always" if rule.when == "true" else rule.when}
        for rule in spec.resources
    ]


def _told(test: ServiceTest) -> str:
    where = "" if test.of == "element" else f" of {test.of} ports"
    return f"{test.kind}{where}{'' if test.when == 'true' else f' when {test.when}'}"
