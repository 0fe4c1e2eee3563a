"""Spans of time and percentages as people write them in data files."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_SPAN = re.compile(r"\s*(\d{1,9})\s*(second|minute|hour|day|week)s?\s*")


def parse_span(value: object) -> timedelta:
    """Of "5 minutes": five minutes. Raises `ValueError` with the form that is expected."""
    if isinstance(value, timedelta):
        return value
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'{value!r} is no span of time; write a whole number and a unit, e.g. "5 minutes" ({", ".join(_UNITS)})')
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


Span = Annotated[timedelta, BeforeValidator(parse_span)]
"""A span of time, written "4 hours"."""

Percent = Annotated[Decimal, Field(ge=0, le=100, decimal_places=9)]
