"""What stands of lost neighbours and of the links that may have lost them, as it was read in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from agent.assurance.alarms.alarm import Alarm
from agent.assurance.topology.adjacency import Place
from agent.assurance.topology.watchlist import Watchlist


@dataclass(frozen=True)
class Sight:
    watchlist: Watchlist
    at: datetime
    alarms: tuple[Alarm, ...]
    places: Mapping[str, Place]
    """Alarm id → between whom."""
    suspected: Mapping[str, Alarm]
    """Link → the alarm that tells of the suspicion; port → one whose link is not in the inventory any more."""
    silent: Mapping[str, tuple[Alarm, ...]]
    """Links that are named, with the alarms at their ends."""

    @property
    def losses(self) -> dict[str, dict[str, list[Alarm]]]:
        found: dict[str, dict[str, list[Alarm]]] = {}
        for alarm in self.alarms:
            place = self.places.get(alarm.id)
            if place is not None and place.way is not None:
                found.setdefault(place.way.link, {}).setdefault(place.way.near, []).append(alarm)
        return found
