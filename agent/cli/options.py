"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer
from typer.models import ArgumentInfo


def argument(metavar: str, meaning: str) -> ArgumentInfo:
    """Of an argument that must be given."""
    info: ArgumentInfo = typer.Argument(metavar=metavar, help=meaning, show_default=False)
    return info


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most so many.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
InputFile = Annotated[Path, argument("FILE", "File to read; - reads standard input.")]
Files = Annotated[list[Path], argument("FILE…", "Files to read.")]
OfService = Annotated[str | None, typer.Option("--service", metavar="SERVICE", help="Only of this service.")]
