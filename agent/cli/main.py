"""`fabd`: the commands, put together."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from agent.cli.later import Later

HELP = (
    "Provisioning and assurance for network operators: from order to activation, from fault to SLA credit.\n\n"
    "Commands on config, db, token, inventory, customer, element and spec work on the settings and the database themselves and "
    "need no running daemon; the others ask it over HTTP, with the token in FABD_TOKEN."
)
COMMANDS = {
    "The daemon": {
        "demo": "Play the whole line on a simulated network: orders, a fault, tickets, a bill with its SLA credit, and why.",
        "run": "Run the daemon in the foreground until SIGTERM or Ctrl-C; work in progress is finished or journaled.",
        "work": "Carry out, on a core of its own, what `fabd run` places on the same PostgreSQL database.",
        "config": "Settings: check them, show them, and what can be set.",
        "db": "Keep the database: make or upgrade it, check it, back it up, restore it.",
        "token": "Tokens of the API: make, list and revoke them.",
        "outbox": "The outbox: events that were told, to whom, and what could not be delivered.",
        "audit": "The audit trail: who changed what, when, from where.",
    },
    "The network": {
        "inventory": "The network as data: import it from a file, export it, look at it, compare it.",
        "element": "Network elements: list them, trust their host keys, settle those in doubt, compare them with the intent.",
        "service": "Services: list them, show how they are; compare them with the intent, put them right.",
        "spec": "Service specifications: list and show them; make, check and render your own.",
        "sim": "A simulated network that speaks the real protocols: run it, look at it, break it.",
    },
    "Customers and orders": {
        "customer": "Customers and their agreements: import them from a file, look at them.",
        "order": "Orders: see what one would do, place it, watch it, cancel it, look back.",
        "plan": "Plans: phases, elements, milliseconds, what was sent and answered; approve or reject them.",
        "freeze": "Change freezes: when no plan begins to change the network.",
        "maintenance": "The maintenance calendar: announced work holds alarms, and contracts leave some of it out.",
    },
    "Faults": {
        "events": "What elements say: traps, syslog, notifications; the rules for them, and recordings.",
        "alarm": "Alarms: what stands, why each is a cause or a symptom, who takes care of it.",
        "action": "Actions: what is done about alarms by rules, or proposed; and why it is, or is not.",
        "problem": "Problems: one per root cause, with its alarms, services and tickets.",
        "impact": "Who would suffer if an element, port or link failed, and what it would cost.",
        "measure": "Loss, delay and jitter, by ICMP echo or STAMP (RFC 8762).",
        "history": "What was measured over time: traffic, errors, how full pools are.",
        "collector": "What elements are asked beside SNMP: neighbours, optical power; and what they answered.",
        "foresight": "Early warnings: what will be at its limit or is unusual, and the rules for that.",
        "ticket": "Tickets: one per problem and affected customer.",
    },
    "Money": {
        "usage": "Usage records: octets per service and bin of time.",
        "sla": "Service levels: what was promised, how a service fares, what was missed.",
        "bill": "Bills: make, print, accept and send them.",
        "explain": "Walk back from a bill line, credit or ticket to the samples, alarms and polls behind it.",
    },
}
"""Panel → command → what the list says of it, in the order of the list; a module each."""


class _Listed(TyperGroup):
    """All commands, none of them loaded."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401  Typer's own
        super().__init__(**attributes)
        for panel, titles in COMMANDS.items():
            for name, title in titles.items():
                self.commands[name] = Later(name, title=title, panel=panel)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401  Typer's own
        del ctx
        return list(self.commands)


app = typer.Typer(
    name="fabd",
    cls=_Listed,
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
