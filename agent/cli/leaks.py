"""`fabd inventory audit`: do the books fit together, and does the network use what nobody has?"""

from typing import Annotated

import typer

from agent.catalog import load_catalog
from agent.cli.command import FAILED, local
from agent.cli.desk import Desk
from agent.cli.options import AsJson
from agent.cli.output import note, print_json, say, show_rows
from agent.cli.reach import doors
from agent.fulfillment.leaks import Books, Leak, read_books
from agent.fulfillment.unowned import Search, Sightings
from agent.security.audit import record
from inventory.allocation import reserve
from inventory.db import Database
from inventory.elements import element
from inventory.exhaustion import FOUND_IN_USE


@local
def audit(
    desk: Desk,
    names: Annotated[
        list[str] | None, typer.Option("--element", metavar="NAME", help="Ask only this element; may be repeated.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Look only at the books, ask no element.")] = False,
    reserve_found: Annotated[
        bool, typer.Option("--reserve-found", help="Keep back what the network uses and nobody has, so that it is not given out.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find what leaked: values, ports and parts without a service, services without a value, values in use that nobody has.

    Reads the running configuration of every element that is not locked, and changes none. Ends with 1 when something was found.
    """
    with desk.database() as database:
        books, seen = _look(desk, database, names, offline=offline)
        leaks = [*books.leaks, *seen.leaks]
        kept = _keep_back(desk, database, leaks) if reserve_found else []
    if as_json:
        print_json(_document(leaks, books, seen, kept))
    else:
        _show(leaks, books, seen, kept)
    if leaks:
        raise typer.Exit(FAILED)


def _look(desk: Desk, database: Database, names: list[str] | None, *, offline: bool) -> tuple[Books, Sightings]:
    platforms = desk.platforms
    realises = {name: platforms.load(name).realises for name in platforms.names()}
    with database.read_at_length() as session:
        for name in names or ():
            element(session, name)
        books = read_books(session, load_catalog(desk.settings.catalog), realises)
    if offline:
        return books, Sightings((), ())
    with doors(desk, database) as reach:
        return books, Search(database, reach, platforms.load).run(names)


def _keep_back(desk: Desk, database: Database, leaks: list[Leak]) -> list[Leak]:
    at = desk.clock.now()
    found = {(leak.pool, leak.value): leak for leak in reversed(leaks) if leak.value}
    with database.write() as session:
        for (pool, value), leak in sorted(found.items()):
            reserve(session, pool, value, reason=f"{FOUND_IN_USE} on {leak.object.removeprefix('element ')}", at=at)
        if found:
            values = [f"{pool} {value}" for pool, value in sorted(found)]
            record(session, desk.actor, "reserve", "inventory", at, after={"found in use": values})
    return [leak for _, leak in sorted(found.items())]


def _show(leaks: list[Leak], books: Books, seen: Sightings, kept: list[Leak]) -> None:
    if leaks:
        show_rows([_row(leak) for leak in leaks], empty="")
    else:
        say(f"nothing leaked; {len(seen.asked)} elements were asked")
    for leak in kept:
        say(f"kept back: {leak.value} of pool {leak.pool}")
    for name, reason in sorted(seen.unasked.items()):
        note(f"{name} was not asked: {reason}")
    for service, reason in sorted(books.unjudged.items()):
        note(f"what {service} should hold is not known: {reason}")


def _row(leak: Leak) -> dict[str, object]:
    return {"what": leak.kind.value, "where": leak.object, "finding": leak.message, "to do": leak.remedy}


def _document(leaks: list[Leak], books: Books, seen: Sightings, kept: list[Leak]) -> dict[str, object]:
    return {
        "leaks": [
            {
                "kind": leak.kind.value,
                "object": leak.object,
                "message": leak.message,
                "remedy": leak.remedy,
                "pool": leak.pool,
                "value": leak.value,
            }
            for leak in leaks
        ],
        "asked": list(seen.asked),
        "unasked": dict(seen.unasked),
        "unjudged": dict(books.unjudged),
        "keptBack": [f"{leak.pool} {leak.value}" for leak in kept],
    }
