"""`fabd audit`: who changed what."""

from typing import Annotated

import typer

from agent.cli.client import Daemon, Document
from agent.cli.command import remote
from agent.cli.options import AsJson, Limit
from agent.cli.resources import ROOT, filters, print_list
from agent.cli.words import when

app = typer.Typer(no_args_is_help=True, help="The audit trail: who changed what, when, from where.")


@app.command("list")
@remote
def list_(
    daemon: Daemon,
    *,
    actor: Annotated[str | None, typer.Option(metavar="NAME", help="Token's name, cli:USER or daemon.")] = None,
    about: Annotated[str | None, typer.Option("--about", metavar="OBJECT", help='E.g. "element pe1".')] = None,
    action: Annotated[str | None, typer.Option(metavar="ACTION", help="E.g. place, import, revoke.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Changes, the latest first; with --json each with before and after. Needs the role admin."""
    wanted = filters(actor=actor, object=about, action=action)
    print_list(daemon, f"{ROOT}/audit", wanted, _listed, limit=limit, as_json=as_json, empty="there are no such changes")


def _listed(change: Document) -> dict[str, object]:
    return {
        "at": when(change["at"]),
        "who": change["actor"],
        "role": change["role"],
        "from": change["source"],
        "action": change["action"],
        "object": change["object"],
        "correlation id": change["correlation_id"],
    }
