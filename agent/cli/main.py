"""`fabd`: the commands, put together."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import config, customer, db, element, inventory, sim, spec, token
from agent.cli.run import run_daemon

HELP = (
    "Provisioning and assurance for network operators: from order to activation, from fault to SLA credit.\n\n"
    "Commands on config, db, token, inventory, customer, element and spec work on the settings and the database themselves and need "
    "no running daemon; the others ask it over HTTP, with the token in FABD_TOKEN."
)
DAEMON, NETWORK, LINE, SYSTEM = "The daemon", "The network", "Orders, faults and money", "The system"

app = typer.Typer(
    name="fabd",
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run() -> None:
    """Entry point of the command `fabd`."""
    app(prog_name="fabd")


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"fabd {version('fabd')}")
        raise typer.Exit


@app.callback()
def everywhere(
    context: typer.Context,
    config_file: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Settings file instead of ./fabd.toml (FABD_CONFIG).")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the program an error comes from.")] = False,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=lambda wanted: _print_version(wanted=wanted), is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    context.obj = {"config": config_file, "debug": debug}


app.command("run", rich_help_panel=DAEMON)(run_daemon)
app.add_typer(config.app, name="config", rich_help_panel=DAEMON)
app.add_typer(db.app, name="db", rich_help_panel=DAEMON)
app.add_typer(token.app, name="token", rich_help_panel=DAEMON)
app.add_typer(inventory.app, name="inventory", rich_help_panel=NETWORK)
app.add_typer(element.app, name="element", rich_help_panel=NETWORK)
app.add_typer(spec.app, name="spec", rich_help_panel=NETWORK)
app.add_typer(sim.app, name="sim", rich_help_panel=NETWORK)
app.add_typer(customer.app, name="customer", rich_help_panel=LINE)
