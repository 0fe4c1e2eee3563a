"""`fabd plan`: how an order is carried out, element by element."""

from typing import Annotated

import typer

from agent.cli.client import Daemon, Document, segment
from agent.cli.command import remote
from agent.cli.options import AsJson, Limit, argument
from agent.cli.output import complain, print_json, show_facts, show_rows, show_text
from agent.cli.resources import ROOT, filters, print_list, texts
from agent.cli.words import when

app = typer.Typer(no_args_is_help=True, help="Plans: phases, elements, milliseconds, what was sent and what was answered.")


@app.command("show")
@remote
def show_(
    daemon: Daemon,
    plan: Annotated[str, argument("PLAN", "Id of the plan.")],
    reverse: Annotated[bool, typer.Option("--reverse", help="Also show how each change is undone.")] = False,
    as_json: AsJson = False,
) -> None:
    """One plan: its timeline, the native payload for each element, and the element's answer."""
    document = daemon.get(f"{ROOT}/plans/{segment(plan)}")
    if as_json:
        print_json(document)
        return
    show_facts(f"plan {document['id']}", _facts(document))
    for failure in document["failures"]:
        where = f"{failure['element']}: " if failure["element"] else ""
        complain(f"{where}{failure['message']}")
    show_rows([_moment(each) for each in document["timeline"]], empty="nothing has happened yet")
    for change in document["changes"]:
        _show_change(change, reverse=reverse)


@app.command("list")
@remote
def list_(
    daemon: Daemon,
    state: Annotated[str | None, typer.Option(metavar="STATE", help="waiting, running, done, failed or inDoubt.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Plans, the latest first."""
    print_list(
        daemon, f"{ROOT}/plans", filters(state=state), _listed, limit=limit, as_json=as_json, empty="there are no such plans"
    )


def _facts(plan: Document) -> dict[str, object]:
    return {
        "order": plan["order_id"],
        "items": texts(plan["items"]),
        "state": plan["state"],
        "step": plan["step"],
        "decision": plan["decision"],
        "made": when(plan["created_at"]),
        "decides until": when(plan["deadline"]),
        "ended": when(plan["finished_at"]),
    }


def _show_change(change: Document, *, reverse: bool) -> None:
    show_text(f"\n{change['element']} ({change['platform']}, {change['commitment']}): {change['state']}", change["payload"])
    if reverse:
        show_text("undone by", change["reverse"])
    if change["answer"]:
        show_text("answer", change["answer"])


def _moment(moment: Document) -> dict[str, object]:
    return {
        "at": when(moment["at"]),
        "step": moment["step"],
        "element": moment["element"],
        "outcome": moment["outcome"],
        "ms": moment["milliseconds"],
        "detail": moment["detail"],
    }


def _listed(plan: Document) -> dict[str, object]:
    return {
        "plan": plan["id"],
        "order": plan["order_id"],
        "state": plan["state"],
        "step": plan["step"],
        "decision": plan["decision"],
        "elements": texts(plan["elements"]),
        "made": when(plan["created_at"]),
        "ended": when(plan["finished_at"]),
    }
