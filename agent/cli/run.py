"""`fabd run`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from agent.cli.command import local
from agent.cli.desk import Desk
from agent.config import load_settings

app = typer.Typer()

DataDir = Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where fabd keeps its files, instead of data_dir.")]
LogLevel = Annotated[str | None, typer.Option(metavar="LEVEL", help="debug, info, warning or error.")]
LogFormat = Annotated[str | None, typer.Option(metavar="FORMAT", help="auto, console or json.")]
"""Of every process that runs in the foreground, for `flags`."""


@app.command("run")
@local
def run_daemon(
    desk: Desk,
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on, instead of api.host.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="TCP port, instead of api.port; 0 takes a free one.")] = None,
    data_dir: DataDir = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
) -> None:
    """Run the daemon in the foreground until SIGTERM or Ctrl-C; work in progress is finished or journaled."""
    from agent.daemon import Daemon  # noqa: PLC0415  the whole daemon is loaded only to run it
    from agent.process import run  # noqa: PLC0415  see above

    settings = load_settings(desk.config, flags(host, port, data_dir, log_level, log_format))
    raise typer.Exit(run(settings, Daemon))


def flags(
    host: str | None, port: int | None, data_dir: Path | None, log_level: str | None, log_format: str | None
) -> dict[str, Any]:
    """As a settings document; what was not given is left out."""
    document = {
        "data_dir": data_dir,
        "api": {"host": host, "port": port},
        "log": {"level": log_level, "format": log_format},
    }
    return {
        key: {name: each for name, each in value.items() if each is not None} if isinstance(value, dict) else value
        for key, value in document.items()
        if value is not None
    }
