"""`fabd`: the commands, put together."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from agent.cli import (
    alarm,
    audit,
    bill,
    config,
    customer,
    db,
    element,
    events,
    inventory,
    order,
    plan,
    problem,
    sim,
    sla,
    spec,
    ticket,
    token,
    usage,
)
from agent.cli.demo import demo
from agent.cli.explain import explain
from agent.cli.run import run_daemon

HELP = (
    "Provisioning and assurance for network operators: from order to activation, from fault to SLA credit.\n\n"
    "Commands on config, db, token, inventory, customer, element and spec work on the settings and the database themselves and "
    "need no running daemon; the others ask it over HTTP, with the token in FABD_TOKEN."
)
DAEMON, NETWORK, ORDERS, FAULTS, MONEY = "The daemon", "The network", "Customers and orders", "Faults", "Money"
GROUPS = {
    DAEMON: {"config": config, "db": db, "token": token, "events": events, "audit": audit},
    NETWORK: {"inventory": inventory, "element": element, "spec": spec, "sim": sim},
    ORDERS: {"customer": customer, "order": order, "plan": plan},
    FAULTS: {"alarm": alarm, "problem": problem, "ticket": ticket},
    MONEY: {"usage": usage, "sla": sla, "bill": bill},
}
ORDER = ["demo", "run", *(name for groups in GROUPS.values() for name in groups), "explain"]


class _InOrder(TyperGroup):
    """Lists the commands as they are put together here, not commands before groups."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401  Typer's own
        super().__init__(**attributes)
        self.commands = {name: self.commands[name] for name in sorted(self.commands, key=_place)}


def _place(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)


app = typer.Typer(
    name="fabd",
    cls=_InOrder,
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
app.command("demo", rich_help_panel=DAEMON)(demo)
for panel, groups in GROUPS.items():
    for name, group in groups.items():
        app.add_typer(group.app, name=name, rich_help_panel=panel)
app.command("explain", rich_help_panel=MONEY)(explain)
