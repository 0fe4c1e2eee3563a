"""`fabd action`: what is done about alarms by rules, or proposed, and why something is done or is not."""

from typing import Annotated

import typer

from agent.actions.state import State
from agent.cli.client import Daemon, Document, segment
from agent.cli.command import local, remote
from agent.cli.desk import Desk
from agent.cli.facts import flat
from agent.cli.files import check_each
from agent.cli.options import AsJson, Files, Limit, argument
from agent.cli.output import complain, print_json, say, show_facts, show_rows
from agent.cli.resources import ROOT, filters, print_list, texts
from agent.cli.words import when
from policies.acting.rules import Deed, parse_actions

app = typer.Typer(no_args_is_help=True, help="Actions: what is done about alarms by rules, or proposed; and why it is, or is not.")

ACTIONS = f"{ROOT}/actions"
RETURNS = {
    "": "",
    "by-hand": "by hand: fabd action undo",
    "cleared": "when it has been without alarm, or by hand: fabd action undo",
}
_Action = Annotated[str, argument("ACTION", "Id of the action.")]
_Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; kept with the action and in the audit trail.")]


@app.command("list")
@remote
def list_(
    daemon: Daemon,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    state: Annotated[State | None, typer.Option(help="Only those that are so.")] = None,
    rule: Annotated[str | None, typer.Option(metavar="RULE", help="Only of this rule.")] = None,
    object_: Annotated[str | None, typer.Option("--object", metavar="OBJECT", help="Only on this element, port or link.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Actions that wait or are under way, the latest first."""
    open_ = None if all_ or state else "true"
    wanted = filters(open=open_, state=state, rule=rule, object=object_)
    empty = "there are no such actions" if all_ or state else "nothing is under way, and nothing waits"
    print_list(daemon, ACTIONS, wanted, _listed, limit=limit, as_json=as_json, empty=empty)


@app.command()
@remote
def show(daemon: Daemon, action: _Action, as_json: AsJson = False) -> None:
    """One action: what it is for, what stands against it, how it is taken back, what it came to, and its history."""
    document = daemon.get(f"{ACTIONS}/{segment(action)}")
    if as_json:
        print_json(document)
    else:
        _tell(document)


@app.command()
@remote
def run(
    daemon: Daemon,
    rule: Annotated[str, argument("RULE", "Name of the rule; see: fabd action rules")],
    about: Annotated[
        str, typer.Argument(metavar="[OBJECT]", help="An element, element/port, link:NAME or service; by default the alarm's.")
    ] = "",
    *,
    alarm: Annotated[
        str | None, typer.Option(metavar="ALARM", help="What it is done about; by its end it is measured whether it helped.")
    ] = None,
    note: _Note = "",
    as_json: AsJson = False,
) -> None:
    """Do what a rule does, now, within its guards. Role: operator."""
    body: dict[str, object] = {"rule": rule, "about": about, "note": note}
    if alarm is not None:
        body["alarm"] = alarm
    _done(daemon.post(ACTIONS, body), as_json=as_json)


@app.command()
@remote
def approve(daemon: Daemon, action: _Action, note: _Note = "", as_json: AsJson = False) -> None:
    """Let a proposed action begin, now or as soon as nothing stands against it. Role: operator."""
    _done(daemon.post(f"{ACTIONS}/{segment(action)}/approve", {"note": note}), as_json=as_json)


@app.command()
@remote
def reject(daemon: Daemon, action: _Action, note: _Note = "", as_json: AsJson = False) -> None:
    """Leave a proposed action undone; it is not proposed again for this occurrence of the alarm. Role: operator."""
    _done(daemon.post(f"{ACTIONS}/{segment(action)}/reject", {"note": note}), as_json=as_json)


@app.command()
@remote
def undo(daemon: Daemon, action: _Action, note: _Note = "", as_json: AsJson = False) -> None:
    """Take back what an action has done: by an action of its own, now, within the guards of its rule. Role: operator."""
    _done(daemon.post(f"{ACTIONS}/{segment(action)}/undo", {"note": note}), as_json=as_json)


@app.command()
@remote
def rules(daemon: Daemon, as_json: AsJson = False) -> None:
    """The rules, with their modes. As shipped all of them are off; actions.modes in the settings turns them on."""
    found = daemon.objects(f"{ROOT}/action-rules")
    if as_json:
        print_json(found)
    else:
        show_rows([_rule(each) for each in found], empty="there are no rules")


@app.command()
@remote
def why(daemon: Daemon, alarm: Annotated[str, argument("ALARM", "Id of the alarm.")], as_json: AsJson = False) -> None:
    """What every rule makes of an alarm, and why it does nothing where it does nothing."""
    found = daemon.objects(f"{ROOT}/alarms/{segment(alarm)}/actions")
    if as_json:
        print_json(found)
    else:
        show_rows([_verdict(each) for each in found], empty="there are no rules")


@app.command()
@local
def check(desk: Desk, files: Files) -> None:
    """Read rules of your own; each mistake is a line with its file, line and remedy. Needs no running daemon."""
    from agent.actions.reading import known_causes  # noqa: PLC0415  it loads all that makes alarms

    causes = known_causes(desk.settings.catalog, desk.settings.actions)
    check_each(files, lambda text, name: f"{len(parse_actions(text, name, causes))} rules")


def _done(action: Document, *, as_json: bool) -> None:
    if as_json:
        print_json(action)
        return
    what = f"taking back {action['undoes']}" if action["undoes"] else action["deed"]
    say(f"action {action['id']}: {what} on {action['object']} is {action['state']}; see: fabd action show {action['id']}")
    for objection in action["objections"]:
        complain(objection["message"])


def _tell(action: Document) -> None:
    back = f", back (of {action['undoes']})" if action["undoes"] else ""
    show_facts(f"action {action['id']}: {action['deed']}{back} on {action['object']}", _facts(action))
    for objection in action["objections"] if action["open"] else []:
        complain(objection["message"])
    for name in ("before", "after"):
        if figures := {key: value for key, value in flat(action[name]).items() if value not in {"", None}}:
            show_facts(name, figures)
    show_rows([_change(each) for each in action["changes"]], empty="no history")


def _facts(action: Document) -> dict[str, object]:
    return {
        "rule": action["rule"],
        "mode": action["mode"],
        "state": action["state"],
        "outcome": action["outcome"],
        "alarm": action["alarm_id"],
        "elements": texts(action["elements"]),
        "services": texts(action["services"]),
        "asked by": action["asked_by"],
        "approved by": action["approved_by"],
        "note": action["note"],
        "takes back": action["undoes"],
        "taken back by": " ".join(action["reverse"].split()),
        "is taken back": RETURNS[action["returns"]],
        "plan": action["plan_id"],
        "orders": texts(action["orders"]),
        "made": when(action["created_at"]),
        "waits until": when(action["due_at"]),
        "begun": when(action["began_at"]),
        "done": when(action["acted_at"]),
        "ended": when(action["ended_at"]),
    }


def _listed(action: Document) -> dict[str, object]:
    return {
        "action": action["id"],
        "rule": action["rule"],
        "object": action["object"],
        "state": action["state"],
        "takes back": action["undoes"],
        "alarm": action["alarm_id"],
        "asked by": action["asked_by"],
        "made": when(action["created_at"]),
        "why": action["outcome"] or "; ".join(objection["message"] for objection in action["objections"]),
    }


def _rule(rule: Document) -> dict[str, object]:
    trigger, guards = rule["trigger"], rule["guards"]
    return {
        "rule": rule["name"],
        "mode": rule["mode"],
        "does": rule["deed"],
        "for": f"{', '.join(trigger['causes'])} ({trigger['severity']} and worse, {trigger['standing_s']} s)",
        "at most": f"{guards['per_object']} per object, {guards['in_all']} in all, in {guards['within_s']} s",
        "taken back": _return(rule["deed"], rule["return"]),
        "title": rule["title"],
    }


def _return(deed: str, back: Document) -> str:
    if not Deed(deed).lasting:
        return "nothing of it stays"
    return f"{back['for_s']} s after the alarm, or by hand" if back["when"] == "cleared" else "by hand"


def _verdict(verdict: Document) -> dict[str, object]:
    return {
        "rule": verdict["rule"],
        "mode": verdict["mode"],
        "action": verdict["action_id"],
        "state": verdict["state"] or ("would do it" if not verdict["reasons"] else "does nothing"),
        "because": "; ".join(verdict["reasons"]),
    }


def _change(change: Document) -> dict[str, object]:
    return {"at": when(change["at"]), "state": change["state"], "by": change["by"], "detail": change["detail"]}
