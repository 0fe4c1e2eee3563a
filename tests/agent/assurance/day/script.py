"""What may happen in the day, as data: faults with their steps, and what has to come of each.

Names in a fault are those of its town: "cross" is the link a-cross in town a, "core/west" the core's port towards it. In a fault of
the whole network (town "*") they are as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Verb = Literal[
    "cut",  # a link; both ends see it
    "mend",
    "swallow",  # a link stays up and carries nothing
    "carry",
    "part",  # the ends of a link (or one port alone) lose their neighbour over it, and say so
    "meet",
    "off",  # an element loses power
    "boot",
    "hang",  # an element's agent says nothing, traffic goes on
    "wake",
    "lose",  # the next answers of an element; how many
    "shut",  # a port, by itself
    "open",
    "say",  # an event that nothing stands behind; the trap, and whose address it bears
    "renumber",  # an element gives its ports other indexes
    "vanish",  # a port is not there any more
    "appear",
    "reset",  # counters of a port go back to nothing
    "discontinue",  # counters of a port jump, and the element says so
    "wrap",  # an element's uptime comes to its end in so many seconds
    "hurry",  # an element's clock runs fast, parts per million
    "announce",  # maintenance: scope, from, to in seconds after the fault
    "call off",
    "excuse",  # a service's time, from and to
    "acknowledge",  # all that stands in town
    "shelve",
    "end",  # a service is given up
    "stop",  # fabd
    "start",
]
Step = tuple[int, Verb, str] | tuple[int, Verb, str, object]
"""Seconds after the fault, what, to what; and how much."""

INTERVAL = 60
ROOT, SYMPTOM, PENDING = "root", "symptom", "pending"


@dataclass(frozen=True)
class Window:
    """Maintenance over an element, port (element/port) or service, announced beforehand."""

    kind: Literal["element", "port", "service"]
    name: str
    begin: int
    """Seconds after the fault, as is `end`."""
    end: int
    notice: int = 5 * 86_400
    """Seconds before it begins."""
    called_off: int | None = None
    """Seconds after the fault."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    name: str
    town: str
    at: str
    """HH:MM:SS, UTC."""
    steps: tuple[Step, ...]
    told: bool = True
    """Whether elements send traps of what changes, a second later; they arrive where there is a way."""
    windows: tuple[Window, ...] = ()
    lasts: int = 600
    """Seconds after the last step in which all that comes of it is to be over."""

    causes: tuple[str, ...] = ()
    """Root objects, a problem for each."""
    alarms: Mapping[str, str] = field(default_factory=dict)
    """element/port (down, or its link passes nothing) or element (silent) → root or symptom in the end; "~element/port": it flaps,
    "lost:element/port": it lost its neighbour over it.
    """
    raised: Mapping[str, int] = field(default_factory=dict)
    """The same → times, of alarms that are raised more than once."""
    tickets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Customer → root objects, a ticket for each."""
    within: int = 5
    """Seconds from the fault to its last new ticket, at most."""
    again: int = 0
    """Times that a ticket of it is opened again."""
    down: Mapping[str, int] = field(default_factory=dict)
    """Service → seconds."""
    unknown: Mapping[str, int] = field(default_factory=dict)
    credit: Mapping[str, str] = field(default_factory=dict)
    """Service → amount, over all periods that it touches."""
    gaps: tuple[str, ...] = ()
    """Why octets are missing, for each five minutes without."""
    why: str = ""
    """Where what is expected is not what one would guess."""

    @property
    def second(self) -> int:
        hours, minutes, seconds = map(int, self.at.split(":"))
        return hours * 3600 + minutes * 60 + seconds

    @property
    def begin(self) -> int:
        """The first second that may have to do with it: one interval before, for what an element said last."""
        return self.second + min(0, *(step[0] for step in self.steps)) - INTERVAL

    @property
    def over(self) -> int:
        return self.second + max(step[0] for step in self.steps) + self.lasts

    def full(self, name: str) -> str:
        """A name of the town, or an object such as link:cross, as it is in the whole network."""
        if self.town == "*":
            return name
        kind, colon, rest = name.rpartition(":")
        mark = "~" if rest.startswith("~") else ""
        rest = rest.removeprefix("~")
        if rest.startswith("core/"):
            return f"{kind}{colon}{mark}core/{self.town}-{rest.removeprefix('core/')}"
        return f"{kind}{colon}{mark}{rest if rest in SINGLE else f'{self.town}-{rest}'}"


SINGLE = frozenset({"night", "month", "chronic", "counted", "core", "noc"})
"""Services and elements that are there once."""
