"""The watchlist in memory: loaded anew when what it was made of has changed, not each time that somebody asks for it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from agent.assurance.tables import MonitorRow
from agent.assurance.topology.watchlist import Watchlist, Wires, load_watchlist, load_wires
from inventory.changes import network_changes
from inventory.topology import Topology

Monitored = tuple[int, int, datetime | None, datetime | None]
"""Monitors, those of them that ended, and when one began and ended last: another whenever a service begins or ends."""


@dataclass
class Watching:
    """Used with one transaction at a time.

    A contract that changes moves no monitor: who changes one in this process says so by `services_changed`. What another daemon
    changed so is seen with the next whole cycle, which begins by forgetting everything.
    """

    _wires: Wires | None = None
    _changes: int = -1
    _monitored: Monitored | None = None
    _found: Watchlist | None = None
    _services_changed: bool = False

    def services_changed(self) -> None:
        """From any thread."""
        self._services_changed = True

    def forget(self) -> None:
        self._wires = self._found = None

    def topology(self, session: Session) -> Topology:
        """What there is, whatever services there are on it: costs nothing while they come and go."""
        return self._known_wires(session).topology

    def watchlist(self, session: Session) -> Watchlist:
        wires, monitored = self._known_wires(session), _monitored(session)
        if self._services_changed or monitored != self._monitored:
            self._services_changed = False  # before they are read: what comes meanwhile counts for the next time
            self._found = None
        if self._found is None:
            self._found = load_watchlist(session, wires)
        self._monitored = monitored
        return self._found

    def _known_wires(self, session: Session) -> Wires:
        changes = network_changes(session)
        if self._wires is None or changes != self._changes:
            self._wires, self._found = load_wires(session), None
            self._changes = changes
        return self._wires


def _monitored(session: Session) -> Monitored:
    found = select(
        func.count(MonitorRow.id), func.count(MonitorRow.ended_at), func.max(MonitorRow.started_at), func.max(MonitorRow.ended_at)
    )
    count, ended, began_last, ended_last = session.execute(found).one()
    return count, ended, began_last, ended_last
