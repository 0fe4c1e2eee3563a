"""`fabd outbox`: what was told to whom."""

from typing import Annotated

import typer

from agent.cli.client import Daemon, Document, segment
from agent.cli.command import remote
from agent.cli.options import AsJson, Limit, argument
from agent.cli.output import say
from agent.cli.resources import ROOT, filters, print_list
from agent.cli.words import when

app = typer.Typer(no_args_is_help=True, help="The outbox: events that were told, to whom, and what could not be delivered.")


@app.command("list")
@remote
def list_(
    daemon: Daemon,
    *,
    kind: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="E.g. serviceOrderStateChangeEvent.")] = None,
    about: Annotated[str | None, typer.Option("--about", metavar="OBJECT", help="E.g. order:ord-….")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Events, the latest first; with --json their content."""
    wanted = filters(type=kind, aggregate=about)
    print_list(daemon, f"{ROOT}/events", wanted, _event, limit=limit, as_json=as_json, empty="there are no such events")


@app.command()
@remote
def subscriptions(daemon: Daemon, limit: Limit = 100, as_json: AsJson = False) -> None:
    """Who is told, and how much of it is delivered, due or given up."""
    empty = "nobody is told; add [[outbox.webhooks]] to the settings, or register at the hub of an API"
    print_list(daemon, f"{ROOT}/subscriptions", {}, _subscription, limit=limit, as_json=as_json, empty=empty)


@app.command()
@remote
def dead(daemon: Daemon, limit: Limit = 100, as_json: AsJson = False) -> None:
    """Deliveries that were given up."""
    wanted = filters(state="dead")
    print_list(daemon, f"{ROOT}/deliveries", wanted, _delivery, limit=limit, as_json=as_json, empty="nothing was given up")


@app.command()
@remote
def replay(
    daemon: Daemon,
    subscription: Annotated[str, argument("SUBSCRIPTION", "Id of the subscription; see `fabd outbox subscriptions`.")],
    sequence: Annotated[int | None, typer.Option(min=1, help="Only the event of this number, not all.")] = None,
) -> None:
    """Deliver again what was given up."""
    done = daemon.post(f"{ROOT}/subscriptions/{segment(subscription)}/replay", {} if sequence is None else {"sequence": sequence})
    say(f"{done['events']} events will be delivered again")


def _event(event: Document) -> dict[str, object]:
    return {
        "number": event["sequence"],
        "at": when(event["at"]),
        "type": event["type"],
        "about": event["aggregate"],
        "correlation id": event["correlation_id"],
    }


def _subscription(subscription: Document) -> dict[str, object]:
    deliveries = subscription["deliveries"]
    return {
        "subscription": subscription["id"],
        "kind": subscription["kind"],
        "callback": subscription["callback"],
        "filter": subscription["query"],
        "state": subscription["state"],
        **{state: deliveries.get(state, 0) for state in ("delivered", "due", "dead")},
    }


def _delivery(delivery: Document) -> dict[str, object]:
    return {
        "event": delivery["event_sequence"],
        "subscription": delivery["subscription_id"],
        "attempts": delivery["attempts"],
        "last error": delivery["last_error"],
    }
