"""The standing alarms of failures, in memory: read once, kept up with as they are raised, cleared and judged."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from sqlalchemy.orm import Session

from agent.assurance.alarms.alarm import PENDING, Alarm, load
from agent.assurance.alarms.causes import FAILURES, FLAPPING, UNREACHABLE
from agent.assurance.tables import AlarmRow
from agent.assurance.topology.correlation import ELEMENT, PORT, Failures


class Board:
    """What flaps counts as failing where causes are looked for, and not where the state of services is."""

    def __init__(self, alarms: Iterable[Alarm] = ()) -> None:
        self._alarms: dict[str, Alarm] = {}
        self._failing: dict[str, Alarm] = {}
        self._at: dict[str, set[str]] = {}
        self._in: dict[str, set[str]] = {}
        self._placed: dict[str, str] = {}
        self._silent: set[str] = set()
        self._down: set[str] = set()
        self._unseen: set[str] = set()
        self._pending: set[str] = set()
        self._deferred: set[str] = set()
        self._touched: set[str] = set()
        self._stirred: set[str] = set()
        for alarm in alarms:
            self.update(alarm)

    @classmethod
    def read(cls, session: Session) -> "Board":
        return cls(load(session, AlarmRow.cleared_at.is_(None), AlarmRow.cause.in_([*FAILURES, FLAPPING])))

    @property
    def alarms(self) -> Iterable[Alarm]:
        return self._alarms.values()

    @property
    def failures(self) -> Failures:
        """As the state of services follows from them; a view that changes with the board."""
        return Failures(self._silent, self._down, self._unseen)

    @property
    def pending(self) -> AbstractSet[str]:
        """Alarms whose cause waits to be decided."""
        return self._pending | self._deferred

    def defer(self, alarm: Alarm) -> None:
        """It keeps its standing until more is known of its cause; until it is judged, or clears."""
        self._deferred.add(alarm.id)

    @property
    def flapping(self) -> list[Alarm]:
        return [alarm for alarm in self._alarms.values() if alarm.cause == FLAPPING]

    def update(self, alarm: Alarm) -> None:
        """It was raised, cleared, changed or judged."""
        key = key_of(alarm)
        self._deferred.discard(alarm.id)
        was = self._placed.pop(alarm.id, None)
        if was is not None:
            self._in[was].discard(alarm.id)
            self._stirred.add(was)
        if alarm.stands:
            self._stand(alarm, key)
        elif self._alarms.pop(alarm.id, None) is not None:
            self._fall(alarm, key)

    def _stand(self, alarm: Alarm, key: str) -> None:
        if alarm.id not in self._alarms:
            self._touched.add(key)
        self._alarms[alarm.id] = alarm
        self._at.setdefault(key, set()).add(alarm.id)
        if alarm.cause in FAILURES:
            self._failing[alarm.reference] = alarm
            (self._silent if alarm.cause == UNREACHABLE else self._down).add(alarm.reference)
        (self._pending.add if alarm.standing == PENDING else self._pending.discard)(alarm.id)
        if alarm.problem_id is not None:
            self._placed[alarm.id] = alarm.problem_id
            self._in.setdefault(alarm.problem_id, set()).add(alarm.id)
            self._stirred.add(alarm.problem_id)

    def _fall(self, alarm: Alarm, key: str) -> None:
        self._touched.add(key)
        self._pending.discard(alarm.id)
        self._at[key].discard(alarm.id)
        if alarm.cause not in FAILURES:
            return
        other = next((each for each in self.at(key) if each.cause in FAILURES), None)
        if other is not None:  # a port whose link passed nothing before it went down
            self._failing[alarm.reference] = other
            return
        self._failing.pop(alarm.reference, None)
        (self._silent if alarm.cause == UNREACHABLE else self._down).discard(alarm.reference)

    def fails(self, key: str) -> bool:
        """Whether anything stands there, as `element:<name>` or `port:<element>/<port>`."""
        return bool(self._at.get(key))

    def at(self, key: str) -> list[Alarm]:
        return [self._alarms[each] for each in sorted(self._at.get(key, ()))]

    def by_ids(self, ids: Iterable[str]) -> list[Alarm]:
        """The oldest first."""
        return in_order(self._alarms[each] for each in ids if each in self._alarms)

    def in_problem(self, problem_id: str) -> list[Alarm]:
        """The oldest first."""
        return self.by_ids(self._in.get(problem_id, ()))

    def of(self, references: Iterable[str]) -> list[Alarm]:
        """The alarms of failures at these ports or elements."""
        return [self._failing[reference] for reference in sorted(references) if reference in self._failing]

    def lose_sight(self, ports: AbstractSet[str]) -> None:
        """While the board is brought up to date after a time in which nobody looked at these ports."""
        self._unseen |= ports

    def regain_sight(self, ports: AbstractSet[str]) -> None:
        self._unseen -= ports

    def touch_all(self) -> None:
        """The network is another one: all is to be judged anew."""
        self._touched |= {key for key, there in self._at.items() if there}

    def take_touched(self) -> dict[str, bool]:
        """Keys at which something began or ended since the last time, and whether something fails there now."""
        touched, self._touched = self._touched, set()
        return {key: self.fails(key) for key in touched}

    def take_stirred(self) -> set[str]:
        """Problems whose alarms have changed since the last time."""
        stirred, self._stirred = self._stirred, set()
        return stirred


def key_of(alarm: Alarm) -> str:
    """As correlation names it."""
    return f"{PORT if alarm.object else ELEMENT}:{alarm.reference}"


def in_order(alarms: Iterable[Alarm]) -> list[Alarm]:
    return sorted(alarms, key=lambda alarm: (alarm.raised_at, alarm.id))
