"""`fabd inventory pool`: how full one pool is, and what is kept back in it."""

from collections.abc import Iterator
from typing import Annotated

import typer

from agent.cli.command import local
from agent.cli.desk import Desk
from agent.cli.options import AsJson, argument
from agent.cli.output import in_json, print_json, say, show_facts, show_rows
from agent.cli.words import BitRate, Count
from agent.security.audit import record
from inventory.allocation import reserve, unreserve
from inventory.fill import KeptBack, PoolFill, fill, forecasts, kept_back
from inventory.pools import BANDWIDTH, NUMBER_LIMITS

app = typer.Typer(no_args_is_help=True, help="One pool: how full it is, what is kept back in it, and when it will be exhausted.")

MOST_VALUES = 5_000
"""Of one range."""
_POOL = Annotated[str, argument("POOL", "Name of the pool.")]
_VALUES = Annotated[list[str], argument("VALUE…", "Values; of numbers also ranges, as 100-120.")]


@app.command("show")
@local
def show_(desk: Desk, pool: _POOL, as_json: AsJson = False) -> None:
    """One pool: use, rest, what is kept back and why, and the days until it is exhausted."""
    with desk.reading() as session:
        found = fill(session, pool, desk.clock.now())
        kept = kept_back(session, pool)
        left = forecasts(session, [found])[pool]
    facts = fill_facts(found, left)
    if as_json:
        print_json(in_json(facts) | {"keptBackValues": [_kept(each) for each in kept]})
        return
    show_facts(f"pool {pool}", {key: value for key, value in facts.items() if key != "pool"})
    if kept:
        show_rows([_kept(each) for each in kept], empty="")


@app.command("reserve")
@local
def reserve_(
    desk: Desk,
    pool: _POOL,
    values: _VALUES,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for those who meet it later.")] = "",
) -> None:
    """Keep values back: they are in use already, or are never to be given out. What a service has is refused."""
    at = desk.clock.now()
    with desk.writing() as session:
        kind = fill(session, pool).kind
        done = [reserve(session, pool, value, reason=reason, at=at) for value in _expanded(kind, values)]
        record(session, desk.actor, "reserve", f"pool {pool}", at, after={"values": done, "reason": reason})
    say(f"{pool}: {_listed(done)} kept back")


@app.command("release")
@local
def release_(desk: Desk, pool: _POOL, values: _VALUES) -> None:
    """Give values back that were kept back: they can be given out at once."""
    at = desk.clock.now()
    with desk.writing() as session:
        found = fill(session, pool)
        reasons = {each.value: each.reason for each in kept_back(session, pool)}
        done = [unreserve(session, pool, value, at) for value in _expanded(found.kind, values)]
        before = {"values": {value: reasons.get(value, "") for value in done}}
        record(session, desk.actor, "release", f"pool {pool}", at, before=before)
    say(f"{pool}: {_listed(done)} can be given out")


def fill_facts(pool: PoolFill, left: int | None) -> dict[str, object]:
    """`left`: days until it is exhausted; None when that is not known."""
    shown = BitRate if pool.kind == BANDWIDTH else Count
    return {
        "pool": pool.name,
        "kind": pool.kind,
        "size": shown(pool.size),
        "used": shown(pool.allocated),
        "resting": shown(pool.quarantined),
        "kept back": shown(pool.reserved),
        "free": shown(pool.free),
        "days left": "unknown" if left is None else left,
        "note": "low" if pool.low else "",
    }


def _kept(each: KeptBack) -> dict[str, object]:
    return {"value": each.value, "reason": each.reason, "since": each.since}


def _listed(values: list[str]) -> str:
    return ", ".join(values) if len(values) <= 5 else f"{len(values)} values, {values[0]} to {values[-1]},"  # noqa: PLR2004  shown


def _expanded(kind: str, values: list[str]) -> Iterator[str]:
    """`100-102` of a pool of numbers → 100, 101, 102; everything else as it is."""
    for value in values:
        first, dash, last = value.partition("-")
        if not (kind in NUMBER_LIMITS and dash and first.isdecimal() and last.isdecimal()):
            yield value
            continue
        if not 0 <= int(last) - int(first) < MOST_VALUES:
            raise typer.BadParameter(f"{value} is no range of up to {MOST_VALUES} values", param_hint="VALUE")
        yield from map(str, range(int(first), int(last) + 1))
