"""`fabd usage`: what was counted."""

from typing import Annotated

import typer

from agent.api.tmf.paths import USAGE
from agent.cli.client import Daemon, Document, segment
from agent.cli.command import remote
from agent.cli.options import AsJson, Limit, argument
from agent.cli.output import print_json, say
from agent.cli.resources import ROOT, filters, print_list
from agent.cli.words import Octets, when
from crm_bridge.usagestates import UsageStatus

app = typer.Typer(no_args_is_help=True, help="Usage records: octets per service and bin of time.")


@app.command("list")
@remote
def list_(
    daemon: Daemon,
    *,
    service: Annotated[str | None, typer.Option(metavar="SERVICE", help="Only of this service.")] = None,
    customer: Annotated[str | None, typer.Option(metavar="ACCOUNT", help="Only of this customer.")] = None,
    status: Annotated[UsageStatus | None, typer.Option(help="Only of this status.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Usage records, the latest first."""
    wanted = filters(service__id=service, relatedParty__id=customer, status=status) | {"sort": "-usageDate"}
    empty = "there are no such usage records"
    print_list(daemon, f"{USAGE}/usage", wanted, _listed, limit=limit, as_json=as_json, empty=empty)


@app.command()
@remote
def recycle(
    daemon: Daemon,
    usage: Annotated[str, argument("USAGE", "Id of a rejected usage record.")],
    *,
    service: Annotated[str | None, typer.Option(metavar="SERVICE", help="Whose usage it is; else as it was.")] = None,
    as_json: AsJson = False,
) -> None:
    """Try rejected usage again: what is guided goes on the customer's next bill, however old it is. Role: provisioner.

    Exit code 1 when it is rejected once more.
    """
    done = daemon.post(f"{ROOT}/usage/{segment(usage)}/recycle", {} if service is None else {"service": service})
    if as_json:
        print_json(done)
    else:
        say(f"{usage} is {done['status']}" + (f": {done['status_reason']}" if done["status_reason"] else ""))
    raise typer.Exit(done["status"] == "rejected")


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
        "because": usage.get("statusReason"),
    }
