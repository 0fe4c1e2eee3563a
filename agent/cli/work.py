"""`fabd work`."""

import typer

from agent.cli.command import local
from agent.cli.desk import Desk
from agent.cli.run import DataDir, LogFormat, LogLevel, flags
from agent.config import load_settings

app = typer.Typer()


@app.command("work")
@local
def work(
    desk: Desk,
    *,
    data_dir: DataDir = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
) -> None:
    """Carry out, on a core of its own, what `fabd run` places on the same PostgreSQL database.

    Until SIGTERM or Ctrl-C; work in progress is finished or journaled. It has no API, polls nothing and listens to nobody. Any
    number may run, on any hosts. Daemons carry orders out as well, unless their fulfillment.carry_out is false.
    """
    from agent.carrier import Carrier  # noqa: PLC0415  all of it is loaded only to run it
    from agent.process import run  # noqa: PLC0415  see above

    settings = load_settings(desk.config, flags(None, None, data_dir, log_level, log_format))
    raise typer.Exit(run(settings, Carrier))
