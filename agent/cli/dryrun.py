"""A dry run as people read it: what an order would take, what would change where, what would be sent, and who would feel it."""

from agent.cli.client import Document
from agent.cli.output import note, say, show_diff, show_rows, show_text
from agent.cli.words import taken


def show_preview(preview: Document, *, reverse: bool = False) -> None:
    """`reverse`: also how each change would be undone."""
    show_rows([_value(each) for each in preview["allocations"]], empty="it would take nothing from pools")
    for each in preview["released"]:
        say(f"item {each['item']} would give back {each['role']} {taken(each)} to pool {each['pool']}")
    for plan in preview["plans"]:
        say(f"\nin one transaction: item {', '.join(plan['items'])}")
        if plan["approval"]:
            say(f"it would have to be approved: {plan['approval']}")
        for change in plan["changes"]:
            _show_change(change, reverse=reverse)
        if not plan["changes"]:
            note("it would change no element")
    _show_impact(preview["impact"])
    note("nothing was kept or sent")


def _show_change(change: Document, *, reverse: bool) -> None:
    name = f"{change['element']} ({change['platform']}, {change['commitment']})"
    show_diff(f"\n{name}: what the services have there", change["diff"])
    show_text(f"{change['element']} would be sent", change["payload"] or "nothing")
    if reverse:
        show_text(f"{change['element']}: undone by", change["reverse"])


def _show_impact(impact: Document) -> None:
    say("\nimpact")
    for change in impact["changed"]:
        service = change["service"]
        say(f"  item {change['item']} would {change['action']} {service['name']} ({service['id']}, {service['state']})")
    show_rows([_element(each) for each in impact["elements"]], empty="no element would be touched")
    for element in impact["elements"]:
        for port in element["ports"]:
            for service in port["services"]:
                say(f"  {port['port']} also carries {service['name']} ({service['id']}, {service['state']})")
            if port["count"] > len(port["services"]):
                say(f"  {port['port']} carries {port['count'] - len(port['services'])} more")


def _value(value: Document) -> dict[str, object]:
    return {"item": value["item"], "has": value["role"], "of pool": value["pool"], "value": taken(value)}


def _element(element: Document) -> dict[str, object]:
    return {
        "element": element["element"],
        "lines added": element["added"],
        "lines removed": element["removed"],
        "other services there": element["services"],
        "ports": ", ".join(port["port"] for port in element["ports"]),
    }
