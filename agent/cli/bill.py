"""`fabd bill`: what customers owe."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from agent.cli.client import Daemon, Document, segment
from agent.cli.command import remote
from agent.cli.options import AsJson, Limit, argument
from agent.cli.output import note, print_json, print_text, say
from agent.cli.resources import ROOT, filters, print_list
from agent.cli.words import when
from crm_bridge.billstates import BillState

app = typer.Typer(no_args_is_help=True, help="Bills: make, print, accept and send them.")

_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
_Bill = Annotated[str, argument("BILL", "Id or number of the bill.")]


@app.command()
@remote
def create(
    daemon: Daemon,
    *,
    customer: Annotated[str, typer.Option(metavar="ACCOUNT", help="Account number of the customer.", show_default=False)],
    start: Annotated[
        datetime | None, typer.Option("--from", formats=_FORMATS, help="UTC; by default where the last bill ended.")
    ] = None,
    end: Annotated[datetime | None, typer.Option("--to", formats=_FORMATS, help="UTC, not included; by default now.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make the bill of a period that is over: recurring charges, usage, credits. The same period again gives the same bill."""
    period = {"start": _instant(start), "end": _instant(end)}
    asked = {name: text for name, text in period.items() if text is not None}
    bill = daemon.post(f"{ROOT}/customers/{segment(customer)}/bills", asked)
    _print(daemon, bill, as_json=as_json)


@app.command("show")
@remote
def show_(daemon: Daemon, bill: _Bill, as_json: AsJson = False) -> None:
    """Print one bill; the ids under its lines are for `fabd explain`."""
    path = f"{ROOT}/bills/{segment(bill)}"
    if as_json:
        print_json(daemon.get(path))
    else:
        print_text(daemon.text(path))


@app.command("list")
@remote
def list_(
    daemon: Daemon,
    customer: Annotated[str | None, typer.Option(metavar="ACCOUNT", help="Only of this customer.")] = None,
    state: Annotated[BillState | None, typer.Option(help="Only those that are so.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Bills, the latest first."""
    wanted = filters(account_number=customer, state=state)
    print_list(daemon, f"{ROOT}/bills", wanted, _listed, limit=limit, as_json=as_json, empty="there are no such bills")


@app.command()
@remote
def validate(daemon: Daemon, bill: _Bill) -> None:
    """Accept a bill that is on hold because too little of its usage was measured."""
    done = daemon.post(f"{ROOT}/bills/{segment(bill)}/validate", {})
    say(f"bill {done['number']} is {done['state']}")


@app.command()
@remote
def send(daemon: Daemon, bill: _Bill) -> None:
    """Send a bill; it never changes again."""
    done = daemon.post(f"{ROOT}/bills/{segment(bill)}/send", {})
    say(f"bill {done['number']} is {done['state']}")


def _print(daemon: Daemon, bill: Document, *, as_json: bool) -> None:
    if as_json:
        print_json(bill)
        return
    print_text(daemon.text(f"{ROOT}/bills/{segment(str(bill['id']))}"))
    note(f"bill {bill['id']} is {bill['state']}")


def _instant(at: datetime | None) -> str | None:
    return at.replace(tzinfo=UTC).isoformat() if at else None


def _listed(bill: Document) -> dict[str, object]:
    return {
        "bill": bill["id"],
        "number": bill["number"],
        "customer": bill["account_number"],
        "state": bill["state"],
        "from": when(bill["period_start"]),
        "to": when(bill["period_end"]),
        "total": f"{bill['total']} {bill['currency']}",
    }
