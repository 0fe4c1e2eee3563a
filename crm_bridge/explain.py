"""Why: from a bill line back to what was measured, from a credit back to what was down."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm_bridge.errors import NothingToExplain
from crm_bridge.tables import BillLineRow, BillRow, CreditRow, RatedLineRow, TicketRow, UsageRecordRow, ViolationRow
from inventory.db import Base
from policies.money import plain

_Row = TypeVar("_Row", bound=Base)

SHOWN = 20
"""Children of one node that are shown; how many there are is said."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """One step of the chain. What is known of it beyond this package is asked of `Follow`."""

    id: str
    kind: str
    title: str
    facts: dict[str, str]
    because: tuple["Explanation", ...] = ()
    left_out: int = 0
    """How many more there are of `because`."""


_COUNTS_AS = {"0": "up", "1": "down", "exclude": "no time at all"}
EVIDENCE = ("alm-", "bin-", "obs-", "pll-", "prb-", "rdg-", "tkt-", "use-")
"""What ids of evidence begin with."""

Follow = Callable[[str], Explanation | None]
"""Explains an id that another package keeps (a bin, an alarm, an observation); None when it knows none of that name."""


def explain(session: Session, object_id: str, *, follow: Follow = lambda _: None, shown: int = SHOWN) -> Explanation:
    """The chain behind a bill, bill line, rated line, usage record, credit, violation or ticket. Raises `NothingToExplain`."""
    found = _Walk(session, follow, shown).explain(object_id)
    if found is None:
        raise NothingToExplain(object_id)
    return told_once(found)


def told_once(tree: Explanation) -> Explanation:
    """The same chain with what comes again cut to its name: an alarm stands behind an outage and behind its problem, too."""
    told: set[str] = set()

    def tell(node: Explanation) -> Explanation:
        if node.id in told and node.because:
            return replace(node, facts={"explained": "above"}, because=(), left_out=0)
        told.add(node.id)
        return replace(node, because=tuple(map(tell, node.because)))

    return tell(tree)


class _Walk:
    def __init__(self, session: Session, follow: Follow, shown: int) -> None:
        self._session, self._follow, self._shown = session, follow, shown

    def explain(self, object_id: str) -> Explanation | None:
        return (
            self._try(BillRow, object_id, self._bill)
            or self._try(BillLineRow, object_id, self._line)
            or self._try(RatedLineRow, object_id, self._rated)
            or self._try(UsageRecordRow, object_id, self._usage)
            or self._try(CreditRow, object_id, self._credit)
            or self._try(ViolationRow, object_id, self._violation)
            or self._try(TicketRow, object_id, self._ticket)
        )

    def _try(self, table: type[_Row], object_id: str, tell: Callable[[_Row], Explanation]) -> Explanation | None:
        row = self._session.get(table, object_id)
        return None if row is None else tell(row)

    def _bill(self, bill: BillRow) -> Explanation:
        facts = {"number": str(bill.number), "state": bill.state, "total": f"{bill.total:f} {bill.currency}"}
        lines = [self._line(line) for line in bill.lines[: self._shown]]
        title = f"Bill {bill.number}, {bill.period_start.isoformat()} .. {bill.period_end.isoformat()}"
        return Explanation(bill.id, "bill", title, facts, tuple(lines), len(bill.lines) - len(lines))

    def _line(self, line: BillLineRow) -> Explanation:
        facts = {"quantity": f"{plain(line.quantity)} {line.unit}", "amount": f"{line.amount:f}", "kind": line.kind}
        if line.credit_id is not None:
            children, more = [self._credit(self._session.get_one(CreditRow, line.credit_id))], 0
        else:
            children, more = self._rated_of(line)
        return Explanation(line.id, "bill line", line.description, facts, tuple(children), more)

    def _rated_of(self, line: BillLineRow) -> tuple[list[Explanation], int]:
        """The dearest first: they are what the question is about."""
        here = RatedLineRow.bill_line_id == line.id
        count = self._session.scalar(select(func.count(RatedLineRow.id)).where(here)) or 0
        rows = list(self._session.scalars(select(RatedLineRow).where(here).order_by(RatedLineRow.start, RatedLineRow.id)))
        dearest = sorted(rows, key=lambda row: -row.amount)[: self._shown]
        return [self._rated(row) for row in dearest], count - len(dearest)

    def _rated(self, rated: RatedLineRow) -> Explanation:
        facts = {
            "quantity": f"{plain(rated.quantity)} {rated.unit}",
            "unit price": f"{plain(rated.unit_price)} {rated.currency}",
            "amount": f"{plain(rated.amount)} {rated.currency}",
            "tariff": f"{rated.tariff} version {rated.tariff_version}, charge {rated.charge}",
        }
        usage = self._session.get(UsageRecordRow, rated.usage_id)
        title = f"{rated.description}, {rated.start.isoformat()} .. {rated.end.isoformat()}"
        return Explanation(rated.id, "rated line", title, facts, () if usage is None else (self._usage(usage),))

    def _usage(self, usage: UsageRecordRow) -> Explanation:
        facts = {
            "octets in": str(usage.octets_in),
            "octets out": str(usage.octets_out),
            "quality": usage.quality,
            "status": usage.status,
            "source": f"{usage.source} {usage.source_id}",
        }
        title = f"Usage of {usage.service_id}, {usage.start.isoformat()} .. {usage.end.isoformat()}"
        children, more = self._evidence(_ids(usage.evidence))
        return Explanation(usage.id, "usage record", title, facts, children, more)

    def _credit(self, credit: CreditRow) -> Explanation:
        facts = {
            "amount": f"{plain(credit.amount)} {credit.currency}",
            "because": f"{plain(credit.percent)} % of {plain(credit.base_amount)} {credit.currency}",
            "service": credit.service_id,
        }
        violation = self._violation(self._session.get_one(ViolationRow, credit.violation_id))
        return Explanation(credit.id, "credit", credit.reason, facts, (violation,))

    def _violation(self, violation: ViolationRow) -> Explanation:
        facts = {
            "measured": f"{plain(violation.measured)} %",
            "objective": f"{plain(violation.objective)} %",
            "down": f"{plain(violation.down_s)} s of {plain(violation.agreed_s)} s agreed",
            "unknown": f"{plain(violation.unknown_s)} s, counts as {_COUNTS_AS[violation.evidence['unknown_counts_as']]}",
        }
        outages = violation.evidence.get("outages", [])
        children = tuple(self._outage(violation, number, each) for number, each in enumerate(outages[: self._shown], start=1))
        title = f"{violation.rule}, {violation.period_start.isoformat()} .. {violation.period_end.isoformat()}"
        return Explanation(violation.id, "violation", title, facts, children, len(outages) - len(children))

    def _outage(self, violation: ViolationRow, number: int, outage: dict[str, Any]) -> Explanation:
        facts = {"seconds": str(outage["seconds"]), "problem": str(outage.get("problem") or "none")}
        ids = _ids({key: outage.get(key) for key in ("alarms", "observations", "problem", "tickets")})
        ids += [ticket for ticket in self._tickets(outage.get("problem")) if ticket not in ids]
        children, more = self._evidence(ids)
        title = f"Down {outage['start']} .. {outage['end']}"
        return Explanation(f"{violation.id}#{number}", "outage", title, facts, children, more)

    def _tickets(self, problem_id: str | None) -> list[str]:
        if problem_id is None:
            return []
        return list(self._session.scalars(select(TicketRow.id).where(TicketRow.problem_id == problem_id).order_by(TicketRow.id)))

    def _ticket(self, ticket: TicketRow) -> Explanation:
        facts = {"status": ticket.status, "priority": ticket.priority, "problem": ticket.problem_id or "none"}
        children, more = self._evidence([ticket.problem_id] if ticket.problem_id else [])
        return Explanation(ticket.id, "ticket", ticket.name, facts, children, more)

    def _evidence(self, ids: list[str]) -> tuple[tuple[Explanation, ...], int]:
        """Ids that other packages keep are followed; one that nobody knows is named all the same. Tickets do not lead back here."""
        shown = ids[: self._shown]
        return tuple(self._leaf(each) for each in shown), len(ids) - len(shown)

    def _leaf(self, object_id: str) -> Explanation:
        ticket = self._session.get(TicketRow, object_id)
        if ticket is not None:
            facts = {"status": ticket.status, "priority": ticket.priority}
            return Explanation(ticket.id, "ticket", ticket.name, facts)
        return self._follow(object_id) or Explanation(object_id, "evidence", object_id, {})


def _ids(evidence: dict[str, Any]) -> list[str]:
    """Every id in the evidence, in order and once; names of elements and ports are not ids."""
    return list(dict.fromkeys(text for text in _texts(evidence) if text.startswith(EVIDENCE)))


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
