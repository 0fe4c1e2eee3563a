"""Values as people read them. Times are UTC."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z")
_UNITS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


def told(value: object) -> str:
    """A value of a JSON document: instants as `when`, the items of lists joined."""
    if isinstance(value, list):
        return ", ".join(told(each) for each in value)
    if isinstance(value, str):
        return when(value) if _INSTANT.match(value) else value
    return "" if value is None else str(value)


def when(at: datetime | str | None) -> str:
    """2026-01-05 09:00:00; "" for nothing. ISO 8601 text is read first."""
    if at is None or at == "":
        return ""
    if isinstance(at, str):
        try:
            at = datetime.fromisoformat(at)
        except ValueError:
            return str(at)
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if at.tzinfo else at.strftime("%Y-%m-%d %H:%M:%S")


class BitRate(int):
    """bit/s, a plain number in JSON; printed as 10 Gbit/s."""

    def __str__(self) -> str:
        for size, letter in _UNITS:
            if self >= size:
                return f"{int(self) / size:g} {letter}bit/s"
        return f"{int(self)} bit/s"


def taken(given: Mapping[str, Any]) -> str:
    """What is taken of a pool, by its document: a value, or so much of a link's bandwidth."""
    amount = given.get("amount_bps")  # a daemon older than this program does not say it
    return str(BitRate(amount) if amount else given["value"])


class Count(int):
    """A plain number in JSON; printed in powers of ten where nobody would count the digits, as those of an IPv6 pool."""

    def __str__(self) -> str:
        return f"{float(self):.2e}" if self >= _UNITS[0][0] else super().__str__()


class Octets(int):
    """A plain number in JSON; printed as 1.5 GB (powers of ten)."""

    def __str__(self) -> str:
        for size, letter in _UNITS:
            if self >= size:
                return f"{int(self) / size:.3g} {letter}B"
        return f"{int(self)} B"


def seconds(count: float) -> str:
    """1 h 02 min 03 s; below a minute with what there is of fractions."""
    if count < 60:  # noqa: PLR2004  seconds of a minute
        return f"{count:g} s"
    minutes, left = divmod(round(count), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min {left:02} s" if hours else f"{minutes} min {left:02} s"


def parse_rate(text: str) -> float:
    """bit/s of `20M` or `1.5G`; raises `ValueError`."""
    factors = {letter: size for size, letter in _UNITS} | {"": 1}
    digits, unit = (text[:-1], text[-1]) if text[-1:].isalpha() else (text, "")
    try:
        rate = float(digits) * factors[unit]
    except (ValueError, KeyError):
        raise ValueError(f"{text!r} is no rate; write bit/s as 20M, 1.5G or 64k") from None
    if not 0 <= rate < float("inf"):
        raise ValueError(f"{text!r} is no rate; write bit/s as 20M, 1.5G or 64k")
    return rate
