"""When something comes again (RFC 5545 RRULE), read on the clock on the wall of one time zone.

A time that the wall clock skips is read with the offset from before the change, and one that it shows twice is its first showing
(RFC 5545, 3.3.5). A span keeps its length across a change: eight hours of work take eight hours.

python-dateutil makes the dates; it loops for ever on some rules that it reads, so only what is bounded is let through to it.
"""

from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rruleset, rrulestr

from policies.values import Interval

MOST_TIMES = 10_000
"""Of one COUNT, and of what one question is answered with."""
MOST_INTERVAL = 1000
MOST_CHARACTERS = 500
HORIZON = timedelta(days=366 * 30)
"""How far ahead a rule without an end is followed."""
FREQUENCIES: Mapping[str, timedelta] = MappingProxyType(
    {"DAILY": timedelta(days=1), "WEEKLY": timedelta(days=7), "MONTHLY": timedelta(days=28), "YEARLY": timedelta(days=365)}
)
"""With the shortest time from one period to the next."""
_PARTS = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "WKST"})
_BASIC = "%Y%m%dT%H%M%S"


def zone(name: str) -> ZoneInfo:
    """Raises `ValueError` for a zone that is not in the IANA database."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; write an IANA name, e.g. Europe/Berlin or UTC") from None


@dataclass(frozen=True, slots=True)
class Recurrence:
    """The same span of time again and again. Build it with `recurrence`, which checks it."""

    first: Interval
    rule: str
    """Without `RRULE:`, e.g. FREQ=WEEKLY;BYDAY=SU."""
    time_zone: str

    def within(self, span: Interval) -> Iterator[Interval]:
        """The occurrences that lie in `span`, wholly or in part, in order; at most `MOST_TIMES`."""
        where, length = zone(self.time_zone), self.first.duration
        dates = _dates(self.rule, _wall(self.first.start, where), self.time_zone)
        day = timedelta(days=1)  # of room for the difference between the wall and UTC
        earliest, latest = _wall(span.start, where) - length - day, _wall(min(span.end, self.first.start + HORIZON), where) + day
        for count, wall in enumerate(_between(dates, earliest, latest)):
            start = wall.replace(tzinfo=where).astimezone(UTC)
            if count >= MOST_TIMES or start >= span.end:
                return
            if start + length > span.start:
                yield Interval(start, start + length)

    @property
    def last(self) -> datetime | None:
        """When the last one ends; None when the rule has no end."""
        parts = _parts(self.rule)
        if not parts.keys() & {"COUNT", "UNTIL"}:
            return None
        *_, final = self.within(Interval(self.first.start, self.first.start + HORIZON + self.first.duration))
        return final.end


def recurrence(first: Interval, rule: str, time_zone: str) -> Recurrence:
    """Raises `ValueError` that says what is wrong with the rule and what can be written."""
    where = zone(time_zone)
    parts = _parts(rule)
    _check(parts, first.duration)
    clean = ";".join(f"{name}={value}" for name, value in parts.items())
    wall = _wall(first.start, where)
    if not _may_hold(parts, wall) or next(iter(_dates(clean, wall, time_zone)), None) != wall:
        raise ValueError(
            f"the rule {clean} does not hold for its own start, {wall.isoformat()} in {time_zone}; begin on a day that fits"
        )
    return Recurrence(first, clean, time_zone)


def _parts(rule: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in rule.strip().upper().removeprefix("RRULE:").split(";")]
    return {name.strip(): value.strip() for name, _, value in pairs if name.strip()}


def _check(parts: Mapping[str, str], length: timedelta) -> None:
    if unknown := sorted(parts.keys() - _PARTS):
        raise ValueError(f"the rule has {', '.join(unknown)}, which is not taken; use {', '.join(sorted(_PARTS))}")
    if parts.get("FREQ") not in FREQUENCIES:
        raise ValueError(f"the rule needs FREQ, one of {', '.join(FREQUENCIES)}")
    if parts.keys() >= {"COUNT", "UNTIL"}:
        raise ValueError("the rule has both COUNT and UNTIL; leave one out")
    _number(parts, "COUNT", MOST_TIMES)
    _number(parts, "INTERVAL", MOST_INTERVAL)
    if "BYMONTHDAY" in parts and any(character.isdecimal() for character in parts.get("BYDAY", "")):
        raise ValueError("the rule counts weekdays (BYDAY) and names days of the month (BYMONTHDAY); use one of them")
    if sum(map(len, parts.values())) > MOST_CHARACTERS:
        raise ValueError(f"the rule is longer than {MOST_CHARACTERS} characters")
    if length > FREQUENCIES[parts["FREQ"]] * int(parts.get("INTERVAL", "1")):
        raise ValueError("one occurrence would last into the next; shorten it, or make the interval longer")


def _number(parts: Mapping[str, str], name: str, most: int) -> None:
    value = parts.get(name, "1")
    if not (value.isdecimal() and value.isascii() and len(value) <= len(str(most)) and 1 <= int(value) <= most):
        raise ValueError(f"{name}={value} of the rule is no number between 1 and {most}")


def _may_hold(parts: Mapping[str, str], wall: datetime) -> bool:
    """Looked at first: dateutil tries eight thousand years for a day that no month has."""
    months, days = _listed(parts, "BYMONTH"), _listed(parts, "BYMONTHDAY")
    left = wall.day - 1 - monthrange(wall.year, wall.month)[1]
    return (not months or str(wall.month) in months) and (not days or bool(days & {str(wall.day), f"+{wall.day}", str(left)}))


def _listed(parts: Mapping[str, str], name: str) -> frozenset[str]:
    return frozenset(filter(None, (each.strip() for each in parts.get(name, "").split(","))))


@lru_cache(maxsize=512)
def _dates(rule: str, wall: datetime, time_zone: str) -> rrule | rruleset:
    """Naive times on the wall; what was made once is kept."""
    parts = _parts(rule)
    if "UNTIL" in parts:
        parts["UNTIL"] = _until(parts["UNTIL"], zone(time_zone)).strftime(_BASIC)
    try:
        return rrulestr(";".join(f"{name}={value}" for name, value in parts.items()), dtstart=wall, cache=True)
    except (ValueError, TypeError, IndexError) as error:
        raise ValueError(f"the rule {rule} cannot be read: {error}") from None


def _until(text: str, where: ZoneInfo) -> datetime:
    """On the wall. A date alone holds to its end."""
    try:
        if "T" not in text:
            return datetime.strptime(text, "%Y%m%d").replace(hour=23, minute=59, second=59)  # noqa: DTZ007  on the wall
        at = datetime.strptime(text.removesuffix("Z"), _BASIC)  # noqa: DTZ007  on the wall, or in UTC as the Z says
    except ValueError:
        raise ValueError(f"UNTIL={text} is no time; write it as 20301231 or 20301231T215959Z") from None
    return _wall(at.replace(tzinfo=UTC), where) if text.endswith("Z") else at


def _between(dates: rrule | rruleset, earliest: datetime, latest: datetime) -> Iterator[datetime]:
    for wall in dates:
        if wall > latest:
            return
        if wall >= earliest:
            yield wall


def _wall(instant: datetime, where: ZoneInfo) -> datetime:
    return instant.astimezone(where).replace(tzinfo=None, fold=0)
