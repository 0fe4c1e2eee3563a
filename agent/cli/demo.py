"""`fabd demo`."""

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.command import boundary

app = typer.Typer()
PORT = 8640


@app.command("demo")
def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="End after the story; exit 0 only if every step held.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object with every step's result and seconds; implies --once.")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the database and settings here; a scratch folder otherwise.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help=f"Port of the HTTP interface; {PORT}, or a free one with --once.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the daemon's log.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the program an error comes from.")] = False,
) -> None:
    """Play the whole line on a simulated network: orders, a fault, tickets, a bill with its SLA credit, and why.

    Eight elements on loopback speak NETCONF, a command line over SSH, and SNMP. Afterwards everything stays up until Ctrl-C.
    """
    with boundary(debug=debug):
        from agent.demo.show import Wishes, play  # noqa: PLC0415  the whole daemon is loaded only to run it

        ends = once or as_json
        port = (0 if ends else PORT) if port is None else port
        held = play(Wishes(ends, as_json, folder, port, "info" if verbose else "error"))
    raise typer.Exit(0 if held else 1)
