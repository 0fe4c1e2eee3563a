"""`fabd spec`: what can be ordered."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.catalog import load_catalog
from agent.cli.command import local
from agent.cli.desk import Desk
from agent.cli.errors import FileUnusable
from agent.cli.files import read_object
from agent.cli.options import AsJson, argument
from agent.cli.output import print_json, print_rows, say, show_facts, show_rows, show_text
from agent.cli.preview import Sketch, sketch
from policies.specification import Specification, parse

app = typer.Typer(no_args_is_help=True, help="Service specifications: list and show them, check and render your own.")

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
            "monitors": [f"{monitor.kind} of {' and '.join(monitor.of)} ports" for monitor in spec.monitors],
            "SLA": spec.sla,
            "tariff": spec.tariff,
        },
    )
    show_rows(_characteristics(spec), empty="no characteristics")
    show_rows(_resources(spec), empty="takes nothing from pools")


@app.command()
@local
def check(
    desk: Desk,
    folder: Annotated[Path, argument("FOLDER", "The folder with spec.yaml and templates.")],
) -> None:
    """Check a specification of your own; every mistake is named with file, line and path."""
    spec = parse(_texts(folder), folder=folder.name)
    known = desk.platforms.names()
    unknown = [name for name in _template_platforms(spec) if name not in known]
    realisable = [name for name in _template_platforms(spec) if name in known]
    say(f"{spec.name} {spec.version} is sound; it can be realised on {', '.join(realisable) or 'no installed platform'}")
    if unknown:
        say(f"templates for platforms that are not installed here: {', '.join(unknown)}")


@app.command()
@local
def render(
    desk: Desk,
    name: Annotated[str, argument("NAME|FOLDER", "A specification, or the folder of your own.")],
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", metavar="FILE", help="Characteristics as a JSON or YAML object; - is standard input."),
    ] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One characteristic; JSON values are read as such.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what an order with these characteristics would put on which element, from the inventory as it is.

    Values are taken from the pools as for an order, and given back: nothing is kept and no element is asked.
    """
    spec = _specification(desk, name)
    characteristics = {**(read_object(file) if file else {}), **dict(_assigned(text) for text in values or ())}
    with desk.reading() as session:
        drawn = sketch(session, spec, characteristics, desk.clock.now(), desk.platforms)
    if as_json:
        print_json(drawn.to_document())
    else:
        _show_sketch(drawn)


def _show_sketch(drawn: Sketch) -> None:
    show_facts(drawn.name, drawn.values)
    for element, text in drawn.texts.items():
        show_text(f"\n{element}", text)


def _specification(desk: Desk, name: str) -> Specification:
    if "/" in name or name in {".", ".."}:
        folder = Path(name)
        return parse(_texts(folder), folder=folder.name)
    return load_catalog(desk.settings.catalog).specification(name)


def _texts(folder: Path) -> dict[str, str]:
    try:
        return {entry.name: entry.read_text(encoding="utf-8") for entry in sorted(folder.iterdir()) if entry.is_file()}
    except NotADirectoryError:
        raise FileUnusable(f"{folder} is no folder; give the folder that holds spec.yaml") from None
    except OSError as error:
        raise FileUnusable(f"{folder} cannot be read: {error.strerror}; give the folder that holds spec.yaml") from error
    except UnicodeDecodeError as error:
        raise FileUnusable(f"{folder} holds a file that is not UTF-8 ({error}); convert it or take it away") from None


def _assigned(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise typer.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--set")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def _template_platforms(spec: Specification) -> list[str]:
    return sorted({file.rsplit(".", 2)[0] for file in spec.templates})


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
