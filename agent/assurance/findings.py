"""What was found out about the network: evidence that changed a state, with the instant of the change as far as it is known."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from agent.assurance.collection.counters import UPTIME_MODULUS
from policies.values import Interval, Severity

TICK = timedelta(milliseconds=10)
WRAP_IS_RECENT = timedelta(days=1)


class FindingKind(StrEnum):
    LINK_DOWN = "linkDown"
    LINK_UP = "linkUp"
    LINK_SILENT = "linkSilent"
    """It passes nothing, though the port at this end says up."""
    LINK_PASSES = "linkPasses"
    UNREACHABLE = "unreachable"
    REACHABLE = "reachable"
    COLD_START = "coldStart"
    UNSEEN = "unseen"
    """The element was not asked for a while; it answers now, and what happened meanwhile is not known."""
    POOL_LOW = "poolLow"
    POOL_ENOUGH = "poolEnough"
    DRIFTED = "drifted"
    IN_SYNC = "inSync"


class Source(StrEnum):
    POLL = "poll"
    TRAP = "trap"
    SYSLOG = "syslog"
    NOTIFICATION = "notification"
    VERIFY = "verify"
    """A read that was made because something was suspected."""
    SERVICE = "service"
    """A read for a service that begins or ends."""
    BOOKS = "books"
    """Fabd's own: what is given out, and what should be configured."""
    CLIENT = "client"
    """Another system's word."""


class AlarmType(StrEnum):
    """X.733's five, in TMF642's spelling."""

    COMMUNICATIONS = "communicationsAlarm"
    PROCESSING = "processingErrorAlarm"
    ENVIRONMENTAL = "environmentalAlarm"
    QUALITY = "qualityOfServiceAlarm"
    EQUIPMENT = "equipmentAlarm"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a finding does to which alarm. Kinds that this package knows have theirs in `alarms.MEANINGS`; others carry it."""

    cause: str
    """With element, object and qualifier the key of the alarm: bgpNeighbourDown, temperatureHigh."""
    raises: bool
    severity: Severity = Severity.MAJOR
    qualifier: str = ""
    """What tells alarms of one object and cause apart: the address of a neighbour, the name of a sensor."""
    type: AlarmType = AlarmType.COMMUNICATIONS
    probable_cause: str = ""
    """As X.733 and TMF642 spell it, where the cause is our own word; "" for the cause itself."""


@dataclass(frozen=True, slots=True)
class Transition:
    """When something changed: `instant` is the best knowledge, and lies in [earliest, latest]."""

    instant: datetime
    earliest: datetime
    """Last instant with the old state."""
    latest: datetime
    """First instant with the new state."""

    @classmethod
    def at(cls, instant: datetime) -> "Transition":
        """Known exactly."""
        return cls(instant, instant, instant)

    @classmethod
    def between(cls, before: datetime | None, seen: datetime, own: datetime | None) -> "Transition":
        """The element's own word, bounded by what was read before and after; without its word, when it was first seen."""
        own = seen if own is None else min(own, seen)
        earliest = own if before is None else min(before, seen)
        return cls(max(own, earliest), earliest, seen)


@dataclass(frozen=True, slots=True)
class Finding:
    kind: str
    """A `FindingKind`, or a word of its own with its `meaning`."""
    element: str
    """Or `pool:<name>`."""
    object: str
    """Port name, or "" for the element itself."""
    transition: Transition
    source: Source
    detail: Mapping[str, Any] = field(default_factory=dict)
    poll_id: str | None = None
    hold_from: datetime | None = None
    """Since when the element has been silent; None for what the element itself has told."""
    meaning: Meaning | None = None
    """Needed where the kind is not a `FindingKind`; then `detail["text"]` is what the alarm says."""
    unverified: str = ""
    """Why this stands on the element's word alone, where nothing can be read back; the alarm's `why` tells it."""
    restart: "Restart | None" = None
    """Of an element that is heard again: what its uptime proves of the time in which it was silent."""


@dataclass(frozen=True, slots=True)
class Restart:
    """An element that was silent and began anew since its last answer, by its own clock: it was dead, or its agent alone was."""

    silent_from: datetime
    """First question without an answer."""
    began: datetime
    """Now less its uptime."""
    ports: Mapping[str, datetime] = field(default_factory=dict)
    """Those that came up since it began, by its own word; by element/port."""

    def dead(self, ports: Collection[str]) -> Interval | None:
        """How long what runs over these ports was down for sure: until the last of them came up.

        None where none of them did: an agent that begins anew under standing ports says 0 of all of them (RFC 2863, ifLastChange).
        """
        up = [since for port, since in self.ports.items() if port in ports]
        return Interval(self.silent_from, max(up)) if up and max(up) > self.silent_from else None


def instant_of(wall: float) -> datetime:
    """Unix seconds → an aware instant."""
    return datetime.fromtimestamp(wall, UTC)


def last_change(seen: datetime, uptime: int, ticks: int | None) -> datetime | None:
    """When the port entered its present state by the element's own clock, uptime less ifLastChange (RFC 2863).

    None when it does not say: 0 stands for "before the agent started" as much as for agents that never fill it in, and a change in
    the future is believed only where the uptime may just have wrapped.
    """
    if not ticks:
        return None
    age = (uptime - ticks) % UPTIME_MODULUS * TICK
    return None if ticks > uptime and age > WRAP_IS_RECENT else seen - age
