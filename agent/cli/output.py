"""What commands print: tables for people, JSON for programs, remarks and errors apart from both on standard error.

Nothing printed here can steer the terminal: control characters in data are shown as what they are.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.cli.words import when

Row = Mapping[str, object]
"""Title → value."""

UNLIMITED_WIDTH = 100_000
"""Columns outside a terminal: what is piped is never cut or wrapped."""

_DIFF = {"+": "green", "-": "red", "@": "cyan"}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_STYLES = {
    "green": {"active", "completed", "done", "resolved", "closed", "delivered", "up", "trusted", "sent", "kept", "created"},
    "red": {
        "failed",
        "critical",
        "major",
        "down",
        "dead",
        "inDoubt",
        "revoked",
        "expired",
        "violated",
        "rejected",
        "cut",
        "missed",
    },
    "yellow": {"inProgress", "acknowledged", "pending", "held", "partial", "warning", "minor", "waiting", "running", "unknown"},
}


def print_rows(rows: Sequence[Row], *, as_json: bool, empty: str) -> None:
    """As a table or as JSON with the titles as keys."""
    if as_json:
        print_json([in_json(row) for row in rows])
    else:
        show_rows(rows, empty=empty)


def show_rows(rows: Sequence[Row], *, empty: str) -> None:
    """A table with the keys of the first row as titles, or on standard error the sentence `empty`."""
    if not rows:
        note(empty)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title, value in rows[0].items():
        table.add_column(title, justify="right" if _is_number(value) else "left", overflow="fold", header_style="bold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    _print(table)


def show_facts(title: str, facts: Mapping[str, object]) -> None:
    """One object: its title, then name and value on each line. Values that are not there are left out."""
    stdout().print(Text(clean(title), style="bold"))
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value not in (None, "", [], {}, ()):
            table.add_row(Text(f"  {name}"), _cell(value))
    _print(table)


def show_text(title: str, text: str) -> None:
    """A titled block, such as a native payload; its lines stay as they are."""
    console = stdout()
    console.print(Text(clean(title), style="bold"))
    console.print(Text(clean(text.rstrip("\n"))), soft_wrap=True)


def show_diff(title: str, text: str) -> None:
    """A titled unified difference: what comes in green, what goes in red."""
    console = stdout()
    console.print(Text(clean(title), style="bold"))
    for line in clean(text).splitlines():
        console.print(Text(line, style=_DIFF.get(line[:1], "")), soft_wrap=True)


def print_text(text: str) -> None:
    """Text that is laid out already."""
    sys.stdout.write(clean(text))


def say(text: str) -> None:
    """The command's result in words."""
    stdout().print(Text(clean(text)), soft_wrap=True)


def print_json(data: object) -> None:
    sys.stdout.write(json.dumps(data, indent=2, default=_plain) + "\n")


def in_json(row: Row) -> dict[str, object]:
    """With keys as programs write them: `managed by` → `managedBy`."""
    return {_camel(title): value for title, value in row.items()}


def note(text: str) -> None:
    """A remark that is no part of the result."""
    stderr().print(Text(clean(text), style="dim"), soft_wrap=True)


def complain(text: str) -> None:
    """An error, each of its lines with the program's name before it."""
    for line in clean(text).splitlines() or ["failed"]:
        stderr().print(Text.assemble(("fabd: ", "bold red"), line), soft_wrap=True)


def stdout() -> Console:
    """Made when needed: tests and pipes replace the stream."""
    return _console(error=False)


def stderr() -> Console:
    return _console(error=True)


def clean(text: str) -> str:
    """Without characters that a terminal would obey."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _print(table: Table) -> None:
    """Outside a terminal without the blanks that fill columns up."""
    console = stdout()
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def _console(*, error: bool) -> Console:
    console = Console(stderr=error, highlight=False, emoji=False)
    if not console.is_terminal:
        console = Console(stderr=error, highlight=False, emoji=False, width=UNLIMITED_WIDTH)
    return console


def _cell(value: object) -> Text:
    if isinstance(value, Text):
        return value
    if value is None:
        return Text("")
    if isinstance(value, datetime):
        return Text(when(value))
    text = clean(", ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value))
    return Text(text, style=_style(text))


def _style(text: str) -> str:
    return next((style for style, words in _STYLES.items() if text in words), "")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _camel(title: str) -> str:
    first, *others = title.split()
    return first + "".join(word.capitalize() for word in others)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return sorted(value, key=str) if isinstance(value, set | frozenset) else str(value)
