"""Periods of contracts: calendar months from a billing day on, or spans of a fixed length counted from an anchor."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from policies.calendar import zone
from policies.quantities import Since, parse_span
from policies.values import Interval

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = 12


def _length(value: object) -> timedelta:
    length = parse_span(value)
    if length <= timedelta():
        raise ValueError('a period needs a length; write "month" or e.g. "5 minutes"')
    return length


Period = Annotated[Literal["month"] | timedelta, BeforeValidator(lambda value: value if value == "month" else _length(value))]
"""A calendar month, or a fixed length such as "5 minutes"."""


class Periodic(BaseModel):
    """What comes again with every period: the base of SLAs and tariffs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    period: Period = "month"
    time_zone: str = "UTC"
    """Of calendar months."""
    anchor: Since | None = None
    """From where periods of a fixed length are counted, in both directions; 1970-01-01T00:00Z by default, so that all agree."""
    anchor_day: int | None = Field(None, ge=1, le=31)
    """The day that months begin on, the first by default. Where a month is too short for it, on its last day."""

    @model_validator(mode="after")
    def _one_anchor(self) -> "Periodic":
        zone(self.time_zone)
        if self.period == "month" and self.anchor is not None:
            raise ValueError("`anchor` is what periods of a fixed length are counted from; for months write anchor_day")
        if self.period != "month" and self.anchor_day is not None:
            raise ValueError("`anchor_day` is the day that months begin on; for periods of a fixed length write anchor")
        return self

    def period_at(self, instant: datetime) -> Interval:
        """The period that holds `instant`."""
        if self.period == "month":
            return month_of(instant, zone(self.time_zone), self.anchor_day or 1)
        return fixed_period(instant, self.period, self.anchor or EPOCH)


def month_of(instant: datetime, where: tzinfo, day: int = 1) -> Interval:
    """From one `day` of the month to the next on the wall calendar, as UTC."""
    local = instant.astimezone(where)
    number = local.year * _MONTHS + local.month - 1
    if instant < _begin(number, day, where):
        number -= 1
    elif instant >= _begin(number + 1, day, where):
        number += 1  # a clock set back over midnight shows the month before once more
    return Interval(_begin(number, day, where), _begin(number + 1, day, where))


def _begin(number: int, day: int, where: tzinfo) -> datetime:
    """`number` counts months since the year 0."""
    year, month = number // _MONTHS, number % _MONTHS + 1
    return datetime(year, month, min(day, monthrange(year, month)[1]), tzinfo=where).astimezone(UTC)


def fixed_period(instant: datetime, length: timedelta, anchor: datetime = EPOCH) -> Interval:
    """The period of that length that holds `instant`, counted from `anchor`."""
    start = anchor + (instant - anchor) // length * length
    return Interval(start, start + length)
