"""`fabd config`: what is set, and what can be."""

from pathlib import Path
from typing import Any

import typer
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from agent.catalog import load_catalog
from agent.cli.command import local
from agent.cli.desk import Desk
from agent.cli.options import AsJson
from agent.cli.output import print_json, say
from agent.cli.reference import settings_reference
from agent.config import DEFAULT_FILE, Settings
from agent.errors import ConfigurationError, CredentialsExposed
from agent.security.credentials import OTHERS
from inventory.db import Database
from inventory.errors import DatabaseDriverMissing

app = typer.Typer(no_args_is_help=True, help="Settings: check them, show them, and what can be set.")


@app.command()
@local
def check(desk: Desk) -> None:
    """Read every setting and what the settings name; each mistake is a line with its file, key and remedy."""
    settings = desk.settings
    mistakes = [*_database_mistakes(settings), *_file_mistakes(settings)]
    if mistakes:
        raise ConfigurationError(mistakes)
    catalog = load_catalog(settings.catalog)
    for name in desk.platforms.names():
        desk.platforms.load(name)
    source = desk.config or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    what = f"{len(catalog.specifications)} specifications, {len(catalog.slas)} SLAs, {len(catalog.tariffs)} tariffs"
    say(f"{source or 'the settings (there is no fabd.toml here)'}: sound; {what}")


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


def _database_mistakes(settings: Settings) -> list[str]:
    try:
        kind = make_url(settings.database_url).get_backend_name()
    except ArgumentError:
        return ["database.url: not a database URL; write postgresql+psycopg://user@host/name, or leave it out for SQLite"]
    if kind not in {"sqlite", "postgresql"}:
        return [f"database.url: {kind} is not supported; use postgresql+psycopg://user@host/name, or leave it out for SQLite"]
    try:
        Database(settings.database_url).close()
    except DatabaseDriverMissing as error:
        return [f"database.url: {error}"]
    return []


def _file_mistakes(settings: Settings) -> list[str]:
    named = {
        "api.tls_certificate": settings.api.tls_certificate,
        "api.tls_key": settings.api.tls_key,
        "credentials.file": settings.credentials.file,
    }
    mistakes = [
        f"{key}: {path} is not a readable file; create it or correct the path"
        for key, path in named.items()
        if path and not _is_file(path)
    ]
    for path in (settings.credentials_file, settings.api.tls_key):
        if path and _is_file(path) and path.stat().st_mode & OTHERS:
            raise CredentialsExposed(f"{path} can be read by others than its owner; run: chmod 600 {path}")
    return mistakes


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


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
