"""`fabd alarm`: what is wrong, and why it counts as cause or as consequence."""

import re
from enum import StrEnum
from typing import Annotated

import typer

from agent.cli.client import Daemon, Document, segment
from agent.cli.command import remote
from agent.cli.errors import CliError, DaemonRefused
from agent.cli.facts import flat
from agent.cli.options import AsJson, Limit, argument
from agent.cli.output import print_json, say, show_facts, show_rows
from agent.cli.resources import ROOT, filters, print_list
from agent.cli.words import when

app = typer.Typer(no_args_is_help=True, help="Alarms: what stands, why each is a cause or a symptom, who takes care of it.")

ALARMS = f"{ROOT}/alarms"
Alarms = Annotated[list[str], argument("ALARM...", "Ids of alarms.")]
Comment = Annotated[str, typer.Option("--comment", "-c", metavar="TEXT", help="Kept in the history of the alarm.")]
DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])\Z")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST_SHELF_S = 7 * SECONDS["d"]


class Standing(StrEnum):
    ROOT = "root"
    SYMPTOM = "symptom"
    PENDING = "pending"


@app.command("list")
@remote
def list_(
    daemon: Daemon,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Cleared ones, too.")] = False,
    element: Annotated[str | None, typer.Option(metavar="NAME", help="Only of this element.")] = None,
    standing: Annotated[Standing | None, typer.Option(help="Only those that are so.")] = None,
    problem: Annotated[str | None, typer.Option(metavar="PROBLEM", help="Only those of this problem.")] = None,
    assigned_to: Annotated[str | None, typer.Option(metavar="NAME", help="Only those that this person has.")] = None,
    unacknowledged: Annotated[bool, typer.Option("--unacknowledged", help="Only those that nobody has acknowledged.")] = False,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """Alarms that stand, the latest first."""
    wanted = filters(
        element=element,
        standing=standing,
        problem_id=problem,
        assigned_to=assigned_to,
        acknowledged="false" if unacknowledged else None,
        cleared=None if all_ else "false",
    )
    # a name that is misspelt is not to be taken for good news
    asked = {"--element": element, "--standing": standing, "--problem": problem, "--assigned-to": assigned_to}
    words = [f"{option} {value}" for option, value in asked.items() if value] + ["--unacknowledged"] * unacknowledged
    empty = " ".join(["there are no alarms" if all_ else "no alarm stands", *(["with", *words] if words else [])])
    print_list(daemon, ALARMS, wanted, _listed, limit=limit, as_json=as_json, empty=empty)


@app.command()
@remote
def show(daemon: Daemon, alarm: Annotated[str, argument("ALARM", "Id of the alarm.")], as_json: AsJson = False) -> None:
    """One alarm: how it stands, and who has it."""
    document = daemon.get(f"{ALARMS}/{segment(alarm)}")
    if as_json:
        print_json(document)
        return
    show_facts(f"{_object(document)}: {document['text']}", _facts(document))


@app.command()
@remote
def why(daemon: Daemon, alarm: Annotated[str, argument("ALARM", "Id of the alarm.")], as_json: AsJson = False) -> None:
    """One alarm: the rule behind its standing, what verified it, what holds its news or its ticket back, and its history."""
    document = daemon.get(f"{ALARMS}/{segment(alarm)}")
    if as_json:
        print_json(document)
        return
    show_facts(f"{_object(document)}: {document['text']}", _facts(document))
    if reasons := _reasons(document):
        show_facts("why", reasons)
    show_rows([_change(each) for each in document["changes"]], empty="no history")


@app.command()
@remote
def history(daemon: Daemon, alarm: Annotated[str, argument("ALARM", "Id of the alarm.")], as_json: AsJson = False) -> None:
    """All that has happened to one alarm, by whom or by what evidence."""
    changes = daemon.get(f"{ALARMS}/{segment(alarm)}")["changes"]
    if as_json:
        print_json(changes)
    else:
        show_rows([_change(each) for each in changes], empty="no history")


@app.command()
@remote
def ack(daemon: Daemon, alarms: Alarms, comment: Comment = "", as_json: AsJson = False) -> None:
    """Acknowledge: somebody has seen it. Taken back by itself when the alarm becomes worse. Role: operator."""
    _do(daemon, alarms, "acknowledge", {"comment": comment}, as_json=as_json)


@app.command()
@remote
def unack(daemon: Daemon, alarms: Alarms, comment: Comment = "", as_json: AsJson = False) -> None:
    """Take an acknowledgement back. Role: operator."""
    _do(daemon, alarms, "unacknowledge", {"comment": comment}, as_json=as_json)


@app.command("comment")
@remote
def comment_(
    daemon: Daemon,
    alarm: Annotated[str, argument("ALARM", "Id of the alarm.")],
    text: Annotated[str, argument("TEXT", "What there is to say.")],
    as_json: AsJson = False,
) -> None:
    """Write into the history of an alarm. Role: operator."""
    _do(daemon, [alarm], "comment", {"comment": text}, as_json=as_json)


@app.command()
@remote
def assign(
    daemon: Daemon,
    alarms: Alarms,
    *,
    to: Annotated[str | None, typer.Option(metavar="NAME", help="Who takes care of it; nobody when left out.")] = None,
    comment: Comment = "",
    as_json: AsJson = False,
) -> None:
    """Give alarms to somebody, or take them away. Role: operator."""
    _do(daemon, alarms, "assign", {"to": to, "comment": comment}, as_json=as_json)


@app.command()
@remote
def shelve(
    daemon: Daemon,
    alarms: Alarms,
    *,
    for_: Annotated[str, typer.Option("--for", metavar="TIME", help="For how long: 30m, 2h, 1d; at most 7d.")] = "2h",
    comment: Comment = "",
    as_json: AsJson = False,
) -> None:
    """Tell nobody of alarms for a while. Their state, and the downtime of services, goes on. Role: operator."""
    found = DURATION.match(for_)
    if found is None:
        raise typer.BadParameter(f"{for_!r} is no time; write it as 30m, 2h or 1d", param_hint="--for")
    seconds = float(found[1]) * SECONDS[found[2]]
    if not 0 < seconds <= LONGEST_SHELF_S:
        raise typer.BadParameter(f"{for_!r} is not between 1s and 7d", param_hint="--for")
    _do(daemon, alarms, "shelve", {"for_s": seconds, "comment": comment}, as_json=as_json)


@app.command()
@remote
def unshelve(daemon: Daemon, alarms: Alarms, comment: Comment = "", as_json: AsJson = False) -> None:
    """Take alarms from their shelf; what was not told meanwhile is told. Role: operator."""
    _do(daemon, alarms, "unshelve", {"comment": comment}, as_json=as_json)


@app.command()
@remote
def clear(daemon: Daemon, alarms: Alarms, comment: Comment = "", as_json: AsJson = False) -> None:
    """Clear alarms by hand. Failures that are read from elements are refused: they clear by themselves. Role: operator."""
    _do(daemon, alarms, "clear", {"comment": comment}, as_json=as_json)


def _do(daemon: Daemon, alarms: list[str], verb: str, body: dict[str, object], *, as_json: bool) -> None:
    """With each of them, and what could not be done is told in the end."""
    done: list[Document] = []
    refused: list[str] = []
    paths = [f"{ALARMS}/{segment(alarm)}/{verb}" for alarm in dict.fromkeys(alarms)]
    for path in paths:
        try:
            done.append(daemon.post(path, body))
        except DaemonRefused as error:
            refused.append(str(error))
        except CliError as error:  # nobody answers: nor would they for the others
            refused.append(str(error))
            break
    if as_json:
        print_json(done)
    else:
        for document in done:
            say(f"{document['id']}: {_object(document)} ({document['text']}), {_owned(document)}")
    if refused:
        raise CliError("\n".join(dict.fromkeys(refused)))


def _owned(alarm: Document) -> str:
    words = ["cleared" if alarm["cleared"] else alarm["severity"]]
    words += [f"acknowledged by {alarm['acknowledged_by']}"] if alarm["acknowledged_by"] else ["not acknowledged"]
    words += [f"with {alarm['assigned_to']}"] if alarm["assigned_to"] else []
    words += [f"shelved until {when(alarm['shelved_until'])}"] if alarm["shelved_until"] else []
    return ", ".join(words)


def _reasons(alarm: Document) -> dict[str, object]:
    reasons: dict[str, object] = {**flat(alarm["why"])}
    if alarm["muted"]:
        reasons["nobody is told"] = alarm["muted"]
    if alarm["parent_id"]:
        reasons["grouped under"] = alarm["parent_id"]
    return reasons


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
        "assigned to": alarm["assigned_to"],
        "shelved": f"by {alarm['shelved_by']} until {when(alarm['shelved_until'])}" if alarm["shelved_until"] else "",
        "stuck": f"flagged {when(alarm['stuck_at'])}" if alarm["stuck_at"] else "",
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
        "with": alarm["assigned_to"] or alarm["acknowledged_by"],
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
