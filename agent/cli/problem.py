"""`fabd problem`: root causes, with all that hangs on each."""

from typing import Annotated

import typer

from agent.cli.client import Daemon, Document, segment
from agent.cli.command import remote
from agent.cli.facts import flat
from agent.cli.options import AsJson, Limit, argument
from agent.cli.output import print_json, show_facts
from agent.cli.resources import ROOT, filters, print_list, texts
from agent.cli.words import when

app = typer.Typer(no_args_is_help=True, help="Problems: one per root cause, with its alarms, services and tickets.")


@app.command("list")
@remote
def list_(
    daemon: Daemon,
    all_: Annotated[bool, typer.Option("--all", help="Resolved ones, too.")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Open problems, the latest first."""
    wanted = filters(state=None if all_ else "open")
    empty = "there are no problems" if all_ else "no problem is open"
    print_list(daemon, f"{ROOT}/problems", wanted, _listed, limit=limit, as_json=as_json, empty=empty)


@app.command("show")
@remote
def show_(daemon: Daemon, problem: Annotated[str, argument("PROBLEM", "Id of the problem.")], as_json: AsJson = False) -> None:
    """One problem with its evidence, alarms, services and tickets."""
    document = daemon.get(f"{ROOT}/problems/{segment(problem)}")
    if as_json:
        print_json(document)
        return
    show_facts(
        f"{document['problem_class']} of {document['root_object']}",
        {
            "problem": document["id"],
            "state": document["state"],
            "opened": when(document["opened_at"]),
            "resolved": when(document["resolved_at"]),
            "alarms": texts(document["alarms"]),
            "services": texts(document["services"]),
            "tickets": texts(document["tickets"]),
            **flat(document["evidence"]),
        },
    )


def _listed(problem: Document) -> dict[str, object]:
    return {
        "problem": problem["id"],
        "state": problem["state"],
        "part of": problem["evidence"].get("superseded_by", ""),
        "class": problem["problem_class"],
        "root": problem["root_object"],
        "opened": when(problem["opened_at"]),
        "resolved": when(problem["resolved_at"]),
        "alarms": len(problem["alarms"]),
        "services": len(problem["services"]),
        "tickets": texts(problem["tickets"]),
    }
