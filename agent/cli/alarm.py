"""`fabd alarm`: what is wrong, and why it counts as cause or as consequence."""

from typing import Annotated

import typer

from agent.cli.client import Daemon, Document, segment
from agent.cli.command import remote
from agent.cli.facts import flat
from agent.cli.options import AsJson, Limit, argument
from agent.cli.output import print_json, show_facts, show_rows
from agent.cli.resources import ROOT, filters, print_list
from agent.cli.words import when

app = typer.Typer(no_args_is_help=True, help="Alarms: what stands, and why each is a root cause or a symptom.")


@app.command("list")
@remote
def list_(
    daemon: Daemon,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Cleared ones, too.")] = False,
    element: Annotated[str | None, typer.Option(metavar="NAME", help="Only of this element.")] = None,
    standing: Annotated[str | None, typer.Option(metavar="STANDING", help="root, symptom or pending.")] = None,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """Alarms that stand, the latest first."""
    wanted = filters(element=element, standing=standing, cleared=None if all_ else "false")
    empty = "there are no alarms" if all_ else "no alarm stands"
    print_list(daemon, f"{ROOT}/alarms", wanted, _listed, limit=limit, as_json=as_json, empty=empty)


@app.command()
@remote
def why(daemon: Daemon, alarm: Annotated[str, argument("ALARM", "Id of the alarm.")], as_json: AsJson = False) -> None:
    """One alarm: the reason of its standing, its problem, and its history."""
    document = daemon.get(f"{ROOT}/alarms/{segment(alarm)}")
    if as_json:
        print_json(document)
        return
    show_facts(f"{_object(document)}: {document['text']}", _facts(document))
    if document["why"]:
        show_facts("why", flat(document["why"]))
    show_rows([_change(each) for each in document["changes"]], empty="no history")


def _facts(alarm: Document) -> dict[str, object]:
    return {
        "alarm": alarm["id"],
        "cause": alarm["cause"],
        "severity": alarm["severity"],
        "standing": alarm["standing"],
        "problem": alarm["problem_id"],
        "raised": when(alarm["raised_at"]),
        "last seen": when(alarm["last_at"]),
        "cleared": when(alarm["cleared_at"]),
        "seen": f"{alarm['count']} times" if alarm["count"] > 1 else "once",
        "acknowledged": f"by {alarm['acknowledged_by']}, {when(alarm['acknowledged_at'])}" if alarm["acknowledged_by"] else "",
    }


def _listed(alarm: Document) -> dict[str, object]:
    return {
        "alarm": alarm["id"],
        "severity": "cleared" if alarm["cleared"] else alarm["severity"],
        "object": _object(alarm),
        "cause": alarm["cause"],
        "standing": alarm["standing"],
        "problem": alarm["problem_id"],
        "raised": when(alarm["raised_at"]),
        "text": alarm["text"],
    }


def _object(alarm: Document) -> str:
    return f"{alarm['element']}/{alarm['object']}" if alarm["object"] else str(alarm["element"])


def _change(change: Document) -> dict[str, object]:
    return {
        "at": when(change["at"]),
        "change": change["change"],
        "detail": ", ".join(f"{name} {value}" for name, value in flat(change["detail"]).items()),
        "observation": change["observation_id"],
    }
