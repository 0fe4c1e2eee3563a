"""The maintenance calendar as an iCalendar file (RFC 5545), for the calendar programs of people."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from inventory.tables import MaintenanceRow

CALENDAR = "text/calendar"
LINE_OCTETS = 75
"""RFC 5545, 3.1: longer lines are folded."""


def calendar_of(rows: Iterable[MaintenanceRow], at: datetime) -> str:
    """Lines end in CRLF. The times of a rule are on its wall clock, whose zone programs know by its IANA name."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//fabd//maintenance//EN", "X-WR-CALNAME:Network maintenance"]
    for row in rows:
        if row.cancelled_at is None:
            lines += _event(row, at)
    return "".join(f"{part}\r\n" for line in [*lines, "END:VCALENDAR"] for part in _folded(line))


def _event(row: MaintenanceRow, at: datetime) -> list[str]:
    zone = row.time_zone if row.rule else "UTC"
    scopes = ", ".join(f"{scope.kind} {scope.name}" for scope in row.scopes)
    return [
        "BEGIN:VEVENT",
        f"UID:{row.id}@fabd",
        f"DTSTAMP:{_time(at)}",
        f"DTSTART{_at(row.start, zone)}",
        f"DTEND{_at(row.end, zone)}",
        *([f"RRULE:{row.rule}"] if row.rule else []),
        *(f"EXDATE{_at(datetime.fromisoformat(text), zone)}" for text in row.skipped),
        f"SUMMARY:{_text(f'Maintenance: {row.reason}')}",
        f"DESCRIPTION:{_text(f'About {scopes}. Announced by {row.created_by}.')}",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]


def _at(instant: datetime, zone: str) -> str:
    if zone == "UTC":
        return f":{_time(instant)}"
    return f";TZID={zone}:{instant.astimezone(ZoneInfo(zone)):%Y%m%dT%H%M%S}"


def _time(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(text: str) -> str:
    for character in "\\;,":
        text = text.replace(character, f"\\{character}")
    return "\\n".join(text.splitlines())


def _folded(line: str) -> Iterator[str]:
    """At most 75 octets a line, and no character cut in two."""
    part, room = "", LINE_OCTETS
    for character in line:
        size = len(character.encode())
        if size > room:
            yield part
            part, room = " ", LINE_OCTETS - 1
        part, room = part + character, room - size
    yield part
