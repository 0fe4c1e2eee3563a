"""Links over which every measured service loses everything, and nothing that failed explains it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from agent.assurance.levels.impact import UP, condition, footprints, services_on
from agent.assurance.topology.correlation import Failures
from agent.assurance.topology.watchlist import Watchlist
from agent.measurement.minutes import ServiceMinute

FRESH = timedelta(minutes=3)
"""For how long a minute says how a service is."""
EVERYTHING = 1.0


@dataclass
class MeasuredLoss:
    """The latest minute of each service that is measured."""

    _latest: dict[str, tuple[datetime, float]] = field(default_factory=dict)
    _since: dict[str, datetime] = field(default_factory=dict)
    """Of those that lose everything."""

    def take(self, minutes: Iterable[ServiceMinute]) -> None:
        for minute in minutes:
            if minute.loss_ratio is not None:
                self._latest[minute.service_id] = (minute.start, minute.loss_ratio)
                if minute.loss_ratio < EVERYTHING:
                    self._since.pop(minute.service_id, None)
                else:
                    self._since.setdefault(minute.service_id, minute.start)

    def losing(self, at: datetime) -> frozenset[str]:
        """Services that lose everything."""
        self._latest = {service: known for service, known in self._latest.items() if abs(at - known[0]) <= FRESH}
        self._since = {service: since for service, since in self._since.items() if service in self._latest}
        return frozenset(self._since)

    def since(self, services: Iterable[str]) -> datetime:
        """When the last of these began to lose everything."""
        return max(self._since[service] for service in services)

    def links(self, session: Session, watchlist: Watchlist, failures: Failures, at: datetime) -> Mapping[str, tuple[str, ...]]:
        """Link → the services over it, where all that are measured lose everything. Of several links that could explain the loss,
        those that explain most of it.
        """
        lost = self.losing(at)
        if not lost:
            return {}
        topology = watchlist.topology
        prints = footprints(session, topology, lost)
        unexplained = {service for service, each in prints.items() if condition(each, failures).state == UP}
        ports = frozenset().union(*(prints[service].ports for service in unexplained)) if unexplained else frozenset[str]()
        beside = services_on(session, topology, ports) & self._latest.keys() - lost
        passing = frozenset().union(*(each.ports for each in footprints(session, topology, beside).values()))
        found: dict[str, frozenset[str]] = {}
        for name, (a, b) in watchlist.network.links.items() if ports else ():
            if a in ports and b in ports and not {a, b} <= passing:
                over = frozenset(service for service in unexplained if {a, b} <= prints[service].ports)
                if over:
                    found[name] = over
        most = {name: over for name, over in found.items() if not any(over < other for other in found.values())}
        return {name: tuple(sorted(over)) for name, over in sorted(most.items())}
