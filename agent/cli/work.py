"""`fabd work`."""

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.command import local
from agent.cli.desk import Desk
from agent.cli.run import flags
from agent.config import load_settings

app = typer.Typer()


@app.command("work")
@local
def work(
    desk: Desk,
    *,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where fabd keeps its files, instead of data_dir.")
    ] = None,
    log_level: Annotated[str | None, typer.Option(metavar="LEVEL", help="debug, info, warning or error.")] = None,
    log_format: Annotated[str | None, typer.Option(metavar="FORMAT", help="auto, console or json.")] = None,
) -> None:
    """Carry out, on a core of its own, what `fabd run` places on the same PostgreSQL database.

    Until SIGTERM or Ctrl-C; work in progress is finished or journaled. It has no API, polls nothing and listens to nobody. Any
    number may run, on any hosts. Daemons carry orders out as well, unless their fulfillment.carry_out is false.
    """
    from agent.carrier import Carrier  # noqa: PLC0415  all of it is loaded only to run it
    from agent.process import run  # noqa: PLC0415  see above

    settings = load_settings(desk.config, flags(None, None, data_dir, log_level, log_format))
    raise typer.Exit(run(settings, Carrier))
