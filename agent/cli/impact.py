"""`fabd impact`: who would suffer, and what it would cost."""

from decimal import Decimal
from typing import Annotated

import typer

from agent.cli.client import Daemon, Document
from agent.cli.command import remote
from agent.cli.options import AsJson, argument
from agent.cli.output import print_json, say, show_rows
from agent.cli.resources import ROOT
from agent.cli.words import when

app = typer.Typer()

WORDS = {"down": "down", "cutOff": "cut off", "unprotected": "up, without a second way"}


@app.command("impact")
@remote
def impact(
    daemon: Daemon,
    what: Annotated[str, argument("OBJECT", "ELEMENT, ELEMENT/PORT, link:NAME, or the id of a problem.")],
    *,
    hours: Annotated[float, typer.Option(min=0.01, max=744, help="For how long it would last.")] = 4.0,
    as_json: AsJson = False,
) -> None:
    """Who would suffer if an element, port or link failed, and what it would cost.

    Now, in this period and by the contracts; nothing is changed.
    """
    found = daemon.get(f"{ROOT}/impact", {"object": what, "hours": str(hours)})
    if as_json:
        print_json(found)
        return
    say(_summary(found, hours))
    if found["cut_off"]:
        say(f"cut off: {', '.join(found['cut_off'])}")
    if found["at_risk"]:
        say(f"left with a single way: {', '.join(found['at_risk'])}")
    show_rows([_row(each, found["customers"]) for each in found["services"]], empty="no service would notice")


def _summary(found: Document, hours: float) -> str:
    hit = [each for each in found["services"] if each["state"] != "unprotected"]
    customers = {each["customer"] for each in hit}
    costs = ", ".join(f"{Decimal(amount):.2f} {currency}" for currency, amount in found["credits"].items()) or "nothing"
    services = f"{len(hit)} service{'' if len(hit) == 1 else 's'} of {len(customers)} customer{'' if len(customers) == 1 else 's'}"
    return f"{found['object']} down for {hours:g} h: {services} down, {costs} in credits"


def _row(service: Document, customers: Document) -> dict[str, object]:
    cost = service["cost"] or {}
    return {
        "service": service["service_id"],
        "customer": f"{service['customer']} {customers.get(service['customer'], '')}".strip(),
        "would be": WORDS.get(service["state"], service["state"]),
        "because of": service["because"],
        "missed from": when(cost.get("breach_at")),
        "expected": f"{Decimal(cost['expected']):.3f} %" if cost.get("expected") is not None else "",
        "credit": f"{Decimal(cost['credit_after']):.2f} {cost['currency']}" if cost else "",
    }
