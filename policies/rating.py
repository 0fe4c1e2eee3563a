"""Rating: a pure function from a tariff version and usage to charged lines. Amounts are exact; a bill rounds them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from policies.money import EXACT, exact_sum, share
from policies.tariff import UNITS, BytesCharge, Direction, FlatCharge, Tariff, TariffVersion
from policies.values import Interval

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Volume:
    """Octets in both directions of the operator's port."""

    octets_in: int = 0
    octets_out: int = 0

    def __add__(self, other: "Volume") -> "Volume":
        return Volume(self.octets_in + other.octets_in, self.octets_out + other.octets_out)

    def chargeable(self, direction: Direction) -> int:
        """What counts for a charge; it never falls as volume grows."""
        match direction:
            case "in":
                return self.octets_in
            case "out":
                return self.octets_out
            case "sum":
                return self.octets_in + self.octets_out
            case "max":
                return max(self.octets_in, self.octets_out)


@dataclass(frozen=True, slots=True)
class Line:
    """One price for one quantity of one thing."""

    charge: str
    """The name of the charge and, where prices are graduated, the step: "traffic#2"."""
    basis: str
    description: str
    span: Interval
    quantity: Decimal
    unit: str
    unit_price: Decimal
    amount: Decimal


def rate_volume(version: TariffVersion, before: Volume, usage: Volume, span: Interval) -> list[Line]:
    """The lines of one usage record, given what the period had seen before it.

    The total of a period depends only on its volume, not on the order in which records arrive: a late one costs the difference.
    """
    return [line for charge in version.volume for line in _graduated(charge, before, before + usage, span)]


def _graduated(charge: BytesCharge, before: Volume, after: Volume, span: Interval) -> Iterator[Line]:
    begin, end = before.chargeable(charge.direction), after.chargeable(charge.direction)
    floor = 0
    for number, step in enumerate(charge.steps, start=1):
        ceiling = end if step.up_to is None else charge.octets(step.up_to)
        octets = min(end, ceiling) - max(begin, floor)
        if octets > 0:
            quantity = EXACT.scaleb(Decimal(octets), -UNITS[charge.unit])
            amount = EXACT.multiply(quantity, step.price)
            name = charge.name if len(charge.steps) == 1 else f"{charge.name}#{number}"
            yield Line(name, charge.basis, charge.title, span, quantity, charge.unit, step.price, amount)
        floor = ceiling


def rate_recurring(tariff: Tariff, spans: Iterable[Interval]) -> list[Line]:
    """The flat charges for the time in which a service was there.

    Spans are cut at the ends of the tariff's periods and where a version begins; each piece costs its part of the period.
    """
    return [
        _flat(charge, piece, cycle) for span in spans for piece, cycle, version in _pieces(tariff, span) for charge in version.flat
    ]


def _pieces(tariff: Tariff, span: Interval) -> Iterator[tuple[Interval, Interval, TariffVersion]]:
    start = span.start
    while start < span.end:
        cycle = tariff.period_at(start)
        end = min([cycle.end, span.end, *(each.since for each in tariff.versions if start < each.since)])
        version = tariff.version_at(start)
        if version is not None:
            yield Interval(start, end), cycle, version
        start = end


def _flat(charge: FlatCharge, piece: Interval, cycle: Interval) -> Line:
    begin, end = _position(piece.start, cycle), _position(piece.end, cycle)
    amount, quantity = share(charge.price, begin, end), share(Decimal(1), begin, end)
    return Line(charge.name, charge.basis, charge.title, piece, quantity, "period", charge.price, amount)


def _position(instant: datetime, cycle: Interval) -> Fraction:
    """How far into its cycle an instant lies, 0..1."""
    return Fraction((instant - cycle.start) // _TICK, cycle.duration // _TICK)


def recurring_fee(tariff: Tariff, span: Interval) -> Decimal:
    """What the flat charges come to for `span`: the base and the cap of a credit."""
    return exact_sum(line.amount for line in rate_recurring(tariff, [span]))
