"""What fabd made of the day, put beside the table, fault by fault; and what it made that belongs to none."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from agent.assurance.alarms.causes import FAILURES, FLAPPING
from agent.assurance.tables import AlarmChangeRow, AlarmRow, ObjectiveResultRow, ProblemRow, ServiceStateRow, UsageBinRow
from agent.assurance.topology.adjacency import PROTOCOLS
from crm_bridge.tables import CreditRow, CustomerRow, TicketRow
from tests.agent.assurance.day.network import LENGTH, SERVICES, START, TOWNS, DayWorld
from tests.agent.assurance.day.oracle import Oracle
from tests.agent.assurance.day.plant import OCTETS_PER_SECOND
from tests.agent.assurance.day.script import INTERVAL, PENDING, SINGLE, Fault

BACK = "The problem is back"
NETWORK = "*"
COUNTED = "counted"
BIN = 300
"""Seconds."""
HOME = {"night": "a", "month": "b", "chronic": "c", "counted": "d"}
"""Town of a service that is there once."""


@dataclass(frozen=True)
class Raised:
    key: str
    """As `Fault.alarms` names it."""
    id: str
    second: float
    standing: str
    """In the end of this occurrence."""
    cleared: float | None


@dataclass(frozen=True)
class Opened:
    """A ticket, or one opened again."""

    customer: str
    root: str
    second: float
    again: bool
    resolved: bool


@dataclass
class Result:
    alarms: list[Raised]
    problems: list[tuple[str, float, str]]
    """Root object, when fabd knew, state."""
    tickets: list[Opened]
    states: list[tuple[str, str, float, float]]
    """Service, state, from, to: of what was not up."""
    credited: dict[tuple[str, int], Decimal]
    """Service and first second of the period."""
    objectives: dict[tuple[str, int], tuple[int, int, int]]
    """The same → agreed, down and unknown seconds, to the nearest."""
    bins: list[tuple[str, int, int, str]]
    """Service, first second, octets, and why they are missing."""

    @classmethod
    def of(cls, world: DayWorld) -> "Result":
        names = {account: name for name, account in world.customers.items()}
        credited: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
        for row in world.rows(CreditRow):
            credited[row.service_id, round(second_of(row.period_start))] += row.amount
        return cls(
            list(_alarms(world)),
            [(row.root_object, second_of(row.opened_at), row.state) for row in world.rows(ProblemRow, ProblemRow.opened_at)],
            list(_tickets(world, names)),
            list(_states(world)),
            dict(credited),
            {
                (row.service_id, round(second_of(row.period_start))): (round(row.agreed_s), round(row.down_s), round(row.unknown_s))
                for row in world.rows(ObjectiveResultRow)
                if row.rule == "availability"
            },
            [
                (row.service_id, round(second_of(row.start)), row.octets_in, row.gap_reason)
                for row in world.rows(UsageBinRow, UsageBinRow.start)
            ],
        )


def wrong(faults: Sequence[Fault], result: Result, oracle: Oracle) -> Iterator[str]:
    """A line for everything that is not as it should be; each names its fault."""
    for fault in faults:
        for what, expected, *found in _compared(fault, result, oracle):
            for who, each in zip(("fabd says", "the script comes to"), found, strict=False):
                if each != expected:
                    yield f"{fault.town} {fault.at} {fault.name}: {what}: expected {_said(expected)}, {who} {_said(each)}"
        yield from (f"{fault.town} {fault.at} {fault.name}: {each}" for each in _unfinished(fault, result))
    yield from (f"invented: {each}" for each in _invented(faults, result))
    yield from _misjudged(result, oracle)
    yield from _miscounted(faults, result)


def _compared(fault: Fault, result: Result, oracle: Oracle) -> Iterator[tuple[object, ...]]:
    span = (fault.begin, fault.over)
    alarms = [each for each in result.alarms if _concerns(fault, each.key, each.second)]
    yield (
        "alarms",
        {fault.full(key): standing for key, standing in fault.alarms.items()},
        {each.key: each.standing for each in alarms},
    )
    times = Counter((each.key, each.id) for each in alarms)
    again = {key: count for (key, _), count in times.items() if count > 1}
    yield "raised again", {fault.full(key): count for key, count in fault.raised.items()}, again
    problems = [each for each in result.problems if _concerns(fault, each[0], each[1])]
    yield "causes", Counter(map(fault.full, fault.causes)), Counter(root for root, _, _ in problems)
    tickets = [each for each in result.tickets if _concerns(fault, each.root, each.second)]
    new = [each for each in tickets if not each.again]
    wanted = {customer: sorted(map(fault.full, roots)) for customer, roots in fault.tickets.items()}
    yield "tickets", wanted, _grouped((each.customer, each.root) for each in new)
    yield "opened again", fault.again, sum(each.again for each in tickets)
    slowest = max((each.second - fault.second for each in new), default=0)
    if slowest > fault.within:
        yield "seconds to the last ticket", f"at most {fault.within}", f"{slowest:g}"
    for state, table, reckoned in (("down", fault.down, oracle.down), ("unknown", fault.unknown, oracle.unknown)):
        named = {fault.full(service): seconds for service, seconds in table.items()}
        mine = [service for service in SERVICES if _town(service) in {fault.town, *(TOWNS if fault.town == NETWORK else ())}]
        told = {service: _seconds(result.states, service, state, span) for service in mine}
        script = {service: int(reckoned[service][slice(*span)].sum()) for service in mine}
        yield f"{state} s", named, _some(told), _some(script)
    gaps = tuple(reason for service, begin, _, reason in result.bins if reason and _concerns(fault, service, begin + BIN))
    if fault.town == HOME[COUNTED]:
        yield "gaps", fault.gaps, gaps
    named_credits = {fault.full(service): Decimal(amount) for service, amount in fault.credit.items()}
    yield "credit", named_credits, *(_some(each) for each in _credits(fault, result, oracle))


def _credits(fault: Fault, result: Result, oracle: Oracle) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Of all hours that the fault reaches into, with as much time as it is given to be over; of longer periods if it names them."""
    told, script = defaultdict[str, Decimal](Decimal), defaultdict[str, Decimal](Decimal)
    for service in SERVICES:
        if fault.town not in {_town(service), NETWORK} or not (service not in SINGLE or service in fault.credit):
            continue
        for period in oracle.periods(service):
            if period.begin < fault.over and period.end > fault.second:
                told[service] += result.credited.get((service, period.begin), Decimal(0))
                script[service] += Decimal(period.credit.numerator) / Decimal(period.credit.denominator)
    return told, script


def _unfinished(fault: Fault, result: Result) -> Iterator[str]:
    for alarm in result.alarms:
        if _concerns(fault, alarm.key, alarm.second) and (alarm.cleared is None or alarm.cleared > fault.over):
            yield f"{alarm.key} still stands when it should be over"
    for ticket in result.tickets:
        if _concerns(fault, ticket.root, ticket.second) and not ticket.resolved:
            yield f"the ticket of {ticket.customer} on {ticket.root} is not resolved"
    for root, second, state in result.problems:
        if _concerns(fault, root, second) and state != "resolved":
            yield f"the problem {root} is {state}"


def _invented(faults: Collection[Fault], result: Result) -> Iterator[str]:
    """What falls into the time of no fault of its town."""
    news = [
        *((each.key, each.second, f"alarm {each.key}") for each in result.alarms),
        *((root, second, f"problem {root}") for root, second, _ in result.problems),
        *((each.root, each.second, f"ticket of {each.customer} on {each.root}") for each in result.tickets),
        *((service, begin, f"{service} {state}") for service, state, begin, _ in result.states if begin < LENGTH),
    ]
    for name, second, what in news:
        if not any(_concerns(fault, name, second) for fault in faults):
            yield f"{what} at {_clock(second)}"


def _misjudged(result: Result, oracle: Oracle) -> Iterator[str]:
    """Every period of every service, whether anything happened in it or not."""
    expected = {
        (period.service, period.begin): (period.agreed, period.down, period.unknown)
        for service in SERVICES
        for period in oracle.periods(service)
    }
    for service, begin in sorted(expected.keys() | {key for key in result.objectives if key[1] < LENGTH}):
        should, told = expected.get((service, begin)), result.objectives.get((service, begin))
        if should != told:
            yield f"{service}, period from {_clock(begin)}: agreed, down, unknown should be {should}, fabd says {told}"


def _miscounted(faults: Collection[Fault], result: Result) -> Iterator[str]:
    """Octets come evenly, so every five minutes have as many, looked at or not; the last interval counts with the next ones."""
    gaps, slack = sum(len(fault.gaps) for fault in faults), INTERVAL * OCTETS_PER_SECOND
    known = [(begin, octets) for _, begin, octets, reason in result.bins if begin < LENGTH and not reason]
    if len(known) != LENGTH // BIN - gaps:
        yield f"{COUNTED}: {len(known)} times five minutes are known, should be {LENGTH // BIN - gaps}"
    for begin, octets in known:
        if abs(octets - BIN * OCTETS_PER_SECOND) > slack:
            yield f"{COUNTED}, five minutes from {_clock(begin)}: {octets} octets"
    total, expected = sum(octets for _, octets in known), len(known) * BIN * OCTETS_PER_SECOND
    if abs(total - expected) > slack:
        yield f"{COUNTED}: {total} octets in all that is known of the day, should be {expected}"


def _concerns(fault: Fault, name: str, second: float) -> bool:
    """Whether something at this object or service at this second belongs to the fault."""
    return fault.begin <= second < fault.over and fault.town in {_town(name), NETWORK}


def _town(name: str) -> str:
    """Of link:a-cross, ~a-pe1/cross, core/a-west, a-line, night."""
    plain = name.rpartition(":")[2].removeprefix("~").removeprefix("core/")
    return HOME.get(plain, NETWORK if plain in SINGLE else plain.partition("-")[0])


def _alarms(world: DayWorld) -> Iterator[Raised]:
    rows = {row.id: row for row in world.rows(AlarmRow)}
    occurrence: dict[str, Raised] = {}
    for change in world.rows(AlarmChangeRow, AlarmChangeRow.at, AlarmChangeRow.id):
        row = rows[change.alarm_id]
        if row.cause not in FAILURES | {FLAPPING} | PROTOCOLS.keys():
            continue
        key = f"{'~' * (row.cause == FLAPPING)}{row.element}{'/' * bool(row.object)}{row.object}"
        if row.cause in PROTOCOLS:
            key = f"lost:{row.element}/{row.qualifier.rpartition(' ')[2]}"
        known = occurrence.get(row.id)
        second = second_of(change.at)
        if change.change == "raised":
            standing = PENDING if row.cause in FAILURES else "root"
            if known is not None:
                yield known
            occurrence[row.id] = Raised(key, row.id, second, standing, None)
        elif known is not None and change.change == "standing" and change.detail["standing"] != PENDING:
            occurrence[row.id] = Raised(key, row.id, known.second, change.detail["standing"], known.cleared)
        elif known is not None and change.change == "cleared":
            occurrence[row.id] = Raised(key, row.id, known.second, known.standing, second)
    yield from occurrence.values()


def _tickets(world: DayWorld, names: Mapping[str, str]) -> Iterator[Opened]:
    customers = {row.id: names[row.account_number] for row in world.rows(CustomerRow)}
    for row in world.rows(TicketRow, TicketRow.created_at):
        resolved = row.status in {"resolved", "closed"}
        yield Opened(customers[row.customer_id], row.root_object, second_of(row.created_at), again=False, resolved=resolved)
        for note in row.notes:
            if note.text.startswith(BACK):
                yield Opened(customers[row.customer_id], row.root_object, second_of(note.at), again=True, resolved=resolved)


def _states(world: DayWorld) -> Iterator[tuple[str, str, float, float]]:
    for row in world.rows(ServiceStateRow, ServiceStateRow.start):
        if row.state != "up":
            yield row.service_id, row.state, second_of(row.start), LENGTH if row.end is None else second_of(row.end)


def _seconds(states: Iterable[tuple[str, str, float, float]], service: str, state: str, span: tuple[int, int]) -> int:
    within = (
        max(0.0, min(end, span[1]) - max(begin, span[0])) for each, kind, begin, end in states if (each, kind) == (service, state)
    )
    return round(sum(within))


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found = defaultdict[str, list[str]](list)
    for key, value in pairs:
        found[key].append(value)
    return {key: sorted(values) for key, values in found.items()}


def _some(values: Mapping[str, int] | Mapping[str, Decimal]) -> dict[str, object]:
    return {key: value for key, value in values.items() if value}


def second_of(instant: datetime) -> float:
    return (instant - START).total_seconds()


def _clock(second: float) -> str:
    return f"{int(second) // 3600:02}:{int(second) // 60 % 60:02}:{second % 60:06.3f}"


def _said(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_said(value[key])}" for key in sorted(value)) + "}"
    return str(value)
