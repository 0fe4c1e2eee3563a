"""Who would suffer if something failed now, and what it would cost: resource → services → customers → credits. It writes nothing.

What a failure does to a service follows the same rule as when it happens (`impact.condition`), and beyond it: an element that is
cut off takes its services with it, and one that loses the second of two ways leaves its services up, without protection. Credits
are reckoned as at the end of the period: by the contract's own tiers, cap and service hours, from what has been lost already and
what would be.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.assurance.alarms.alarm import chunks
from agent.assurance.alarms.board import Board
from agent.assurance.errors import UnknownProblem
from agent.assurance.levels.accounts import Account, accounts
from agent.assurance.levels.impact import Footprint, footprints, ports_over, services_on
from agent.assurance.tables import ProblemRow
from agent.assurance.topology.correlation import ELEMENT, LINK, PORT
from agent.assurance.topology.isolation import Isolation, far_ends, isolation
from agent.assurance.topology.watchlist import Watchlist
from crm_bridge.book import PolicyBook, agreed_tariff
from crm_bridge.promises import Promise, Promises
from crm_bridge.tables import CustomerRow
from inventory.errors import UnknownObject
from inventory.tables import ServiceRow
from policies.breach import Health, breach_instant
from policies.money import EXACT
from policies.rating import recurring_fee
from policies.sla import availability
from policies.values import Interval, merge

DOWN, CUT_OFF, AT_RISK = "down", "cutOff", "unprotected"
LONGEST = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one service in its present period, if it stayed as it would be."""

    period_end: datetime
    objective: Decimal
    expected: Decimal | None
    """Availability of the whole period, per cent."""
    breach_at: datetime | None
    credit_before: Decimal
    """What is due already, if nothing more happens."""
    credit_after: Decimal
    currency: str

    @property
    def more(self) -> Decimal:
        return self.credit_after - self.credit_before


@dataclass(frozen=True, slots=True)
class Sufferer:
    service_id: str
    name: str
    customer: str
    """Account number."""
    state: str
    because: tuple[str, ...]
    """Ports (element/port) or elements."""
    cost: Cost | None
    """None where it stays up, or nothing was agreed."""


@dataclass(frozen=True, slots=True)
class Consequences:
    object: str
    lasting_s: float
    at: datetime
    services: tuple[Sufferer, ...]
    customers: Mapping[str, str]
    """Account number → name."""
    cut_off: tuple[str, ...]
    """Elements."""
    at_risk: tuple[str, ...]
    credits: Mapping[str, Decimal]
    """Currency → what the failure would add this period."""


@dataclass(frozen=True, slots=True)
class Question:
    name: str
    """ELEMENT, ELEMENT/PORT, link:NAME, or the id of a problem."""
    lasting: timedelta
    """For how long it would last, from `at`."""
    at: datetime


def consequences(session: Session, book: PolicyBook, watchlist: Watchlist, question: Question) -> Consequences:
    """What is down already is told of as if it were not. `UnknownObject` or `UnknownProblem` when there is nothing of that name."""
    at, lasting = question.at, question.lasting
    root = root_of(session, watchlist, question.name)
    kind, _, element = root.partition(":")
    dead = frozenset({element}) if kind == ELEMENT else frozenset()
    network = watchlist.network
    down = ports_over(watchlist.topology, root) | far_ends(network, dead)
    already = frozenset(Board.read(session).failures.down) - down
    parted = isolation(network, down, dead, already)
    found = _suffering(session, watchlist, down, parted)
    rows = {
        row.id: row
        for chunk in chunks(sorted(found))
        for row in session.scalars(select(ServiceRow).where(ServiceRow.id.in_(chunk)))
    }
    costs = _costs(session, book, [key for key, (state, _) in found.items() if state != AT_RISK], lasting, at)
    accounts_ = sorted({row.customer for row in rows.values()})
    names = select(CustomerRow.account_number, CustomerRow.name)
    customers = {
        row[0]: row[1] for chunk in chunks(accounts_) for row in session.execute(names.where(CustomerRow.account_number.in_(chunk)))
    }
    sufferers = (
        Sufferer(key, row.name, row.customer, found[key][0], found[key][1], costs.get(key)) for key, row in sorted(rows.items())
    )
    worst_first = sorted(sufferers, key=lambda each: ((DOWN, CUT_OFF, AT_RISK).index(each.state), each.service_id))
    cut_off, at_risk = (tuple(sorted(each)) for each in (parted.cut_off, parted.at_risk))
    return Consequences(root, lasting.total_seconds(), at, tuple(worst_first), customers, cut_off, at_risk, _sums(costs.values()))


def _sums(costs: Iterable[Cost]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for cost in costs:
        found[cost.currency] = found.get(cost.currency, Decimal(0)) + cost.more
    return {currency: amount for currency, amount in sorted(found.items()) if amount}


def root_of(session: Session, watchlist: Watchlist, name: str) -> str:
    """As problems name it: link:<name>, port:<element>/<port> or element:<name>."""
    topology = watchlist.topology
    if name.startswith("prb-"):
        problem = session.get(ProblemRow, name)
        if problem is None:
            raise UnknownProblem(name)
        return problem.root_object
    if name.startswith(f"{LINK}:"):
        if name.partition(":")[2] not in topology.links_by_name:
            raise UnknownObject("link", name.partition(":")[2])
        return name
    if name in topology.elements:
        return f"{ELEMENT}:{name}"
    if "/" not in name:
        raise UnknownObject("element", name)
    port = topology.port(name)
    link = topology.link_of(port.reference)
    return f"{PORT}:{port.reference}" if link is None else f"{LINK}:{link.name}"


def _suffering(
    session: Session, watchlist: Watchlist, down: frozenset[str], parted: Isolation
) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Looked up from the ports that are concerned: what stands elsewhere costs nothing."""
    topology = watchlist.topology
    parts = (parted.cut_off | parted.at_risk) & topology.elements.keys()
    concerned = down | {port.reference for name in parts for port in topology.ports_of(name)}
    found = {}
    for service_id, footprint in footprints(session, topology, services_on(session, topology, concerned)).items():
        state = _state(footprint, down, parted)
        if state is not None:
            found[service_id] = state
    return found


def _state(footprint: Footprint, down: frozenset[str], parted: Isolation) -> tuple[str, tuple[str, ...]] | None:
    if hit := footprint.ports & down:
        return DOWN, tuple(sorted(hit))
    if lost := footprint.elements & parted.cut_off:
        return CUT_OFF, tuple(sorted(lost))
    if risky := footprint.elements & parted.at_risk:
        return AT_RISK, tuple(sorted(risky))
    return None


def _costs(session: Session, book: PolicyBook, services: Iterable[str], lasting: timedelta, at: datetime) -> dict[str, Cost]:
    promises = Promises(book).of(session, list(services), at)
    found: dict[str, Cost] = {}
    for period in {promise.sla.period_at(at) for promise in promises.values()}:
        own = {key: promise for key, promise in promises.items() if promise.sla.period_at(at) == period}
        for key, account in accounts(session, own, Interval(period.start, max(at, period.start)), period.end).items():
            cost = _cost(book, own[key], account, period, Interval(at, at + lasting), at)
            if cost is not None:
                found[key] = cost
    return found


def _cost(  # noqa: PLR0917  one place calls it
    book: PolicyBook, promise: Promise, account: Account, period: Interval, outage: Interval, at: datetime
) -> Cost | None:
    try:
        tariff = agreed_tariff(book, promise.agreement)
    except LookupError:
        return None
    sla, excluded = promise.sla, account.excuses(period).spans
    began = max(promise.service.started_at or period.start, promise.agreement.valid_from, period.start)
    fee = recurring_fee(tariff, Interval(min(began, period.end), period.end))

    def credit(down: Iterable[Interval]) -> tuple[Decimal | None, Decimal]:
        measured = availability(
            period, sla.service_hours, down=down, unknown=account.unknown, excluded=excluded, policy=sla.unknown
        )
        percent = Decimal(0) if measured.ratio is None or measured.keeps(sla.objective) else sla.credit_percent(measured.ratio)
        return measured.percent, EXACT.scaleb(EXACT.multiply(fee, percent), -2)

    _, before = credit(account.down)
    expected, after = credit(merge([*account.down, *([part] if (part := outage.intersect(period)) else [])]))
    health = Health(at, True, tuple(account.down), tuple(account.unknown), tuple(excluded))
    return Cost(period.end, sla.availability, expected, breach_instant(sla, health), before, after, tariff.currency)
