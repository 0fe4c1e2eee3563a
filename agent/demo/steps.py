"""The steps of the story, in their order."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from agent.api.native.paths import ROOT
from agent.api.tmf.paths import SERVICE_INVENTORY
from agent.assurance.levels.budgets import CAUSES as BUDGETS
from agent.demo.story import Step, StepFailed, Story, Told, errors_of, expect, until
from drivers.sim.faults import ElementFaults
from drivers.sim.network import SimNetwork

CUT = "sw1-pe3"
"""The link that breaks: the only way from access switch sw1, with customers of both accounts behind it."""
OUTAGE_S = 5.0
UNTOUCHED = ("pe2", "pe4", "sw2")
"""Elements of the order that is refused."""


def look_around(story: Story) -> Told:
    elements = story.stage.get(f"{ROOT}/elements")
    by_platform: dict[str, list[str]] = {}
    for element in elements:
        by_platform.setdefault(element["platform"], []).append(element["name"])
    ready = until(story.stage.ready, lambda found: found["ready"], "the daemon to be ready")
    return Told({"elements": len(elements), "platforms": by_platform, "customers": story.stage.accounts, "ready": ready["ready"]})


def order_internet(story: Story) -> Told:
    told = story.complete("acme", "head office", "branch")
    plan = story.stage.get(f"{ROOT}/plans/{story.plans['acme']}")
    told.facts["plan"] = plan["id"]
    told.exhibit_title = f"Plan {plan['id']}: one transaction over NETCONF, command line and SNMP"
    told.exhibit = "\n\n".join(f"--- {change['element']} ({change['platform']})\n{change['payload']}" for change in plan["changes"])
    return told


def order_line(story: Story) -> Told:
    return story.complete("bolt", "warehouses")


def order_vpn(story: Story) -> Told:
    return story.complete("acme-vpn", "private network")


def refuse(story: Story) -> Told:
    """pe4 refuses; the other elements of the order had accepted already."""
    before = {element: story.stage.running(element) for element in UNTOUCHED}
    held = story.stage.get(f"{SERVICE_INVENTORY}/service", fields="state", limit="1000")
    story.stage.sim.call(lambda network: ElementFaults.refuse_edit(network.elements["pe4"].faults, "Resources exhausted"))
    order = story.place("refused")
    expect(order["state"] == "failed", f"the order was to fail and is {order['state']}")
    words = errors_of(order)
    expect("Resources exhausted" in words, f"the element's own words are missing from: {words}")
    for element, text in before.items():
        expect(story.stage.running(element) == text, f"{element} was left changed by an order that failed")
    after = story.stage.get(f"{SERVICE_INVENTORY}/service", fields="state", limit="1000")
    alive = [service for service in after if service["state"] in ("reserved", "designed", "active")]
    expect(len(alive) == len(held), f"services were left behind: {alive}")
    doubts = [element["name"] for element in story.stage.get(f"{ROOT}/elements") if (element.get("hold") or {}).get("in_doubt")]
    expect(not doubts, f"elements in doubt: {doubts}")
    return Told({"order": order["id"], "state": order["state"], "because": words, "unchanged": list(UNTOUCHED)})


def carry_traffic(story: Story) -> Told:
    for name, bps, reverse in (("acme-pe1", 20e6, 60e6), ("acme-sw1", 10e6, 30e6), ("bolt-line", 40e6, 40e6)):
        story.stage.sim.call(SimNetwork.set_demand, name, bps, reverse)
    first = _octets(story)
    last = until(
        lambda: _octets(story),
        lambda seen: len(seen) >= len(first) > 0 and sum(seen.values()) > sum(first.values()) + 5_000_000,
        "counters of service ports to grow",
    )
    return Told({"series": len(last), "octets": int(sum(last.values()))})


def cut_link(story: Story) -> Told:
    """Both ends lose carrier; sw1 falls silent, because its management runs over the same link."""
    story.cut_at = datetime.now(UTC)
    story.stage.sim.call(SimNetwork.cut, CUT)
    problems = until(
        lambda: story.stage.get(f"{ROOT}/problems", state="open"),
        lambda found: any(problem["root_object"] == f"link:{CUT}" and problem["tickets"] for problem in found),
        f"a problem with root link:{CUT} and its tickets",
    )
    detected = (datetime.now(UTC) - story.cut_at).total_seconds()
    expect(len(problems) == 1, f"one cut made {len(problems)} problems: {[problem['root_object'] for problem in problems]}")
    tickets = story.tickets()
    customers = sorted(_customer(ticket) for ticket in tickets)
    expect(
        customers == ["Acme Industries", "Bolt Logistics"],
        f"one ticket per affected customer was to be opened; open are {customers}",
    )
    alarms = until(
        lambda: story.stage.get(f"{ROOT}/alarms", cleared="false"),
        lambda found: any(alarm["standing"] == "symptom" for alarm in found),
        "the silent switch to become a symptom",
    )
    time.sleep(max(0.0, OUTAGE_S - (datetime.now(UTC) - story.cut_at).total_seconds()))
    listed = [f"{alarm['element']} {alarm['object']} {alarm['cause']}: {alarm['standing']}".replace("  ", " ") for alarm in alarms]
    return Told(
        {
            "root": problems[0]["root_object"],
            "detected_after_s": round(detected, 2),
            "alarms": sorted(listed),
            "tickets": {_customer(ticket): ticket["id"] for ticket in tickets},
        }
    )


def repair_link(story: Story) -> Told:
    story.stage.sim.call(SimNetwork.restore, CUT)
    story.repaired_at = datetime.now(UTC)
    until(
        lambda: story.stage.get(f"{ROOT}/alarms", cleared="false"),
        lambda found: all(alarm["cause"] in BUDGETS for alarm in found),  # a budget stays spent until its minute is over
        "every alarm of the cut to clear",
    )
    tickets = until(story.tickets, lambda found: all(each["status"] == "resolved" for each in found), "the tickets to be resolved")
    health = story.stage.get(f"{ROOT}/services/{story.services['branch']}/health")
    down = [state for state in health["states"] if state["state"] == "down"]
    expect(len(down) == 1, f"one outage was to be recorded for the branch; found {down}")
    start, end = _instant(down[0]["start"]), _instant(down[0]["end"])
    if story.cut_at is None:
        raise StepFailed("the link was never cut")
    real = (story.repaired_at - story.cut_at).total_seconds()
    told = (end - start).total_seconds()
    expect(abs(told - real) <= 1.0, f"the outage lasted {real:.2f} s and was recorded as {told:.2f} s")
    return Told(
        {
            "tickets": {ticket["id"]: ticket["status"] for ticket in tickets},
            "down_from": down[0]["start"],
            "down_to": down[0]["end"],
            "downtime_s": round(told, 2),
            "real_s": round(real, 2),
        }
    )


def bill(story: Story) -> Told:
    """At the end of the agreements' period."""
    end = story.period_end()
    until(lambda: datetime.now(UTC), lambda now: now >= end, f"the period to end at {end:%H:%M:%S}", deadline_s=90)
    credits_due = until(
        lambda: story.stage.get(f"{ROOT}/credits"),
        lambda found: len(found) >= len(story.stage.accounts),
        "the credits of both customers",
    )
    bodies = {}
    for external_id, account in story.stage.accounts.items():
        made = story.stage.post(f"{ROOT}/customers/{account}/bills", {"end": end.isoformat()})
        bodies[external_id] = made
        kinds = {line["kind"] for line in made["lines"]}
        expect({"recurring", "usage", "credit"} <= kinds, f"the bill of {external_id} lacks lines; it has {sorted(kinds)}")
    credit = next(line for line in bodies["ACME"]["lines"] if line["kind"] == "credit")
    story.credit = credit["id"]
    text = story.stage.text(f"{ROOT}/bills/{bodies['ACME']['id']}")
    facts = {
        key: {"bill": body["id"], "number": body["number"], "total": f"{body['total']} {body['currency']}"}
        for key, body in bodies.items()
    }
    return Told({"credits": len(credits_due), "bills": facts, "credit": f"{credit['amount']}"}, text, "The bill of Acme Industries")


def explain(story: Story) -> Told:
    tree = story.stage.get(f"{ROOT}/explain/{story.credit}")
    kinds = set(_kinds(tree))
    missing = {"credit", "violation", "outage", "alarm", "observation", "ticket"} - kinds
    expect(not missing, f"the explanation of the credit does not reach: {', '.join(sorted(missing))}; it has {sorted(kinds)}")
    return Told({"explained": story.credit, "kinds": sorted(kinds)}, _drawn(tree), f"Why the credit? fabd explain {story.credit}")


STEPS: Sequence[Step] = (
    Step("network", "Eight elements, two customers, one daemon", look_around),
    Step("order-internet", "Acme orders two internet accesses: NETCONF, command line and SNMP in one transaction", order_internet),
    Step("order-line", "Bolt orders an Ethernet line across six elements", order_line),
    Step("order-vpn", "Acme orders a private network", order_vpn),
    Step("refusal", "One element refuses an order; nothing stays behind anywhere", refuse),
    Step("traffic", "Customers send traffic; the counters of their ports are polled", carry_traffic),
    Step("cut", f"Link {CUT} is cut: alarms, one root cause, one ticket per customer", cut_link),
    Step("repair", "The link is repaired: cleared, resolved, downtime to the second", repair_link),
    Step("bill", "The period ends: bills with usage and the SLA credit", bill),
    Step("explain", "Why that credit?", explain),
)


def _octets(story: Story) -> dict[str, float]:
    lines = story.stage.text("/metrics/elements").splitlines()
    found = (line.rpartition(" ") for line in lines if line.startswith("fabd_") and "octets_total" in line)
    return {series: float(value) for series, _, value in found}


def _customer(ticket: dict[str, Any]) -> str:
    return str(next(party["name"] for party in ticket["relatedParty"] if party["role"] == "customer"))


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _kinds(node: dict[str, Any]) -> Iterator[str]:
    yield node["kind"]
    for child in node.get("because", []):
        yield from _kinds(child)


def _drawn(node: dict[str, Any], indent: str = "") -> str:
    facts = ", ".join(f"{name} {value}" for name, value in node.get("facts", {}).items() if value not in (None, "", []))
    lines = [f"{indent}{node['kind']} {node['id']}: {node['title']}" + (f" ({facts})" if facts else "")]
    return "\n".join([*lines, *(_drawn(child, indent + "  ") for child in node.get("because", []))])
