"""Service hours: when a contract counts, as intervals of UTC.

An instant lies within the hours if and only if a clock on the wall in the contract's time zone shows a time within them. Where
that clock jumps forward the hours that it skips do not exist; where it is set back, an hour that it shows twice counts twice.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from policies.values import Interval, merge

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_PER_DAY = 1440
_DAY = timedelta(days=1)


def _minutes(value: object) -> int:
    """Minutes since midnight of "08:30"; "24:00" is the end of the day."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MINUTES_PER_DAY:
        return value  # YAML 1.1 reads an unquoted 18:30 as a number of base sixty, which is minutes
    hours, colon, minutes = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not (colon and hours.isdecimal() and minutes.isdecimal() and len(minutes) == len("00") and int(minutes) < 60):  # noqa: PLR2004  minutes
        raise ValueError(f'{value!r} is no time of day; write e.g. "08:30"')
    total = int(hours) * 60 + int(minutes)
    if total > MINUTES_PER_DAY:
        raise ValueError(f"{value!r} is after the end of the day; the last time is 24:00")
    return total


TimeOfDay = Annotated[int, BeforeValidator(_minutes)]
"""Minutes since midnight on the wall."""


def zone(name: str) -> tzinfo:
    """Raises `ValueError` for a zone that is not in the IANA database."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; write an IANA name, e.g. Europe/Berlin or UTC") from None


class Window(BaseModel):
    """The same hours on some days of every week."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    days: tuple[Day, ...] = Field(min_length=1)
    start: TimeOfDay = Field(alias="from")
    end: TimeOfDay = Field(alias="to")

    @model_validator(mode="after")
    def _ordered(self) -> "Window":
        if self.end <= self.start:
            raise ValueError("the hours end before they start; over midnight, write two windows that meet at 24:00 and 00:00")
        return self


class ServiceHours(BaseModel):
    """Hours of the week in a time zone, without the closed days; no window means around the clock."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    time_zone: str = "UTC"
    weekly: tuple[Window, ...] = ()
    closed: tuple[date, ...] = ()
    """Dates on the wall calendar, e.g. public holidays."""

    @field_validator("time_zone")
    @classmethod
    def _known(cls, value: str) -> str:
        zone(value)
        return value

    def within(self, span: Interval) -> list[Interval]:
        """The service hours inside `span`, disjoint and sorted."""
        if not self.weekly and not self.closed:
            return merge([span])
        return merge(clipped for hours in self._hours(span) if (clipped := hours.intersect(span)) is not None)

    def _hours(self, span: Interval) -> Iterator[Interval]:
        for part, offset in constant_offsets(span, zone(self.time_zone)):
            day = (part.start + offset).date()
            while _at(day, 0, offset) < part.end:
                for start, end in self._minutes_of(day):
                    hours = Interval(_at(day, start, offset), _at(day, end, offset)).intersect(part)
                    if hours is not None:
                        yield hours
                day += _DAY

    def _minutes_of(self, day: date) -> list[tuple[int, int]]:
        if day in self.closed:
            return []
        if not self.weekly:
            return [(0, MINUTES_PER_DAY)]
        return [(window.start, window.end) for window in self.weekly if DAYS[day.weekday()] in window.days]


def constant_offsets(span: Interval, where: tzinfo) -> Iterator[tuple[Interval, timedelta]]:
    """`span` cut at every change of the zone's offset from UTC; each piece with its offset."""
    start = span.start
    while start < span.end:
        end = min(start + _DAY, span.end)
        offset = _offset(start, where)
        if _offset(end, where) != offset:
            end = _change(start, end, where)
        yield Interval(start, end), offset
        start = end


def _change(start: datetime, end: datetime, where: tzinfo) -> datetime:
    """The first second with another offset than `start`; zones change at whole seconds and not twice a day."""
    offset = _offset(start, where)
    before, after = 0, int((end - start).total_seconds()) + 1
    whole = start.replace(microsecond=0)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(whole + timedelta(seconds=middle), where) == offset:
            before = middle
        else:
            after = middle
    return min(whole + timedelta(seconds=after), end)


def _offset(instant: datetime, where: tzinfo) -> timedelta:
    return instant.astimezone(where).utcoffset() or timedelta()


def _at(day: date, minutes: int, offset: timedelta) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(minutes=minutes) - offset
