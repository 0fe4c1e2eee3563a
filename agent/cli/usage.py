"""`fabd usage`: what was counted."""

from typing import Annotated

import typer

from agent.api.tmf.paths import USAGE
from agent.cli.client import Daemon, Document
from agent.cli.command import remote
from agent.cli.options import AsJson, Limit
from agent.cli.resources import filters, print_list
from agent.cli.words import Octets, when

app = typer.Typer(no_args_is_help=True, help="Usage records: octets per service and bin of time.")


@app.command("list")
@remote
def list_(
    daemon: Daemon,
    *,
    service: Annotated[str | None, typer.Option(metavar="SERVICE", help="Only of this service.")] = None,
    customer: Annotated[str | None, typer.Option(metavar="ACCOUNT", help="Only of this customer.")] = None,
    status: Annotated[str | None, typer.Option(metavar="STATUS", help="received, guided, rated, billed or rejected.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Usage records, the latest first."""
    wanted = filters(service__id=service, relatedParty__id=customer, status=status) | {"sort": "-usageDate"}
    empty = "there are no such usage records"
    print_list(daemon, f"{USAGE}/usage", wanted, _listed, limit=limit, as_json=as_json, empty=empty)


def _listed(usage: Document) -> dict[str, object]:
    counted = {each["name"]: each.get("value") for each in usage.get("usageCharacteristic", [])}
    return {
        "usage": usage["id"],
        "service": usage.get("service", {}).get("id"),
        "from": when(counted.get("start")),
        "to": when(counted.get("end")),
        "in": Octets(counted.get("octetsIn") or 0),
        "out": Octets(counted.get("octetsOut") or 0),
        "quality": counted.get("quality"),
        "status": usage.get("status"),
    }
