"""`fabd history`: what was measured, over time."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from agent.cli.client import Daemon, Document
from agent.cli.command import remote
from agent.cli.options import AsJson, Limit, argument
from agent.cli.output import note, print_json, say, show_facts
from agent.cli.resources import ROOT, filters, print_list
from agent.cli.words import when

app = typer.Typer(no_args_is_help=True, help="What was measured over time: traffic, errors, how full pools are.")

BARS = "▁▂▃▄▅▆▇█"
GAP = "·"
WIDTH = 72
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


@app.command("list")
@remote
def list_(
    daemon: Daemon,
    *,
    subject: Annotated[
        str | None, typer.Option(metavar="SUBJECT", help="Of this only, as port:pe1/ge-0/0/1, service:ID or pool:NAME.")
    ] = None,
    metric: Annotated[str | None, typer.Option(metavar="METRIC", help="Of this metric only, as in_bps.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """What has been measured, by subject."""
    empty = "nothing was measured yet; values of a service's ports are written every five minutes"
    print_list(
        daemon, f"{ROOT}/history", filters(subject=subject, metric=metric), _series, limit=limit, as_json=as_json, empty=empty
    )


@app.command()
@remote
def show(
    daemon: Daemon,
    subject: Annotated[str, argument("SUBJECT", "As port:pe1/ge-0/0/1, service:ID or pool:NAME.")],
    metric: Annotated[str, argument("METRIC", "As utilisation_ratio; `fabd history list` has them.")],
    *,
    since: Annotated[str, typer.Option(metavar="TIME", help="An instant, or how long ago: 90m, 6h, 30d.")] = "1d",
    until: Annotated[str | None, typer.Option(metavar="TIME", help="The same; now when left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """One series as a line of bars from 0 to its highest, with its extremes. Where nothing was measured there is a dot."""
    asked = {"subject": subject, "metric": metric, "since": _instant(since, "--since")}
    found = daemon.get(f"{ROOT}/history/points", asked | ({"until": _instant(until, "--until")} if until else {}))
    if as_json:
        print_json(found)
        return
    points = found["points"]
    measured = [point for point in points if point["mean"] is not None]
    if not measured:
        note(f"{metric} of {subject} was not measured between {when(points[0]['at'])} and {when(points[-1]['at'])}")
        return
    say(sparkline([point["mean"] for point in points]))
    show_facts(f"{metric} of {subject}", _facts(found, measured))


def sparkline(values: Sequence[float | None], width: int = WIDTH) -> str:
    """Each bar the mean of its part; from 0, or from the lowest where that is below 0."""
    count = min(width, len(values))
    parts = [values[number * len(values) // count : (number + 1) * len(values) // count] for number in range(count)]
    means = [sum(known) / len(known) if (known := [value for value in part if value is not None]) else None for part in parts]
    low = min(0.0, *(mean for mean in means if mean is not None), 0.0)
    span = max((mean for mean in means if mean is not None), default=0.0) - low
    return "".join(GAP if mean is None else BARS[_height(mean - low, span)] for mean in means)


def _height(value: float, span: float) -> int:
    return min(len(BARS) - 1, math.floor(value / span * len(BARS))) if span > 0 else 0


def _facts(found: Document, measured: Sequence[Document]) -> dict[str, object]:
    minutes = sum(point["minutes"] for point in measured)
    mean = sum(point["mean"] * point["minutes"] for point in measured) / minutes
    low, high = min(measured, key=lambda point: point["low"]), max(measured, key=lambda point: point["high"])
    return {
        "from": when(found["points"][0]["at"]),
        "until": when(measured[-1]["at"]),
        "step": f"{found['step_s'] // 60} min",
        "last": f"{measured[-1]['mean']:.6g}",
        "mean": f"{mean:.6g}",
        "lowest": f"{low['low']:.6g} at {when(low['at'])}",
        "highest": f"{high['high']:.6g} at {when(high['at'])}",
        "measured": f"{found['coverage']:.1%} of the time",
    }


def _series(found: Document) -> dict[str, object]:
    return {"subject": found["subject"], "metric": found["metric"]}


def _instant(text: str, option: str) -> str:
    """`6h` ago, or an instant; without a zone UTC."""
    if text[-1:] in _UNITS and text[:-1].isdecimal():
        try:
            return (datetime.now(UTC) - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})).isoformat()
        except OverflowError:
            raise typer.BadParameter(f"{text} is too long ago", param_hint=option) from None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is no time; write 6h, 30d, or an instant as 2026-11-22T09:00Z"
        raise typer.BadParameter(message, param_hint=option) from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()
