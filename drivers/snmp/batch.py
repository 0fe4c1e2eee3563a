"""What one polling cycle asks and what it found, in columns: one array per object, not an object per sample."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from drivers.port import Target
from drivers.snmp.columns import Column
from drivers.snmp.lockstep import Indices, Names, Ports

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]
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
    """The same tuple in the next cycle spares preparing it anew."""
    timeout: float = 5.0
    """Seconds for the whole element."""


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
    narrow: bool = False
    """Octets are counted in 32 bits."""

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


@dataclass(frozen=True)
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

    port_element: Numbers
    """Index into `elements`."""
    if_index: Numbers
    expected_names: Sequence[str]
    """As asked for."""
    read: Flags
    wall: Seconds
    monotonic: Seconds
    uptime: Unsigned
    values: Unsigned
    present: Flags
    failures: tuple[PollFailure, ...]
    other_names: Mapping[int, str] = field(default_factory=dict)
    """Row → ifName as read, where it is not the expected one."""
    narrow: Flags = field(default_factory=lambda: np.zeros(0, np.bool_))
    """(ports,) Octets are counted in 32 bits: the port has no other counters."""
    wrong_types: int = 0
    """Values that were answered in a type that is not theirs; they are not present."""

    @property
    def names(self) -> tuple[str, ...]:
        """IfName as read in the same PDU; "" where none came."""
        return tuple(self.name(row) for row in range(len(self.read)))

    def name(self, row: int) -> str:
        if not self.read[row]:
            return ""
        return self.other_names.get(row, self.expected_names[row])

    def column(self, column: Column) -> Unsigned:
        """Shape (ports,); read it together with `has`."""
        return self.values[int(column), :]

    def has(self, column: Column) -> Flags:
        return self.present[int(column), :]

    @property
    def failure_counts(self) -> Mapping[Reason, int]:
        return Counter(failure.reason for failure in self.failures)


class Plan:
    """Ports of one element as arrays."""

    def __init__(self, ports: tuple[PortRef, ...]) -> None:
        self.ports = ports
        self.names = [port.name for port in ports]
        self.indices = tuple(port.if_index for port in ports)
        self.if_index = np.array(self.indices, np.int64)
        self.asked = Ports(Indices.of(self.if_index), Names.of(self.names))


class BatchBuilder:
    """Filled in place while answers arrive, in any order."""

    def __init__(self, jobs: Sequence[PollJob], plans: Sequence[Plan] | None = None) -> None:
        self.jobs = jobs
        plans = [Plan(job.ports) for job in jobs] if plans is None else plans
        sizes = np.array([len(job.ports) for job in jobs], np.int64)
        self.offsets: list[int] = (np.cumsum(sizes) - sizes).tolist()
        elements, ports = len(jobs), int(sizes.sum())
        self.port_element = np.repeat(np.arange(elements, dtype=np.int64), sizes)
        self.if_index = _joined([plan.if_index for plan in plans], np.int64)
        self.names = [name for plan in plans for name in plan.names]
        self.asked = _all_ports(plans)
        self.element_times = np.full((2, elements), np.nan, np.float64)
        self.element_uptime = np.zeros(elements, np.uint64)
        self.other_names: dict[int, str] = {}
        self.read = np.zeros(ports, np.bool_)
        self.times = np.full((2, ports), np.nan, np.float64)
        self.uptime = np.zeros(ports, np.uint64)
        self.narrow = np.zeros(ports, np.bool_)
        self.values = np.zeros((len(Column), ports), np.uint64)
        self.present = np.zeros((len(Column), ports), np.bool_)
        self.wrong_types = 0
        self._failures: list[PollFailure] = []

    def answered(self, element: int, wall: float, monotonic: float, uptime: int) -> None:
        """The first PDU of an element; later ones leave it as it is."""
        if np.isnan(self.element_times[0, element]):
            self.element_times[:, element] = wall, monotonic
            self.element_uptime[element] = uptime

    def port(self, element: int, position: int, sample: PortSample) -> None:
        """`position`: index of the port in its job."""
        row = self.offsets[element] + position
        self.read[row] = True
        if sample.name != self.names[row]:
            self.other_names[row] = sample.name
        self.times[:, row] = sample.wall, sample.monotonic
        self.uptime[row], self.narrow[row] = sample.uptime, sample.narrow
        columns = list(sample.values)
        self.values[columns, row] = list(sample.values.values())
        self.present[columns, row] = True

    def failed(self, failure: PollFailure) -> None:
        self._failures.append(failure)

    def build(self) -> PollBatch:
        return PollBatch(
            elements=tuple(job.target.element for job in self.jobs),
            answered=~np.isnan(self.element_times[0]),
            element_wall=self.element_times[0],
            element_monotonic=self.element_times[1],
            element_uptime=self.element_uptime,
            port_element=self.port_element,
            if_index=self.if_index,
            expected_names=self.names,
            read=self.read,
            wall=self.times[0],
            monotonic=self.times[1],
            uptime=self.uptime,
            values=self.values,
            present=self.present,
            failures=tuple(self._failures),
            other_names=self.other_names,
            narrow=self.narrow,
            wrong_types=self.wrong_types,
        )


def _all_ports(plans: Sequence[Plan]) -> Ports:
    asked = [plan.asked for plan in plans]
    words = [each.names.words for each in asked if len(each.names.words)]
    return Ports(
        Indices(
            _joined([each.indices.octets for each in asked], np.int64), _joined([each.indices.word for each in asked], np.uint64)
        ),
        Names(
            _joined([each.names.octets for each in asked], np.int64),
            np.concatenate(words) if words else Names.of(()).words,
        ),
    )


def _joined(parts: Sequence[npt.NDArray[np.generic]], kind: type) -> npt.NDArray:  # type: ignore[type-arg]  # of the kind given
    return np.concatenate(parts) if parts else np.zeros(0, kind)
