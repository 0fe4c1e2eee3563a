"""Counter readings as fulfilment takes them and assurance keeps them; both know this module, and not each other."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any


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
    width: int = 64
    """Bits of the octet counters."""


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
