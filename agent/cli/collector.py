"""`fabd collector`: what elements are asked beside SNMP, and what came of it."""

from enum import StrEnum
from typing import Annotated

import typer

from agent.cli.client import Daemon, Document
from agent.cli.command import local, remote
from agent.cli.desk import Desk
from agent.cli.files import check_each
from agent.cli.options import AsJson, Files, Limit, argument
from agent.cli.output import print_json, print_rows, show_facts, show_rows
from agent.cli.resources import ROOT, filters, print_list
from agent.cli.words import when
from policies.collecting.meaning import parse_collector

HELP = "What elements are asked beside SNMP: neighbours, optical power; and what they answered."
app = typer.Typer(no_args_is_help=True, help=HELP)


@app.command("list")
@remote
def list_(daemon: Daemon, as_json: AsJson = False) -> None:
    """The collectors in force, and how their last runs ended."""
    found = daemon.get(f"{ROOT}/collectors")
    if as_json:
        print_json(found)
        return
    runs = found["runs"]
    rows = [_collector(each, [run for run in runs if run["collector"] == each["name"]]) for each in found["collectors"]]
    show_rows(rows, empty="there are none")
    failed = [run for run in runs if run["failure"]]
    show_rows([_failed(run) for run in failed], empty="every element that was asked has answered" if runs else "none has run yet")


@app.command()
@local
def check(desk: Desk, files: Files) -> None:
    """Read collectors and try them on their own samples; each mistake is a line with its file, line and remedy."""
    del desk
    check_each(files, _sound)


def _sound(text: str, name: str) -> str:
    found = parse_collector(text, name)
    return f"{found.name} reads its {len(found.samples)} samples as they say"


@app.command()
@remote
def run(
    daemon: Daemon,
    name: Annotated[str, argument("NAME", "The collector; `fabd collector list` has them.")],
    element: Annotated[str, argument("ELEMENT", "Whom to ask.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Ask one element now, and show how its answer is read. What it finds counts."""
    found = daemon.post(f"{ROOT}/collectors/{name}/run", {"element": element})
    if as_json:
        print_json(found)
    else:
        _show_reply(found)
    if found["failure"]:
        raise typer.Exit(1)


class Standing(StrEnum):
    GOOD = "good"
    BAD = "bad"
    UNWANTED = "unwanted"


@app.command()
@remote
def states(
    daemon: Daemon,
    *,
    element: Annotated[str | None, typer.Option("--element", metavar="NAME", help="Of this element only.")] = None,
    standing: Annotated[Standing | None, typer.Option("--standing", help="Only what is so.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """How things stood when their element was last asked."""
    wanted = filters(element=element, standing=standing)
    empty = "nothing of the kind was found; `fabd collector list` tells who was asked"
    print_list(daemon, f"{ROOT}/collected", wanted, _state, limit=limit, as_json=as_json, empty=empty)


def _collector(found: Document, runs: list[Document]) -> dict[str, object]:
    return {
        "collector": found["name"],
        "platforms": ", ".join(found["platforms"]),
        "asks": found["asks"],
        "every": f"{found['interval_s']:g} s",
        "tells": ", ".join([*found["causes"], *found["metrics"]]),
        "elements": len(runs),
        "failed": sum(bool(run["failure"]) for run in runs) or None,
    }


def _failed(run: Document) -> dict[str, object]:
    return {"element": run["element"], "collector": run["collector"], "at": when(run["at"]), "why": run["failure"]}


def _show_reply(found: Document) -> None:
    facts = {"element": found["element"], "answered in": f"{found['seconds']:.2f} s", "failed": found["failure"]}
    show_facts(found["collector"], {name: value for name, value in facts.items() if value})
    if found["failure"]:
        return
    print_rows(found["rows"], as_json=False, empty="the answer has no rows")
    if found["states"]:
        show_rows(found["states"], empty="")
    if found["values"]:
        show_rows(found["values"], empty="")


def _state(found: Document) -> dict[str, object]:
    return {
        "element": found["element"],
        "about": found["cause"],
        "which": found["qualifier"],
        "standing": found["standing"],
        "element says": found["shown"],
        "since": when(found["since"]),
    }
