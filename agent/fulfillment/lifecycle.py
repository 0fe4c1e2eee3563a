"""What fulfilment tells assurance as services come and go.

Fulfilment and assurance do not import each other: this Protocol is implemented by assurance and handed in by the daemon.
Counters are read over the network before the transaction that stores them; a failed reading is data, not an error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.orm import Session

from inventory.tables import ServiceRow


@dataclass(frozen=True, slots=True)
class CounterReading:
    """One port's counters at one instant (RFC 2863: ifHCInOctets, ifHCOutOctets, ifCounterDiscontinuityTime)."""

    port: str
    """`element/port`."""
    at: datetime
    uptime_ticks: int
    """sysUpTime, hundredths of a second."""
    discontinuity_ticks: int
    octets_in: int
    octets_out: int


@dataclass(frozen=True, slots=True)
class CounterReadings:
    """What was read and what could not be, port → reason."""

    poll_id: str = ""
    """The poll cycle that read them."""
    readings: tuple[CounterReading, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)

    def of(self, ports: Sequence[str]) -> "CounterReadings":
        """Only what concerns these ports."""
        return CounterReadings(
            self.poll_id,
            tuple(reading for reading in self.readings if reading.port in ports),
            {port: reason for port, reason in self.failures.items() if port in ports},
        )

    def to_document(self) -> dict[str, Any]:
        """As JSON: the last reading before a delete is kept with its plan until the delete holds."""
        readings = [asdict(reading) | {"at": reading.at.isoformat()} for reading in self.readings]
        return {"poll_id": self.poll_id, "readings": readings, "failures": dict(self.failures)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "CounterReadings":
        readings = tuple(
            CounterReading(**(reading | {"at": datetime.fromisoformat(reading["at"])})) for reading in document["readings"]
        )
        return cls(document["poll_id"], readings, document["failures"])


class ServiceLifecycle(Protocol):
    def read_counters(self, ports: Sequence[str], deadline: float) -> CounterReadings:
        """Read the ports' counters (`element/port`), outside any transaction. Never raises for an element's failure.

        `deadline` is seconds on `time.monotonic()`.
        """
        ...

    def activated(self, session: Session, service: ServiceRow, readings: CounterReadings, at: datetime) -> None:
        """The service is active from `at`: start its monitors; `readings` (only its endpoints') are where its usage starts.

        Called again for a service that was modified.
        """
        ...

    def terminated(self, session: Session, service: ServiceRow, readings: CounterReadings, at: datetime) -> None:
        """The service is gone: end its monitors; `readings` were taken before its configuration was removed."""
        ...


class NoLifecycle:
    """Nobody watches: for tests and for a daemon without assurance."""

    def read_counters(self, ports: Sequence[str], deadline: float) -> CounterReadings:
        del ports, deadline
        return CounterReadings()

    def activated(self, session: Session, service: ServiceRow, readings: CounterReadings, at: datetime) -> None:
        pass

    def terminated(self, session: Session, service: ServiceRow, readings: CounterReadings, at: datetime) -> None:
        pass
