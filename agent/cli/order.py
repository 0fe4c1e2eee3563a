"""`fabd order`: placing orders and seeing what becomes of them."""

import uuid
from typing import Annotated

import typer

from agent.api.tmf.paths import SERVICE_ORDERING
from agent.cli.client import Daemon, Document, segment
from agent.cli.command import remote
from agent.cli.dryrun import show_preview
from agent.cli.errors import DaemonTimeout, DaemonUnreachable
from agent.cli.files import read_object
from agent.cli.options import AsJson, InputFile, Limit, argument
from agent.cli.output import complain, note, print_json, say, show_facts, show_rows
from agent.cli.resources import ROOT, filters, print_list, texts
from agent.cli.watch import DEADLINE_S, watch_order
from agent.cli.words import when
from agent.fulfillment.states import FINAL, ItemState

app = typer.Typer(no_args_is_help=True, help="Orders: see what one would do, place it, watch it, cancel it, look back.")

ORDERS = f"{SERVICE_ORDERING}/serviceOrder"
CANCELLATIONS = f"{SERVICE_ORDERING}/cancelServiceOrder"

_Order = Annotated[str, argument("ORDER", "Id of the order.")]
_Deadline = Annotated[float, typer.Option("--timeout", min=1, max=86_400, help="Seconds to wait for the end.")]


@app.command()
@remote
def submit(
    daemon: Daemon,
    file: InputFile,
    *,
    key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Idempotency key: with the same one an order is placed once.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Wait for the end; exit code 0 only when it is completed.")] = False,
    timeout: _Deadline = DEADLINE_S,
    as_json: AsJson = False,
) -> None:
    """Place an order: a TMF641 ServiceOrder as JSON or YAML. A refused one leaves nothing behind."""
    body = read_object(file)
    key = key or str(uuid.uuid4())
    try:
        order = daemon.post(ORDERS, body, key=key)
    except (DaemonTimeout, DaemonUnreachable):
        note(f"if it was placed all the same, this gives its answer and places nothing twice: fabd order submit {file} --key {key}")
        raise
    if watch:
        note(f"order {order['id']} is placed")
        _finish(daemon, str(order["id"]), timeout, as_json=as_json)
    elif as_json:
        print_json(order)
    else:
        say(f"order {order['id']} is {order['state']}; see it with: fabd order {_next(order)} {order['id']}")


@app.command()
@remote
def plan(
    daemon: Daemon,
    file: InputFile,
    reverse: Annotated[bool, typer.Option("--reverse", help="Also show how each change would be undone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what an order would take, change, send to each element, and whom it would touch. Nothing is written anywhere."""
    preview = daemon.post(f"{ROOT}/orders/plan", read_object(file))
    if as_json:
        print_json(preview)
    else:
        show_preview(preview, reverse=reverse)


@app.command("show")
@remote
def show_(daemon: Daemon, order: _Order, as_json: AsJson = False) -> None:
    """One order with its items, what went wrong, and its plans."""
    document = daemon.get(f"{ORDERS}/{segment(order)}")
    if as_json:
        print_json(document)
        return
    _show_order(document)
    plans = daemon.objects(f"{ROOT}/orders/{segment(order)}/plans")
    show_rows([_plan(each) for each in plans], empty="no plans")


@app.command()
@remote
def watch(daemon: Daemon, order: _Order, timeout: _Deadline = DEADLINE_S, as_json: AsJson = False) -> None:
    """Follow an order step by step to its end; exit code 0 only when it is completed."""
    _finish(daemon, order, timeout, as_json=as_json)


@app.command()
@remote
def cancel(
    daemon: Daemon,
    order: _Order,
    *,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the order and its plans.")] = "",
    watch: Annotated[bool, typer.Option("--watch", help="Wait for the end; exit code 0 only when nothing of it is left.")] = False,
    timeout: _Deadline = DEADLINE_S,
    as_json: AsJson = False,
) -> None:
    """Cancel an order: what has not begun never does, what is under way is undone, what was completed is taken back."""
    body: dict[str, object] = {"serviceOrder": {"id": order}}
    found = daemon.post(CANCELLATIONS, body | ({"cancellationReason": reason} if reason else {}), key=str(uuid.uuid4()))
    if watch:
        watch_order(daemon, f"{ORDERS}/{segment(order)}", f"{ROOT}/orders/{segment(order)}/plans", timeout)
        found = daemon.get(f"{CANCELLATIONS}/{segment(str(found['id']))}")
    if as_json:
        print_json(found)
    else:
        _show_cancellation(found, order)
    if watch and found["state"] != "done":
        raise typer.Exit(1)


@app.command()
@remote
def release(
    daemon: Daemon,
    order: _Order,
    item: Annotated[str, argument("ITEM", "Id of the item in the order.")],
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What was done; kept in the plan's timeline.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say that what an item waits for has been completed: it goes on."""
    document = daemon.post(f"{ROOT}/orders/{segment(order)}/items/{segment(item)}/release", {"note": note})
    if as_json:
        print_json(document)
    else:
        say(f"item {document['item']}: {document['waits_for']} was completed at {when(document['released_at'])}")


@app.command("list")
@remote
def list_(
    daemon: Daemon,
    *,
    state: Annotated[ItemState | None, typer.Option(help="Only those that are so.")] = None,
    customer: Annotated[str | None, typer.Option(metavar="ACCOUNT", help="Only orders of this customer.")] = None,
    external_id: Annotated[str | None, typer.Option(metavar="ID", help="Only the order with this external id.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Orders, the latest first."""
    wanted = filters(state=state, relatedParty__id=customer, externalId=external_id) | {"sort": "-orderDate"}
    print_list(daemon, ORDERS, wanted, _listed, limit=limit, as_json=as_json, empty="there are no such orders")


def _finish(daemon: Daemon, order: str, timeout: float, *, as_json: bool) -> None:
    document = watch_order(daemon, f"{ORDERS}/{segment(order)}", f"{ROOT}/orders/{segment(order)}/plans", timeout)
    if as_json:
        print_json(document)
    else:
        _show_order(document)
    if document["state"] != "completed":
        raise typer.Exit(1)


def _next(order: Document) -> str:
    """What to do to see more: an order that was placed before may have ended."""
    return "show" if order["state"] in FINAL else "watch"


def _show_order(document: Document) -> None:
    show_facts(
        f"order {document['id']}",
        {
            "state": document["state"],
            "description": document.get("description"),
            "external id": document.get("externalId"),
            "customer": _customer(document),
            "ordered": when(document.get("orderDate")),
            "begins": when(document.get("requestedStartDate")) if not document.get("startDate") else "",
            "started": when(document.get("startDate")),
            "completed": when(document.get("completionDate")),
            "wanted by": when(document.get("requestedCompletionDate")),
            "expected by": when(document.get("expectedCompletionDate")) if document["state"] not in FINAL else "",
            "cancelled": when(document.get("cancellationDate")),
            "because": document.get("cancellationReason"),
        },
    )
    show_rows([_item(each) for each in document.get("serviceOrderItem", [])], empty="no items")
    for item in document.get("serviceOrderItem", []):
        for error in item.get("errorMessage", []):
            say(f"item {item['id']}: {error['message']}")
    for alert in document.get("jeopardyAlert", []):
        say(f"in jeopardy since {when(alert['alertDate'])}: {alert['message']}")
    if document.get("milestone"):
        reached = sorted(document["milestone"], key=lambda each: str(each["milestoneDate"]))
        show_rows([_milestone(each) for each in reached], empty="no milestones")


def _show_cancellation(document: Document, order: str) -> None:
    state = str(document["state"])
    say(f"cancellation {document['id']} of order {order} is {state}")
    if document.get("completionMessage"):
        say(str(document["completionMessage"]))
    if document.get("errorMessage"):
        complain(str(document["errorMessage"].get("message") or document["errorMessage"].get("reason")))
    if state in {"accepted", "inProgress"}:
        say(f"see what becomes of it with: fabd order watch {order}")


def _milestone(reached: Document) -> dict[str, object]:
    items = [str(each.get("itemId") or each.get("id")) for each in reached.get("serviceOrderItem", [])]
    return {"reached": when(reached["milestoneDate"]), "milestone": reached["name"], "items": items, "what": reached.get("message")}


def _listed(document: Document) -> dict[str, object]:
    items = document.get("serviceOrderItem", [])
    return {
        "order": document["id"],
        "state": document["state"],
        "customer": _customer(document),
        "external id": document.get("externalId"),
        "items": len(items),
        "ordered": when(document.get("orderDate")),
        "ended": when(document.get("completionDate")),
    }


def _customer(document: Document) -> str:
    parties = document.get("relatedParty", [])
    return next((str(party.get("id", "")) for party in parties if str(party.get("role", "")).lower() == "customer"), "")


def _item(item: Document) -> dict[str, object]:
    service = item.get("service", {})
    specification = service.get("serviceSpecification", {})
    return {
        "item": item["id"],
        "action": item["action"],
        "specification": specification.get("id") or specification.get("name"),
        "service": service.get("id"),
        "state": item["state"],
    }


def _plan(plan: Document) -> dict[str, object]:
    return {
        "plan": plan["id"],
        "items": texts(plan["items"]),
        "state": plan["state"],
        "step": plan["step"],
        "decision": plan["decision"],
        "waits for": plan["waits"],
        "elements": [change["element"] for change in plan["changes"]],
        "ended": when(plan["finished_at"]),
    }
