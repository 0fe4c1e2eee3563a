"""`fabd sla`: what was promised, and whether it was kept."""

from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.client import Daemon, Document, segment
from agent.cli.command import remote
from agent.cli.facts import flat
from agent.cli.files import write_bytes
from agent.cli.maintenance import instant
from agent.cli.options import AsJson, Limit, OfService, argument
from agent.cli.output import note, print_json, print_text, say, show_facts, show_rows
from agent.cli.resources import ROOT, filters, print_list
from agent.cli.words import when

app = typer.Typer(no_args_is_help=True, help="Service levels: what was promised, how a service fares, what was missed.")

_SHOWN = 20


class Excuse(StrEnum):
    FORCE_MAJEURE = "forceMajeure"
    CUSTOMER_CAUSED = "customerCaused"


@app.command("show")
@remote
def show_(daemon: Daemon, service: Annotated[str, argument("SERVICE", "Id of the service.")], as_json: AsJson = False) -> None:
    """How a service fares: this period so far, up, down or unknown since when, periods that were judged, and credits."""
    health = daemon.get(f"{ROOT}/services/{segment(service)}/health")
    wanted = filters(service_id=service)
    judged = daemon.pages(f"{ROOT}/objectives", wanted, limit=_SHOWN).items
    granted = daemon.pages(f"{ROOT}/credits", wanted, limit=_SHOWN).items
    present = daemon.objects(f"{ROOT}/sla/report", {"service_id": service})
    if as_json:
        print_json({"health": health, "present": present, "objectives": judged, "credits": granted})
        return
    facts = {
        "service": health["id"],
        "customer": health["customer"],
        "health": health["state"],
        "since": when(health["since"]),
        "because": health["reason"],
    }
    show_facts(str(health["name"]), facts)
    show_rows([_present(each, report) for report in present for each in report["objectives"]], empty="nothing was promised")
    show_rows([_state(each) for each in health["states"][:_SHOWN]], empty="nothing has been measured yet")
    show_rows([_objective(each) for each in judged], empty="no period has been judged yet")
    show_rows([_credit(each) for each in granted], empty="no credit was granted")


class ReportFormat(StrEnum):
    TEXT = "text"
    HTML = "html"
    CSV = "csv"
    PDF = "pdf"
    JSON = "json"


@app.command()
@remote
def report(
    daemon: Daemon,
    service: Annotated[str | None, typer.Argument(metavar="SERVICE", help="Id of the service.", show_default=False)] = None,
    *,
    customer: Annotated[str | None, typer.Option(metavar="ACCOUNT", help="All services of this customer instead.")] = None,
    period: Annotated[
        str, typer.Option(metavar="PERIOD", help="current, previous, a month as 2026-01, or a time within the period.")
    ] = "current",
    format_: Annotated[ReportFormat, typer.Option("--format", help="All of them hold the same numbers.")] = ReportFormat.TEXT,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="File to write; a PDF needs one.")] = None,
    as_json: AsJson = False,
) -> None:
    """The service level report: what was promised, what was measured, and the outages behind each percentage.

    Time of which nothing is known stands beside it, with what it counts as; so do maintenance and excused time.
    """
    if (service is None) == (customer is None):
        raise typer.BadParameter("name a service, or a customer with --customer")
    chosen = "json" if as_json else format_.value
    if chosen == ReportFormat.PDF and output is None:
        raise typer.BadParameter("a PDF is no text; name a file with --output", param_hint="--format")
    asked = {"format": chosen, "period": period}
    asked |= {"service_id": service} if service else {"account_number": customer or ""}
    if output is not None:
        data = daemon.content(f"{ROOT}/sla/report", asked)
        write_bytes(output, data)
        note(f"{len(data)} bytes in {output}")
    elif chosen == ReportFormat.JSON:
        print_json(daemon.objects(f"{ROOT}/sla/report", asked))
    else:
        print_text(daemon.text(f"{ROOT}/sla/report", asked).lstrip("\ufeff").replace("\r\n", "\n"))


@app.command()
@remote
def exclude(
    daemon: Daemon,
    service: Annotated[str, argument("SERVICE", "Id of the service.")],
    reason: Annotated[str, argument("REASON", "Why it is not to count: the customer reads it on the report.")],
    *,
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="When it begins; without a zone it is UTC.")],
    until: Annotated[str, typer.Option(metavar="TIME", help="When it ends.")],
    kind: Annotated[Excuse, typer.Option(help="Whose doing it was.")],
    as_json: AsJson = False,
) -> None:
    """Excuse time of a service: no objective counts it. Your name and the reason are kept. Role: provisioner.

    Periods that have been judged stay as they are: excuse time before its period is judged, or adjust the bill.
    """
    body = {
        "service_id": service,
        "kind": kind.value,
        "start": instant(start, "--from"),
        "end": instant(until, "--until"),
        "reason": reason,
    }
    made = daemon.post(f"{ROOT}/exclusions", body)
    if as_json:
        print_json(made)
    else:
        say(f"exclusion {made['id']}: {when(made['start'])} .. {when(made['end'])} UTC of {made['service_id']}, {made['kind']}")


@app.command()
@remote
def withdraw(
    daemon: Daemon, exclusion: Annotated[str, argument("EXCLUSION", "Id of the exclusion.")], as_json: AsJson = False
) -> None:
    """Let excused time count again. Role: provisioner."""
    made = daemon.post(f"{ROOT}/exclusions/{segment(exclusion)}/withdraw", {})
    if as_json:
        print_json(made)
    else:
        rest = f" from {when(made['end'])} on; what was judged before stays excused" if made["withdrawn_at"] is None else ""
        say(f"exclusion {made['id']} is withdrawn: its time counts again{rest}")


@app.command()
@remote
def exclusions(
    daemon: Daemon,
    service: OfService = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Excused time, the latest first: force majeure, and what customers brought about."""
    wanted = filters(service_id=service)
    print_list(daemon, f"{ROOT}/exclusions", wanted, _exclusion, limit=limit, as_json=as_json, empty="no time was excused")


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
    service: OfService = None,
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


def _present(objective: Document, report: Document) -> dict[str, object]:
    """Of the period that goes on."""
    kept = "kept so far" if objective["kept"] else "missed"
    availability = objective["rule"] == "availability"
    return {
        "objective": f"{objective['rule']} {objective['objective']}",
        "measured": objective["measured"] or "nothing",
        "lost s": objective["lost_s"],
        "unknown s": objective["unknown_s"],
        "budget s": report["budget_s"] if availability else "",
        "verdict": kept,
        "will be missed": when(report["breach_at"]) if availability else "",
        "until": when(report["period"]["end"]),
    }


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


def _exclusion(made: Document) -> dict[str, object]:
    return {
        "exclusion": made["id"],
        "service": made["service_id"],
        "from": when(made["start"]),
        "to": when(made["end"]),
        "kind": made["kind"],
        "because": made["reason"],
        "by": made["author"],
        "state": "withdrawn" if made["withdrawn_at"] else "excused",
    }


def _credit(credit: Document) -> dict[str, object]:
    return {
        "credit": credit["id"],
        "service": credit["service_id"],
        "amount": f"{Decimal(credit['amount']):.2f} {credit['currency']}",
        "because": credit["reason"],
        "granted": when(credit["granted_at"]),
    }
