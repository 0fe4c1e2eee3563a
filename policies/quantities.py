"""Spans of time, instants and percentages as people write them in data files."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

LONGEST = timedelta(days=36525)
"""A hundred years: more is a mistake in writing, and dates soon end."""

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SPAN = re.compile(r"\s*(\d{1,9})\s*(second|minute|hour|day|week)s?\s*")


def parse_span(value: object) -> timedelta:
    """Of "5 minutes": five minutes. Raises `ValueError` with the form that is expected."""
    if isinstance(value, timedelta):
        return value
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'{value!r} is no span of time; write a whole number and a unit, e.g. "5 minutes" ({", ".join(_UNITS)})')
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"{value!r} is longer than a hundred years")
    return timedelta(seconds=seconds)


def _midnight(value: object) -> object:
    """A bare date is its first instant in UTC."""
    if isinstance(value, datetime) or not hasattr(value, "isoformat"):
        return f"{value}T00:00:00Z" if isinstance(value, str) and _DATE.fullmatch(value) else value
    return f"{value.isoformat()}T00:00:00Z"


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{value.isoformat()} is beyond the calendar in UTC") from None


Span = Annotated[timedelta, BeforeValidator(parse_span)]
"""A span of time, written "4 hours"."""

Percent = Annotated[Decimal, Field(ge=0, le=100, decimal_places=9)]

Since = Annotated[AwareDatetime, BeforeValidator(_midnight), AfterValidator(_utc)]
"""An instant, as a date-time with its offset or as a bare date."""
