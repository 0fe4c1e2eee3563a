"""`fabd freeze`: times in which no plan begins to change the network."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from agent.cli.client import Daemon, Document, segment
from agent.cli.command import remote
from agent.cli.options import AsJson, Limit, argument
from agent.cli.output import print_json, say
from agent.cli.resources import ROOT, print_list
from agent.cli.words import when

app = typer.Typer(no_args_is_help=True, help="Change freezes: when no plan begins to change the network.")

FREEZES = f"{ROOT}/freezes"


@app.command()
@remote
def add(
    daemon: Daemon,
    reason: Annotated[str, argument("REASON", "Why nothing is to be changed: whoever waits reads it.")],
    *,
    until: Annotated[str, typer.Option(metavar="TIME", help="When it ends, e.g. 2031-01-03T06:00Z; without a zone it is UTC.")],
    start: Annotated[str | None, typer.Option("--from", metavar="TIME", help="When it begins; now when left out.")] = None,
    urgent_passes: Annotated[bool, typer.Option("--urgent-passes", help="Orders of priority 0 go on all the same.")] = False,
    as_json: AsJson = False,
) -> None:
    """Announce a freeze. What has begun goes on, and what only takes away is never held back. Role: operator.

    Weekly freezes stand in the settings (fulfillment.freeze).
    """
    body: dict[str, object] = {"reason": reason, "end": _instant(until, "--until"), "urgent_passes": urgent_passes}
    if start is not None:
        body["start"] = _instant(start, "--from")
    _tell(daemon.post(FREEZES, body), as_json=as_json)


@app.command("list")
@remote
def list_(
    daemon: Daemon,
    all_: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Freezes that go on or are to come."""
    wanted = {} if all_ else {"end.gt": datetime.now(UTC).isoformat()}
    print_list(daemon, FREEZES, wanted, _listed, limit=limit, as_json=as_json, empty="nothing is frozen")


@app.command()
@remote
def end(daemon: Daemon, freeze: Annotated[str, argument("FREEZE", "Id of the freeze.")], as_json: AsJson = False) -> None:
    """End a freeze now, or before it begins; the plans that it held back begin. Role: operator."""
    _tell(daemon.post(f"{FREEZES}/{segment(freeze)}/end", {}), as_json=as_json)


def _instant(text: str, option: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time; write it as 2030-12-20T18:00Z", param_hint=option) from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()


def _tell(freeze: Document, *, as_json: bool) -> None:
    if as_json:
        print_json(freeze)
    else:
        say(f"freeze {freeze['id']}: from {when(freeze['start'])} until {when(freeze['end'])} UTC, {freeze['reason']}")


def _listed(freeze: Document) -> dict[str, object]:
    return {
        "freeze": freeze["id"],
        "from": when(freeze["start"]),
        "until": when(freeze["end"]),
        "reason": freeze["reason"],
        "urgent passes": "yes" if freeze["urgent_passes"] else "no",
        "by": freeze["created_by"],
        "ended by": freeze["ended_by"],
    }
