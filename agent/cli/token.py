"""`fabd token`: who may use the API."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from agent.cli.client import save_token
from agent.cli.command import local
from agent.cli.desk import Desk
from agent.cli.options import AsJson, argument
from agent.cli.output import note, print_rows, say
from agent.cli.words import when
from agent.security import tokens
from agent.security.audit import record
from agent.security.roles import Role
from agent.security.tables import TokenRow

app = typer.Typer(no_args_is_help=True, help="Tokens of the API: make, list and revoke them.")

_NAME = Annotated[str, argument("NAME", "Says who or what uses the token.")]


@app.command()
@local
def create(
    desk: Desk,
    name: _NAME,
    role: Annotated[
        Role,
        typer.Option(
            help="viewer reads; operator also approves plans and freezes changes; provisioner also orders; admin manages fabd."
        ),
    ] = Role.VIEWER,
    days: Annotated[
        int | None, typer.Option(min=1, max=3660, help="Valid for so many days; without it until it is revoked.")
    ] = None,
    save: Annotated[bool, typer.Option("--save", help="Keep it in data_dir (mode 0600), where other commands find it.")] = False,
) -> None:
    """Make a token and print it: this once, only its hash is kept."""
    at = desk.clock.now()
    lifetime = timedelta(days=days) if days else None
    with desk.writing() as session:
        secret = tokens.create(session, name, role, at, lifetime=lifetime)
        after = {"role": role.value, "expires": (at + lifetime).isoformat() if lifetime else None}
        record(session, desk.actor, "create", f"token {name}", at, after=after)
    if save:
        note(f"kept in {save_token(desk.settings, secret)}; other commands use it from now on")
    else:
        note("this is shown once; put it in FABD_TOKEN")
        typer.echo(secret)


@app.command("list")
@local
def list_tokens(desk: Desk, as_json: AsJson = False) -> None:
    """Every token: its role, whether it works, when it was last used."""
    with desk.reading() as session:
        rows = tokens.tokens(session)
    now = desk.clock.now()
    listed = [_listed(row, now) for row in rows]
    print_rows(listed, as_json=as_json, empty="there are no tokens; make one with `fabd token create NAME --role provisioner`")


@app.command()
@local
def revoke(desk: Desk, name: _NAME) -> None:
    """End a token; what it is used for stops working at once."""
    at = desk.clock.now()
    with desk.writing() as session:
        before = next((row.revoked_at for row in tokens.tokens(session) if row.name == name), None)
        tokens.revoke(session, name, at)
        if before is None:
            record(session, desk.actor, "revoke", f"token {name}", at, before={"state": "active"}, after={"state": "revoked"})
    say(f"token {name} was revoked {f'already, at {when(before)}' if before else 'and works no more'}")


def _state(row: TokenRow, now: datetime) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= now else "active"


def _listed(row: TokenRow, now: datetime) -> dict[str, object]:
    return {
        "name": row.name,
        "role": row.role,
        "state": _state(row, now),
        "created": row.created_at,
        "expires": row.expires_at,
        "last used": row.last_used_at,
    }
