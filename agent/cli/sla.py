"""`fabd sla`: what was promised, and whether it was kept."""

from typing import Annotated

import typer

from agent.cli.client import Daemon, Document, segment
from agent.cli.command import remote
from agent.cli.facts import flat
from agent.cli.options import AsJson, Limit, argument
from agent.cli.output import print_json, show_facts, show_rows
from agent.cli.resources import ROOT, filters, print_list
from agent.cli.words import when

app = typer.Typer(no_args_is_help=True, help="Service levels: what was promised, how a service fares, what was missed.")

_SHOWN = 20


@app.command("show")
@remote
def show_(daemon: Daemon, service: Annotated[str, argument("SERVICE", "Id of the service.")], as_json: AsJson = False) -> None:
    """How a service fares: up, down or unknown since when, periods that were judged, and credits."""
    health = daemon.get(f"{ROOT}/services/{segment(service)}/health")
    wanted = filters(service_id=service)
    judged = daemon.pages(f"{ROOT}/objectives", wanted, limit=_SHOWN).items
    granted = daemon.pages(f"{ROOT}/credits", wanted, limit=_SHOWN).items
    if as_json:
        print_json({"health": health, "objectives": judged, "credits": granted})
        return
    facts = {
        "service": health["id"],
        "customer": health["customer"],
        "health": health["state"],
        "since": when(health["since"]),
        "because": health["reason"],
    }
    show_facts(str(health["name"]), facts)
    show_rows([_state(each) for each in health["states"][:_SHOWN]], empty="nothing has been measured yet")
    show_rows([_objective(each) for each in judged], empty="no period has been judged yet")
    show_rows([_credit(each) for each in granted], empty="no credit was granted")


@app.command()
@remote
def terms(daemon: Daemon, name: Annotated[str, argument("NAME", "Name of the SLA, as gold.")], as_json: AsJson = False) -> None:
    """What an SLA promises."""
    document = daemon.get(f"{ROOT}/slas/{segment(name)}")
    if as_json:
        print_json(document)
    else:
        show_facts(str(document.get("title") or name), flat(document))


@app.command()
@remote
def missed(
    daemon: Daemon,
    service: Annotated[str | None, typer.Option(metavar="SERVICE", help="Only of this service.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Objectives that were missed, the latest first."""
    wanted = filters(service_id=service)
    print_list(daemon, f"{ROOT}/violations", wanted, _violation, limit=limit, as_json=as_json, empty="no objective was missed")


@app.command()
@remote
def credits(  # noqa: A001  the command's name
    daemon: Daemon,
    customer: Annotated[str | None, typer.Option(metavar="ACCOUNT", help="Only of this customer.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Credits that were granted, the latest first; `fabd explain` says what each stands on."""
    wanted = filters(account_number=customer)
    print_list(daemon, f"{ROOT}/credits", wanted, _credit, limit=limit, as_json=as_json, empty="no credit was granted")


def _state(state: Document) -> dict[str, object]:
    return {"state": state["state"], "from": when(state["start"]), "to": when(state["end"]) or "now", "because": state["reason"]}


def _objective(result: Document) -> dict[str, object]:
    return {
        "from": when(result["period_start"]),
        "to": when(result["period_end"]),
        "objective": f"{result['rule']} {result['objective']} %",
        "measured": f"{result['measured']} %" if result["measured"] is not None else "nothing",
        "down s": result["down_s"],
        "unknown s": result["unknown_s"],
        "verdict": "missed" if result["violation_id"] else "kept",
        "violation": result["violation_id"],
    }


def _violation(violation: Document) -> dict[str, object]:
    return {
        "violation": violation["id"],
        "service": violation["service_id"],
        "objective": f"{violation['rule']} {violation['objective']} %",
        "measured": f"{violation['measured']} %",
        "down s": violation["down_s"],
        "unknown s": violation["unknown_s"],
        "from": when(violation["period_start"]),
        "to": when(violation["period_end"]),
    }


def _credit(credit: Document) -> dict[str, object]:
    return {
        "credit": credit["id"],
        "service": credit["service_id"],
        "amount": f"{credit['amount']} {credit['currency']}",
        "because": credit["reason"],
        "granted": when(credit["granted_at"]),
    }
