"""`fabd ticket`: what customers are told of outages."""

from typing import Annotated

import typer

from agent.api.tmf.paths import TROUBLE_TICKET
from agent.cli.client import Daemon, Document, segment
from agent.cli.command import remote
from agent.cli.options import AsJson, Limit, argument
from agent.cli.output import print_json, show_facts, show_rows
from agent.cli.resources import filters, print_list
from agent.cli.words import when
from crm_bridge.ticketstates import TicketStatus

app = typer.Typer(no_args_is_help=True, help="Tickets: one per problem and affected customer.")

TICKETS = f"{TROUBLE_TICKET}/troubleTicket"
_OPEN = "acknowledged,inProgress,held,pending,resolved"


@app.command("list")
@remote
def list_(
    daemon: Daemon,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Closed and cancelled ones, too.")] = False,
    status: Annotated[TicketStatus | None, typer.Option(help="Only of this status.")] = None,
    customer: Annotated[str | None, typer.Option(metavar="ACCOUNT", help="Only of this customer.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Tickets that are not closed, the latest first."""
    wanted = filters(status=status, relatedParty__id=customer) | {"sort": "-creationDate"}
    if not all_ and status is None:
        wanted["status"] = _OPEN
    print_list(daemon, TICKETS, wanted, _listed, limit=limit, as_json=as_json, empty="there are no such tickets")


@app.command("show")
@remote
def show_(daemon: Daemon, ticket: Annotated[str, argument("TICKET", "Id of the ticket.")], as_json: AsJson = False) -> None:
    """One ticket: what is down since when, its history and notes."""
    document = daemon.get(f"{TICKETS}/{segment(ticket)}")
    if as_json:
        print_json(document)
        return
    show_facts(str(document.get("name", "ticket")), _facts(document))
    affected = [each for each in document.get("relatedEntity", []) if each.get("role") == "affectedService"]
    show_rows([_service(each) for each in affected], empty="no service is affected")
    show_rows([_change(each) for each in document.get("statusChange", [])], empty="no history")
    for note in document.get("note", []):
        show_facts(f"{when(note['date'])} {note['author']}", {"": note["text"]})


def _facts(ticket: Document) -> dict[str, object]:
    causes = [str(each["id"]) for each in ticket.get("relatedEntity", []) if each.get("role") == "problem"]
    return {
        "ticket": ticket["id"],
        "status": ticket.get("status"),
        "customer": _customer(ticket),
        "severity": ticket.get("severity"),
        "priority": ticket.get("priority"),
        "problem": causes,
        "opened": when(ticket.get("creationDate")),
        "begin repair by": when(ticket.get("expectedResolutionDate")),
        "resolved": when(ticket.get("resolutionDate")),
        "came back": f"{ticket['repeats']} times" if ticket.get("repeats") else "",
        "description": ticket.get("description"),
    }


def _listed(ticket: Document) -> dict[str, object]:
    return {
        "ticket": ticket["id"],
        "status": ticket.get("status"),
        "priority": ticket.get("priority"),
        "customer": _customer(ticket),
        "name": ticket.get("name"),
        "opened": when(ticket.get("creationDate")),
        "resolved": when(ticket.get("resolutionDate")),
    }


def _customer(ticket: Document) -> str:
    return next((f"{party['id']} {party.get('name', '')}".strip() for party in ticket.get("relatedParty", [])), "")


def _service(entity: Document) -> dict[str, object]:
    return {"service": entity["id"], "down from": when(entity.get("downFrom")), "down to": when(entity.get("downTo"))}


def _change(change: Document) -> dict[str, object]:
    return {"at": when(change["changeDate"]), "status": change["status"], "reason": change.get("changeReason")}
