"""`fabd service`: how services stand on the network."""

import typer

from agent.cli import drift

app = typer.Typer(no_args_is_help=True, help="Services on the network: compare them with the intent, put them right.")

app.command("check-sync")(drift.check_service)
app.command("diff")(drift.diff_service)
app.command("redeploy")(drift.redeploy_service)
