"""`fabd plan`: how an order is carried out, element by element."""

from typing import Annotated

import typer

from agent.cli.client import Daemon, Document, segment
from agent.cli.command import remote
from agent.cli.options import AsJson, Limit, argument
from agent.cli.output import complain, print_json, say, show_facts, show_rows, show_text
from agent.cli.resources import ROOT, filters, print_list, texts
from agent.cli.words import when
from agent.fulfillment.states import PlanState

app = typer.Typer(
    no_args_is_help=True, help="Plans: phases, elements, milliseconds, what was sent and answered; approve or reject them."
)

_Plan = Annotated[str, argument("PLAN", "Id of the plan.")]
_Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; kept in the plan's timeline and in the audit trail.")]


@app.command("show")
@remote
def show_(
    daemon: Daemon,
    plan: _Plan,
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
    for blocker in document["blockers"]:
        complain(_blocked(blocker))
    show_rows([_moment(each) for each in document["timeline"]], empty="nothing has happened yet")
    for change in document["changes"]:
        _show_change(change, document["timeline"], reverse=reverse)


@app.command()
@remote
def approve(daemon: Daemon, plan: _Plan, note: _Note = "", as_json: AsJson = False) -> None:
    """Let a plan begin that waits for an approval. Role: operator."""
    _decide(daemon, plan, "approve", note, as_json=as_json)


@app.command()
@remote
def reject(daemon: Daemon, plan: _Plan, note: _Note = "", as_json: AsJson = False) -> None:
    """End a plan that waits for an approval: its items fail with the note, and all they took is given back. Role: operator."""
    _decide(daemon, plan, "reject", note, as_json=as_json)


@app.command("list")
@remote
def list_(
    daemon: Daemon,
    *,
    state: Annotated[PlanState | None, typer.Option(help="Only those that are so.")] = None,
    unapproved: Annotated[bool, typer.Option("--unapproved", help="Only those that wait for an approval.")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Plans, the latest first."""
    wanted = filters(state="waiting" if unapproved else state, approval="required" if unapproved else None)
    print_list(daemon, f"{ROOT}/plans", wanted, _listed, limit=limit, as_json=as_json, empty="there are no such plans")


def _decide(daemon: Daemon, plan: str, verb: str, note: str, *, as_json: bool) -> None:
    document = daemon.post(f"{ROOT}/plans/{segment(plan)}/{verb}", {"note": note})
    if as_json:
        print_json(document)
    else:
        say(f"plan {document['id']} is {document['approval']}; see: fabd plan show {document['id']}")


def _facts(plan: Document) -> dict[str, object]:
    return {
        "order": plan["order_id"] or plan["purpose"],
        "items": texts(plan["items"]),
        "state": plan["state"],
        "step": plan["step"],
        "decision": plan["decision"],
        "approval": _approval(plan),
        "waits for": _waits(plan),
        "looks again": when(plan["next_try"]),
        "made": when(plan["created_at"]),
        "begun": when(plan["started_at"]),
        "decides until": when(plan["deadline"]),
        "ended": when(plan["finished_at"]),
    }


def _approval(plan: Document) -> str:
    by = f" by {plan['approved_by']} at {when(plan['approved_at'])}" if plan["approved_by"] else ""
    return f"{plan['approval']}{by}"


def _waits(plan: Document) -> str:
    return f"{plan['waits']}, until {when(plan['waits_until'])}" if plan["waits"] else ""


def _blocked(blocker: Document) -> str:
    """Who has what the plan needs."""
    since = when(blocker["since"])
    if blocker["in_doubt"]:
        name = blocker["element"]
        return (
            f"{name} is in doubt since {since} (plan {blocker['plan_id']}): {blocker['reason']}; see: fabd element resolve {name}"
        )
    return f"{blocker['element']} is held by plan {blocker['plan_id']} since {since}"


def _show_change(change: Document, timeline: list[Document], *, reverse: bool) -> None:
    show_text(f"\n{change['element']} ({change['platform']}, {change['commitment']}): {change['state']}", change["payload"])
    if reverse:
        show_text("undone by", change["reverse"])
    answers = [(each["step"], each["answer"]) for each in timeline if each["element"] == change["element"] and each["answer"]]
    for step, answer in answers or [("", change["answer"])]:
        if answer:
            show_text(f"answer to {step}" if step else "answer", answer)


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
        "approval": plan["approval"],
        "waits for": plan["waits"],
        "elements": texts(plan["elements"]),
        "made": when(plan["created_at"]),
        "ended": when(plan["finished_at"]),
    }
