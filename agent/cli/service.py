"""`fabd service`: what stands on the network, how it is, and how it stands beside the intent."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from agent.cli import drift
from agent.cli.client import Daemon, Document, segment
from agent.cli.command import remote
from agent.cli.facts import flat
from agent.cli.options import AsJson, Limit, argument
from agent.cli.output import print_json, show_facts, show_rows
from agent.cli.resources import ROOT, filters, print_list, texts
from agent.cli.words import taken, when

app = typer.Typer(
    no_args_is_help=True, help="Services: list them, show how they are; compare them with the intent, put them right."
)

SERVICES = f"{ROOT}/services"
ENDED = "terminated"
SHOWN = 5
"""Intervals of health."""


class Health(StrEnum):
    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


@app.command("list")
@remote
def list_(
    daemon: Daemon,
    *,
    down: Annotated[bool, typer.Option("--down", help="Only those that are down.")] = False,
    health: Annotated[Health | None, typer.Option(help="Only those that are so.")] = None,
    customer: Annotated[str | None, typer.Option(metavar="ACCOUNT", help="Only of this customer.")] = None,
    element: Annotated[str | None, typer.Option(metavar="NAME", help="Only with a part on this element.")] = None,
    spec: Annotated[str | None, typer.Option(metavar="SPECIFICATION", help="Only of this specification.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Services and how they are, those that are down first."""
    if down and health not in {None, Health.DOWN}:
        raise typer.BadParameter(f"--down is --health down; leave one of them out, or it cannot be {health}", param_hint="--health")
    wanted = filters(health=Health.DOWN if down else health, customer=customer, specification=spec, elements=element)
    if not all_:
        wanted["state.ne"] = ENDED
    print_list(daemon, SERVICES, wanted, _listed, limit=limit, as_json=as_json, empty="there are no such services")


@app.command()
@remote
def show(daemon: Daemon, service: Annotated[str, argument("SERVICE", "Id of the service.")], as_json: AsJson = False) -> None:
    """One service: how it is and since when, what is wrong, its values, where it stands, and what was agreed."""
    view, health = daemon.get(f"{SERVICES}/{segment(service)}"), daemon.get(f"{SERVICES}/{segment(service)}/health")
    entry = daemon.pages(SERVICES, filters(id=service), limit=1).items[0]
    whole = view | {name: entry[name] for name in ("health", "since", "reason", "sla", "problems", "tickets")}
    if as_json:
        print_json(whole | {"states": health["states"]})
        return
    show_facts(f"{view['name']} ({view['id']})", _facts(whole))
    show_facts("values", _values(view))
    show_rows([_part(view, part) for part in view["parts"]], empty="it stands on no element")
    show_rows([_spell(each) for each in health["states"][:SHOWN]], empty="its health was never known")


def _facts(service: Document) -> dict[str, object]:
    return {
        "specification": f"{service['specification']} {service['specification_version']}",
        "customer": service["customer"],
        "state": service["state"] + (f" ({service['suspension_reason']})" if service["suspension_reason"] else ""),
        "health": service["health"],
        "since": when(service["since"]),
        "because": service["reason"],
        "open problems": texts(service["problems"]),
        "tickets": texts(service["tickets"]),
        "agreement": " ".join(each for each in (service["agreement"], service["sla"] and f"(SLA {service['sla']})") if each),
        "links": texts(service["links"]),
        "ordered": when(service["created_at"]),
        "active since": when(service["started_at"]),
        "ended": when(service["ended_at"]),
    }


def _values(service: Document) -> Mapping[str, Any]:
    """What was ordered, and what it was given of pools."""
    given = {role: f"{taken(each)} (pool {each['pool']})" for role, each in sorted(service["allocations"].items())}
    vlans = {f"VLAN on {claim['port']}": claim["vlan"] or "none, the whole port" for claim in service["claims"]}
    return flat(service["characteristics"]) | given | vlans


def _part(service: Document, part: Document) -> dict[str, object]:
    ports = [each for each in service["ports"] if each["reference"].partition("/")[0] == part["element"]]
    return {
        "element": part["element"],
        "platform": part["platform"],
        "ports": [f"{each['reference'].partition('/')[2]} ({each['role']})" for each in ports],
        "adopted": when(part["adopted_at"]),
    }


def _spell(state: Document) -> dict[str, object]:
    return {"health": state["state"], "from": when(state["start"]), "to": when(state["end"]), "reason": state["reason"]}


def _listed(service: Document) -> dict[str, object]:
    return {
        "service": service["id"],
        "name": service["name"],
        "customer": service["customer"],
        "state": service["state"],
        "health": service["health"],
        "since": when(service["since"]),
        "because": service["reason"],
        "elements": texts(service["elements"]),
        "problems": texts(service["problems"]),
        "sla": service["sla"],
    }


app.command("check-sync")(drift.check_service)
app.command("diff")(drift.diff_service)
app.command("redeploy")(drift.redeploy_service)
