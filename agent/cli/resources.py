"""Lists and objects of the daemon's API, printed."""

from collections.abc import Callable, Mapping

from agent.api.native.paths import ROOT
from agent.cli.client import Daemon, Document
from agent.cli.output import note, print_json, show_rows

__all__ = ["ROOT", "filters", "print_list", "texts"]


def print_list(
    daemon: Daemon,
    path: str,
    params: Mapping[str, str],
    row: Callable[[Document], Mapping[str, object]],
    *,
    limit: int,
    as_json: bool,
    empty: str,
) -> None:
    """As a table of what `row` makes of each object, or as the API's own JSON. Says so when there are more."""
    found = daemon.pages(path, params, limit=limit)
    if as_json:
        print_json(found.items)
    else:
        show_rows([row(each) for each in found.items], empty=empty)
    if found.total > len(found.items):
        note(f"{len(found.items)} of {found.total}; see more with --limit")


def filters(**given: str | None) -> dict[str, str]:
    """Those that were given; `related__id` stands for `related.id`. Values are quoted: a comma in one is no list."""
    return {name.replace("__", "."): f'"{value}"' for name, value in given.items() if value is not None}


def texts(value: object) -> list[str]:
    """The items of a JSON list."""
    return [str(each) for each in value] if isinstance(value, list) else []
