"""What a storm costs: one cut, behind which everything fails, up to one problem with its tickets; prints one JSON object.

    python -m bench.storm --elements 1000 --alarms 10000

Elements hang on each other as a tree below the link that is cut; one alarm is of the cut, one of each element that falls silent,
the others of ports that were lost on the way. What is measured is computing, up to the commit of what it decided: the network is
not asked, and the time that silence is held (10 s) is not waited for. Beside it stands what one more failure costs in a part of the
network that the storm did not touch, while all of its alarms stand.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from agent import garbage
from agent.assurance.findings import Finding, FindingKind, Source, Transition
from agent.assurance.problems.correlator import Patience
from agent.assurance.problems.faults import Faults
from agent.assurance.problems.reporting import Reporter
from agent.assurance.tables import AlarmRow, ProblemRow, ServiceStateRow
from agent.assurance.topology.watchlist import Watchlist, load_watchlist
from agent.catalog import load_catalog
from bench.instant import database
from bench.report import machine
from crm_bridge.agreements import AgreementTerms, agree
from crm_bridge.customers import CustomerData, create_customer
from crm_bridge.tables import CustomerRow, TicketRow
from inventory.db import Base, Database
from inventory.tables import ElementRow, LinkRow, PortRow, ServiceResourceRow, ServiceRow, SiteRow
from policies.values import Severity

BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOLD = timedelta(seconds=10)
BRANCHES = 4
"""Elements that hang on one."""
UNTOUCHED = 10
"""Elements beside the storm."""
CUSTOMERS = 50
GATE = "gate"


@dataclass(frozen=True, slots=True)
class Plan:
    elements: int
    alarms: int

    @property
    def ports(self) -> int:
        """Customer ports of one element; each element also has a port up, and one for each that hangs on it."""
        return max(1, (self.alarms - self.elements) // self.elements + 1)

    @property
    def findings(self) -> list[Finding]:
        """The cut, the silence of all behind it, and ports until there are as many as were asked for."""
        cut = [_down(GATE, "cut", BEGIN)]
        silence = [_silent(f"n{number}", BEGIN + timedelta(seconds=1)) for number in range(self.elements)]
        ports = (f"c{port}" for port in range(self.ports))
        lost = [_down(f"n{number}", port, BEGIN) for port in ports for number in range(self.elements)]
        return [*cut, *silence, *lost][: self.alarms]


class TimedReporter(Reporter):
    """What tickets cost is told apart: it follows from the customers, not from the alarms."""

    spent = 0.0
    """CPU seconds."""

    def report(
        self, session: Session, problem: ProblemRow, severity: Severity, at: datetime, *, told: Iterable[str] = ()
    ) -> list[str]:
        begun = time.process_time()
        tickets = super().report(session, problem, severity, at, told=told)
        self.spent += time.process_time() - begun
        return tickets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--elements", type=int, default=1000)
    parser.add_argument("--alarms", type=int, default=10_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    asked = parser.parse_args()
    with database(asked.database) as made:
        print(json.dumps(measure(made, Plan(asked.elements, asked.alarms)) | {"database": asked.database}, indent=2))


def measure(made: Database, plan: Plan) -> dict[str, object]:
    build(made, plan)
    with made.read() as session:
        watchlist = load_watchlist(session)
    reporter = TimedReporter(load_catalog())
    faults = Faults(reporter, Patience(HOLD, timedelta(seconds=120)))
    findings = plan.findings
    garbage.settle()  # as the daemon does: else looking through its modules counts for whatever happens just then
    raised = _timed(partial(_raise, made, faults, watchlist, findings, BEGIN + timedelta(seconds=2)))
    decided = _timed(partial(_correlate, made, faults, watchlist, BEGIN + timedelta(seconds=12)))
    tickets = reporter.spent
    beside = [_down(f"s{UNTOUCHED - 1}", "c0", BEGIN + timedelta(seconds=13))]
    one_more = _timed(partial(_raise, made, faults, watchlist, beside, BEGIN + timedelta(seconds=14)))
    one_more += _timed(partial(_correlate, made, faults, watchlist, BEGIN + timedelta(seconds=14)))
    with made.read() as session:
        counts = {name: session.scalar(select(func.count()).select_from(table)) for name, table in _COUNTED.items()}
        symptoms = session.scalar(select(func.count()).where(AlarmRow.standing == "symptom"))
        down = session.scalar(select(func.count()).where(ServiceStateRow.end.is_(None), ServiceStateRow.state != "up"))
    return {
        "bench": "storm",
        "machine": machine(),
        "elements": plan.elements,
        "alarms": len(findings),
        "raise_cpu_s": raised,
        "correlate_cpu_s": round(decided - tickets, 3),
        "correlate_per_alarm_us": round((decided - tickets) / len(findings) * 1e6, 1),
        "tickets_cpu_s": round(tickets, 3),
        "one_more_elsewhere_cpu_s": round(one_more, 3),
        "problems_of_the_storm": (counts["problems"] or 0) - 1,
        "symptoms": symptoms,
        "services_not_up": down,
        "tickets": counts["tickets"],
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def build(made: Database, plan: Plan) -> None:
    """The gate, the tree behind its port `cut`, and a short chain behind its port `side`; a service on every customer port 0."""
    names = [f"n{number}" for number in range(plan.elements)]
    side = [f"s{number}" for number in range(UNTOUCHED)]
    ports = ["up", *(f"d{number}" for number in range(BRANCHES)), *(f"c{number}" for number in range(plan.ports))]
    with made.write() as session:
        _insert(session, SiteRow, [{"id": "site", "name": "site", "address": "", "attributes": {}}])
        _insert(session, ElementRow, [_element(GATE, {"poller": True}), *(_element(name, {}) for name in [*names, *side])])
        _insert(session, PortRow, [_port(GATE, name) for name in ("cut", "side")])
        _insert(session, PortRow, [_port(name, port) for name in [*names, *side] for port in ports])
        _insert(session, LinkRow, list(_links(names, side)))
        accounts = [_customer(session, number) for number in range(CUSTOMERS)]
        owners = {f"svc-{name}": (name, accounts[number % CUSTOMERS]) for number, name in enumerate([*names, *side])}
        _insert(session, ServiceRow, [_service(service, account) for service, (_, account) in owners.items()])
        _insert(session, ServiceResourceRow, [_resource(service, f"{name}/c0") for service, (name, _) in owners.items()])
        _insert(session, ServiceStateRow, [_state(service) for service in owners])


def _raise(made: Database, faults: Faults, watchlist: Watchlist, findings: Sequence[Finding], at: datetime) -> None:
    """Evidence, alarms, history and events, and the state of the services."""
    with made.write() as session:
        ledger = faults.ledger(session, at)
        faults.take(ledger, watchlist, findings)
        ledger.write()


def _correlate(made: Database, faults: Faults, watchlist: Watchlist, at: datetime) -> None:
    """Verdicts, problems and tickets, and what they change of every alarm, its history and its events."""
    with made.write() as session:
        ledger = faults.ledger(session, at)
        faults.correlate(ledger, watchlist, frozenset())
        ledger.write()


def _timed(work: Callable[[], None]) -> float:
    begun = time.process_time()
    work()
    return round(time.process_time() - begun, 3)


def _down(element: str, port: str, at: datetime) -> Finding:
    return Finding(FindingKind.LINK_DOWN, element, port, Transition.at(at), Source.POLL, {"operStatus": "down"})


def _silent(element: str, at: datetime) -> Finding:
    return Finding(FindingKind.UNREACHABLE, element, "", Transition.at(at), Source.POLL, {"reason": "timeout"}, hold_from=at)


def _links(names: list[str], side: list[str]) -> Iterator[dict[str, object]]:
    yield _link(f"{GATE}/cut", "n0/up")
    yield _link(f"{GATE}/side", "s0/up")
    for number in range(1, len(names)):
        yield _link(f"n{(number - 1) // BRANCHES}/d{(number - 1) % BRANCHES}", f"n{number}/up")
    for number in range(1, len(side)):
        yield _link(f"s{number - 1}/d0", f"s{number}/up")


def _link(a: str, b: str) -> dict[str, object]:
    return {"id": f"l {b}", "name": f"{a}--{b}", "a_port_id": a, "b_port_id": b, "attributes": {}}


def _element(name: str, attributes: dict[str, object]) -> dict[str, object]:
    return {"id": name, "name": name, "site_id": "site", "platform": "ios", "role": "edge", "attributes": attributes}


def _port(element: str, name: str) -> dict[str, object]:
    role = "customer" if name.startswith("c") and element != GATE else "core"
    return {"id": f"{element}/{name}", "element_id": element, "name": name, "speed_bps": 10**9, "role": role, "attributes": {}}


def _customer(session: Session, number: int) -> str:
    row: CustomerRow = create_customer(session, CustomerData(f"customer {number}"), BEGIN)
    agree(session, row, AgreementTerms("internet-access", "gold", "metered"), since=BEGIN - timedelta(days=1), at=BEGIN)
    return row.account_number


def _service(service: str, account: str) -> dict[str, object]:
    return {
        "id": service,
        "name": service,
        "specification": "internet-access",
        "specification_version": "1",
        "customer": account,
        "state": "active",
        "characteristics": {},
        "started_at": BEGIN - timedelta(days=1),
        "created_at": BEGIN - timedelta(days=1),
    }


def _resource(service: str, port: str) -> dict[str, object]:
    return {"id": f"r {service}", "service_id": service, "port_id": port, "role": "endpoint"}


def _state(service: str) -> dict[str, object]:
    since = BEGIN - timedelta(days=1)
    return {
        "id": f"hlt {service}",
        "service_id": service,
        "state": "up",
        "start": since,
        "start_earliest": since,
        "start_latest": since,
    }


def _insert(session: Session, table: type[Base], rows: list[dict[str, object]]) -> None:
    session.execute(insert(table), rows)


_COUNTED: dict[str, type[Base]] = {"problems": ProblemRow, "tickets": TicketRow}


if __name__ == "__main__":
    main()
