"""`fabd config`: what is set, and what can be."""

from typing import Any

import typer
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from agent.catalog import load_catalog
from agent.cli.checks import mistakes, of_catalog
from agent.cli.command import local
from agent.cli.desk import Desk
from agent.cli.options import AsJson
from agent.cli.output import print_json, say
from agent.cli.reference import settings_reference
from agent.config import Settings, read_sources
from agent.errors import ConfigurationError

app = typer.Typer(no_args_is_help=True, help="Settings: check them, show them, and what can be set.")


@app.command()
@local
def check(desk: Desk) -> None:
    """Read every setting and what the settings name; each mistake is a line with its file, key and remedy."""
    settings, sources = desk.settings, read_sources(desk.config)
    found = [f"{sources.where(place)}: {told}" for place, told in mistakes(settings)]
    if found := [*found, *of_catalog(settings)]:
        raise ConfigurationError(found)
    catalog = load_catalog(settings.catalog)
    what = f"{len(catalog.specifications)} specifications, {len(catalog.slas)} SLAs, {len(catalog.tariffs)} tariffs"
    say(f"{sources.file or 'the settings (there is no fabd.toml here)'}: sound; {what}")


@app.command()
@local
def show(desk: Desk, as_json: AsJson = False) -> None:
    """Every setting as it is in force, defaults included, as TOML. Passwords are left out."""
    document = desk.settings.model_dump(mode="json")
    document["database"]["url"] = _without_password(desk.settings)
    if as_json:
        print_json(document)
    else:
        typer.echo("\n".join(_toml(document)))


@app.command()
@local
def reference(_desk: Desk) -> None:
    """Print docs/configuration.md: every setting with type, default, environment variable and meaning."""
    typer.echo(settings_reference(), nl=False)


def _without_password(settings: Settings) -> str:
    try:
        return make_url(settings.database_url).render_as_string(hide_password=True)
    except ArgumentError:
        return "•••"


def _toml(document: dict[str, Any], prefix: str = "") -> list[str]:
    """As dotted keys, which TOML reads like tables; what is not set is a comment."""
    lines = []
    for key, value in document.items():
        if isinstance(value, dict):
            lines += _toml(value, f"{prefix}{key}.")
        elif value is None:
            lines.append(f"# {prefix}{key} is not set")
        else:
            lines.append(f"{prefix}{key} = {_toml_value(value)}")
    return lines


def _toml_value(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case list():
            return f"[{', '.join(_toml_value(each) for each in value)}]"
        case dict():
            return "{ " + ", ".join(f"{key} = {_toml_value(each)}" for key, each in value.items()) + " }"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text) + '"'
