"""What fulfilment tells assurance as services come and go.

Fulfilment and assurance do not import each other: this Protocol is implemented by assurance and handed in by the daemon.
Counters are read over the network before the transaction that stores them; a failed reading is data, not an error.
"""

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from agent.measurement.readings import CounterReading, CounterReadings
from inventory.tables import ServiceRow

__all__ = ["CounterReading", "CounterReadings", "NoLifecycle", "ServiceLifecycle"]


class ServiceLifecycle(Protocol):
    def look_ahead(self, session: Session, ports: Collection[str]) -> None:
        """Counters of these will be read before long: what is to be looked up for that may be looked up here, for all of them."""
        ...

    def read_counters(self, ports: Sequence[str], deadline: float) -> CounterReadings:
        """Read the ports' counters (`element/port`), outside any transaction. Never raises for an element's failure.

        `deadline` is seconds on `time.monotonic()`.
        """
        ...

    def all_activated(
        self,
        session: Session,
        activated: Sequence[tuple[ServiceRow, CounterReadings]],
        at: datetime,
        *,
        new: AbstractSet[str] = frozenset(),
    ) -> None:
        """The services are active from `at`, or again: start their monitors; readings of their endpoints are where usage starts.

        `new`: the ids of those that never were active before.
        """
        ...

    def modified(self, session: Session, service: ServiceRow, left: CounterReadings, came: CounterReadings, at: datetime) -> None:
        """An active service is another from `at`. `left`: of endpoints that it has no more; `came`: of those that it has now."""
        ...

    def suspended(self, session: Session, service: ServiceRow, readings: CounterReadings, at: datetime) -> None:
        """The service rests from `at`, until it is activated again: nobody waits for it, nobody counts it.

        `readings` were taken before its configuration was removed.
        """
        ...

    def terminated(self, session: Session, service: ServiceRow, readings: CounterReadings, at: datetime) -> None:
        """The service is gone: end its monitors; `readings` were taken before its configuration was removed."""
        ...


class NoLifecycle:
    """Nobody watches: for tests and for a daemon without assurance."""

    def look_ahead(self, session: Session, ports: Collection[str]) -> None:
        pass

    def read_counters(self, ports: Sequence[str], deadline: float) -> CounterReadings:
        del ports, deadline
        return CounterReadings()

    def all_activated(
        self,
        session: Session,
        activated: Sequence[tuple[ServiceRow, CounterReadings]],
        at: datetime,
        *,
        new: AbstractSet[str] = frozenset(),
    ) -> None:
        pass

    def modified(self, session: Session, service: ServiceRow, left: CounterReadings, came: CounterReadings, at: datetime) -> None:
        pass

    def suspended(self, session: Session, service: ServiceRow, readings: CounterReadings, at: datetime) -> None:
        pass

    def terminated(self, session: Session, service: ServiceRow, readings: CounterReadings, at: datetime) -> None:
        pass
