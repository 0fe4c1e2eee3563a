"""What one polling cycle asks and what it found, in columns: one array per object, not an object per sample."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

import numpy as np
import numpy.typing as npt

from drivers.port import Target
from drivers.snmp import oids

Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]
Seconds = npt.NDArray[np.float64]
Unsigned = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class PortRef:
    if_index: int
    name: str
    """ifName as the inventory or the last walk knows it; "" accepts any."""


@dataclass(frozen=True, slots=True)
class PollJob:
    """One element's share of a cycle; self-contained, so that it can be carried elsewhere."""

    target: Target
    ports: tuple[PortRef, ...]
    timeout: float = 5.0
    """Seconds for the whole element."""


class Column(IntEnum):
    """Rows of `PollBatch.values`. Octets and times are exact integers as the element counts them."""

    OPER_STATUS = 0
    ADMIN_STATUS = 1
    LAST_CHANGE = 2
    DISCONTINUITY = 3
    IN_OCTETS = 4
    OUT_OCTETS = 5
    IN_ERRORS = 6
    OUT_ERRORS = 7
    IN_DISCARDS = 8
    OUT_DISCARDS = 9
    HIGH_SPEED = 10


COLUMN_OID: Mapping[Column, str] = {
    Column.OPER_STATUS: oids.IF_OPER_STATUS,
    Column.ADMIN_STATUS: oids.IF_ADMIN_STATUS,
    Column.LAST_CHANGE: oids.IF_LAST_CHANGE,
    Column.DISCONTINUITY: oids.IF_DISCONTINUITY,
    Column.IN_OCTETS: oids.IF_HC_IN_OCTETS,
    Column.OUT_OCTETS: oids.IF_HC_OUT_OCTETS,
    Column.IN_ERRORS: oids.IF_IN_ERRORS,
    Column.OUT_ERRORS: oids.IF_OUT_ERRORS,
    Column.IN_DISCARDS: oids.IF_IN_DISCARDS,
    Column.OUT_DISCARDS: oids.IF_OUT_DISCARDS,
    Column.HIGH_SPEED: oids.IF_HIGH_SPEED,
}


class Reason(StrEnum):
    """Why a value that was asked for is not there."""

    TIMEOUT = "timeout"
    AUTHENTICATION = "authentication"
    NO_SUCH_INSTANCE = "no-such-instance"
    WRONG_NAME = "wrong-name"
    PROTOCOL = "protocol"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class PollFailure:
    """`if_index` is None when the whole element failed."""

    element: str
    reason: Reason
    detail: str
    if_index: int | None = None


@dataclass(frozen=True, slots=True)
class PortSample:
    """One port as one PDU showed it; absent values are missing from `values`."""

    if_index: int
    name: str
    wall: float
    monotonic: float
    uptime: int
    values: Mapping[Column, int]

    @property
    def oper_up(self) -> bool | None:
        """None when the element did not say."""
        return self._is_up(Column.OPER_STATUS)

    @property
    def admin_up(self) -> bool | None:
        return self._is_up(Column.ADMIN_STATUS)

    def _is_up(self, column: Column) -> bool | None:
        value = self.values.get(column)
        return None if value is None else value == 1


@dataclass(frozen=True, slots=True)
class PollBatch:
    """One cycle: a row for every port that was asked for, in the order of the jobs, answered or not.

    Element arrays have shape (elements,), port arrays (ports,), `values` and `present` (columns, ports). `uptime`, `wall`
    and `monotonic` per port are those of the very PDU that carried the port's counters; per element those of its first
    PDU. Where `present` is false the value is 0 and means nothing; where `read` is false nothing of the row was read.
    """

    elements: tuple[str, ...]
    answered: Flags
    element_wall: Seconds
    """Unix time in seconds; NaN without an answer."""
    element_monotonic: Seconds
    element_uptime: Unsigned
    """sysUpTime, hundredths of a second, modulo 2^32."""

    port_element: Indices
    """Index into `elements`."""
    if_index: Indices
    names: tuple[str, ...]
    """ifName as read in the same PDU; "" where none came."""
    read: Flags
    wall: Seconds
    monotonic: Seconds
    uptime: Unsigned
    values: Unsigned
    present: Flags
    failures: tuple[PollFailure, ...]

    def column(self, column: Column) -> Unsigned:
        """Shape (ports,); read it together with `has`."""
        return self.values[int(column), :]

    def has(self, column: Column) -> Flags:
        return self.present[int(column), :]

    @property
    def failure_counts(self) -> Mapping[Reason, int]:
        return Counter(failure.reason for failure in self.failures)


class BatchBuilder:
    """Filled in place while answers arrive, in any order."""

    def __init__(self, jobs: Sequence[PollJob]) -> None:
        self._jobs = jobs
        sizes = np.array([len(job.ports) for job in jobs], np.int64)
        self._offsets = (np.cumsum(sizes) - sizes).tolist()
        elements, ports = len(jobs), int(sizes.sum())
        self._port_element = np.repeat(np.arange(elements, dtype=np.int64), sizes)
        self._element_times = np.full((2, elements), np.nan, np.float64)
        self._element_uptime = np.zeros(elements, np.uint64)
        self._names = [""] * ports
        self._read = np.zeros(ports, np.bool_)
        self._times = np.full((2, ports), np.nan, np.float64)
        self._uptime = np.zeros(ports, np.uint64)
        self._values = np.zeros((len(Column), ports), np.uint64)
        self._present = np.zeros((len(Column), ports), np.bool_)
        self._failures: list[PollFailure] = []

    def answered(self, element: int, wall: float, monotonic: float, uptime: int) -> None:
        """The first PDU of an element; later ones leave it as it is."""
        if np.isnan(self._element_times[0, element]):
            self._element_times[:, element] = wall, monotonic
            self._element_uptime[element] = uptime

    def port(self, element: int, position: int, sample: PortSample) -> None:
        """`position`: index of the port in its job."""
        row = self._offsets[element] + position
        self._names[row], self._read[row] = sample.name, True
        self._times[:, row] = sample.wall, sample.monotonic
        self._uptime[row] = sample.uptime
        columns = list(sample.values)
        self._values[columns, row] = list(sample.values.values())
        self._present[columns, row] = True

    def failed(self, failure: PollFailure) -> None:
        self._failures.append(failure)

    def build(self) -> PollBatch:
        return PollBatch(
            elements=tuple(job.target.element for job in self._jobs),
            answered=~np.isnan(self._element_times[0]),
            element_wall=self._element_times[0],
            element_monotonic=self._element_times[1],
            element_uptime=self._element_uptime,
            port_element=self._port_element,
            if_index=np.array([port.if_index for job in self._jobs for port in job.ports], np.int64),
            names=tuple(self._names),
            read=self._read,
            wall=self._times[0],
            monotonic=self._times[1],
            uptime=self._uptime,
            values=self._values,
            present=self._present,
            failures=tuple(self._failures),
        )
