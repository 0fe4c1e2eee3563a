"""`fabd maintenance`: the calendar of announced work."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.client import Daemon, Document, segment
from agent.cli.command import remote
from agent.cli.files import write_text
from agent.cli.options import AsJson, Limit, argument
from agent.cli.output import note, print_json, print_text, say, show_facts
from agent.cli.resources import ROOT, print_list
from agent.cli.words import when
from inventory.maintenance import KINDS

app = typer.Typer(
    no_args_is_help=True,
    help="The maintenance calendar: announced work holds alarms, and contracts leave some of it out.",
)

WINDOWS = f"{ROOT}/maintenance"
_Maintenance = Annotated[str, argument("MAINTENANCE", "Id of the entry.")]


@app.command()
@remote
def add(
    daemon: Daemon,
    reason: Annotated[str, argument("REASON", "What is done: customers and whoever is on duty read it.")],
    *,
    start: Annotated[
        str, typer.Option("--from", metavar="TIME", help="When it begins, e.g. 2031-01-12T01:00Z; without a zone UTC.")
    ],
    until: Annotated[str, typer.Option(metavar="TIME", help="When it ends; with --rule, when its first time ends.")],
    over: Annotated[
        list[str],
        typer.Option(
            metavar="KIND:NAME", help="What it is about, as element:pe1, port:pe1/ge-0/0/1, site:lab, service:ID, customer:ACCOUNT."
        ),
    ],
    rule: Annotated[str, typer.Option(metavar="RRULE", help="When it comes again (RFC 5545), e.g. FREQ=MONTHLY;BYDAY=2SU.")] = "",
    zone: Annotated[str, typer.Option(metavar="ZONE", help="On whose wall clock the rule is read.")] = "UTC",
    notice: Annotated[str | None, typer.Option(metavar="TIME", help="When those affected were told; now when left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Announce work. Alarms are kept and nobody is called while it goes on. Role: operator.

    An SLA leaves it out of the agreed time if it was announced in time and its allowance is not used up. Work that has begun
    already is kept as a record; to excuse such time, see `fabd sla exclude`.
    """
    body: dict[str, object] = {
        "reason": reason,
        "start": instant(start, "--from"),
        "end": instant(until, "--until"),
        "scopes": [_scope(each) for each in over],
        "rule": rule,
        "time_zone": zone,
    }
    if notice is not None:
        body["notice_at"] = instant(notice, "--notice")
    entry = daemon.post(WINDOWS, body)
    if as_json:
        print_json(entry)
        return
    say(f"maintenance {entry['id']}: {_times(entry)}, {_over(entry)}")
    if entry["created_at"] > entry["start"]:
        note("it has begun already: it is kept as a record, and no SLA leaves it out")


@app.command("list")
@remote
def list_(
    daemon: Daemon,
    all_: Annotated[bool, typer.Option("--all", help="Also what is over or cancelled.")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Announced work that goes on or is to come; with --all the whole calendar."""
    wanted = {} if all_ else {"over": "false"}
    print_list(daemon, WINDOWS, wanted, _listed, limit=limit, as_json=as_json, empty="nothing is announced")


@app.command("show")
@remote
def show_(daemon: Daemon, maintenance: _Maintenance, as_json: AsJson = False) -> None:
    """One entry with all that was said about it."""
    entry = daemon.get(f"{WINDOWS}/{segment(maintenance)}")
    if as_json:
        print_json(entry)
        return
    facts = {
        "when": _times(entry),
        "last ends": when(entry["until"]) if entry["rule"] else "",
        "about": _over(entry),
        "notice given": when(entry["notice_at"]),
        "announced": f"{when(entry['created_at'])} by {entry['created_by']}",
        "called off": ", ".join(when(each) for each in entry["skipped"]),
        "cancelled": f"{when(entry['cancelled_at'])} by {entry['cancelled_by']}" if entry["cancelled_at"] else "",
        "because": entry["cancel_reason"],
    }
    show_facts(str(entry["reason"]), facts)


@app.command()
@remote
def cancel(
    daemon: Daemon,
    maintenance: _Maintenance,
    *,
    occurrence: Annotated[str | None, typer.Option(metavar="TIME", help="Only the one that begins at this time.")] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why it does not take place.")] = "",
    as_json: AsJson = False,
) -> None:
    """Call work off: all of it from now on, or one time of a rule. What has been stays. Role: operator."""
    body: dict[str, object] = {"reason": reason}
    if occurrence is not None:
        body["occurrence"] = instant(occurrence, "--occurrence")
    entry = daemon.post(f"{WINDOWS}/{segment(maintenance)}/cancel", body)
    if as_json:
        print_json(entry)
    elif occurrence is not None:
        say(f"maintenance {entry['id']}: the one at {when(instant(occurrence, '--occurrence'))} is called off")
    else:
        say(f"maintenance {entry['id']} is cancelled from {when(entry['cancelled_at'])} on")


@app.command()
@remote
def export(
    daemon: Daemon,
    file: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="File to write; standard output otherwise.")
    ] = None,
) -> None:
    """The calendar as an iCalendar file (.ics), rules and all, for calendar programs."""
    text = daemon.text(f"{WINDOWS}/calendar.ics")
    if file is None:
        print_text(text.replace("\r\n", "\n"))
    else:
        write_text(file, text)
        say(f"{text.count('BEGIN:VEVENT')} entries in {file}")


def instant(text: str, option: str) -> str:
    """RFC 3339; raises `BadParameter`."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time; write it as 2031-01-12T01:00Z", param_hint=option) from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()


def _scope(text: str) -> dict[str, str]:
    kind, _, name = text.partition(":")
    if kind not in KINDS or not name:
        raise typer.BadParameter(f"{text!r}: write KIND:NAME with one of {', '.join(KINDS)}, as element:pe1", param_hint="--over")
    return {"kind": kind, "name": name}


def _times(entry: Document) -> str:
    once = f"{when(entry['start'])} .. {when(entry['end'])} UTC"
    return f"{once}, then {entry['rule']} ({entry['time_zone']})" if entry["rule"] else once


def _over(entry: Document) -> str:
    return ", ".join(f"{scope['kind']} {scope['name']}" for scope in entry["scopes"])


def _listed(entry: Document) -> dict[str, object]:
    return {
        "maintenance": entry["id"],
        "from": when(entry["start"]),
        "until": when(entry["end"]),
        "again": entry["rule"],
        "about": _over(entry),
        "reason": entry["reason"],
        "by": entry["created_by"],
        "state": "cancelled" if entry["cancelled_at"] else "announced",
    }
