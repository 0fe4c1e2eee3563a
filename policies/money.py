"""Money: exact until the line of a bill, rounded there once.

Half a minor unit is rounded up, away from zero, as Article 5 of Council Regulation (EC) 1103/97 has it for the euro and as people
who check a bill by hand expect. Fractions of a period are not finite decimals: they are cut at twelve digits after the point, as
differences of running totals, so that the parts of a period always add up to the price of the whole.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Clamped, Context, Decimal, Inexact, InvalidOperation, Overflow
from fractions import Fraction

EXACT = Context(prec=60, traps=[Inexact, InvalidOperation, Overflow, Clamped])
"""Arithmetic that raises `decimal.Inexact` rather than losing a digit."""

DIGITS = 12
"""After the point, of amounts that come from a fraction."""

_BY_DIGITS = {
    0: ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
    3: ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"),
    4: ("CLF", "UYW"),
}
_MINOR_UNITS = {currency: digits for digits, currencies in _BY_DIGITS.items() for currency in currencies}
"""ISO 4217, those that have not two digits."""


def rounded(amount: Decimal, currency: str) -> Decimal:
    """To the currency's minor unit, half away from zero."""
    unit = Decimal(1).scaleb(-_MINOR_UNITS.get(currency, 2))
    return amount.quantize(unit, rounding=ROUND_HALF_UP, context=Context(prec=60))


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    result = Decimal(0)
    for amount in amounts:
        result = EXACT.add(result, amount)
    return result


def plain(amount: Decimal) -> str:
    """Without the zeros at its end that exact arithmetic leaves behind."""
    return f"{EXACT.normalize(amount):f}"


def share(price: Decimal, begin: Fraction, end: Fraction) -> Decimal:
    """The price of the part `begin`..`end` (0..1) of a period; adjoining parts add up without a remainder."""
    return EXACT.subtract(_cut(Fraction(price) * end), _cut(Fraction(price) * begin))


def _cut(value: Fraction) -> Decimal:
    scaled = value.numerator * 10**DIGITS // value.denominator
    return EXACT.scaleb(Decimal(scaled), -DIGITS)
