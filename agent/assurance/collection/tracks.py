"""The counters of all watched ports from cycle to cycle, in columns: deltas, thresholds, and what Prometheus is shown of them.

Nothing here is kept as an object per port but its labels; what a cycle yields as objects are exceptions: thresholds that were
crossed.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from agent.assurance.collection import exposition, thresholds
from agent.assurance.collection.deltas import FIRST_GAP, REASONS, Deltas, Meta, Outcome, Readings, State, follow
from agent.assurance.collection.exposition import Series, port_labels
from agent.assurance.collection.rates import Rates, rates_of
from agent.assurance.collection.thresholds import Standing, Threshold
from agent.assurance.findings import AlarmType, Finding, Meaning, Source, Transition, instant_of
from agent.config import PollingSettings
from agent.shard import WHOLE, Shard
from drivers.snmp.batch import PollBatch
from drivers.snmp.columns import Column
from policies.values import Severity

Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]
Seconds = npt.NDArray[np.float64]
Unsigned = npt.NDArray[np.uint64]

COUNTERS = (
    Column.IN_OCTETS,
    Column.OUT_OCTETS,
    Column.IN_ERRORS,
    Column.OUT_ERRORS,
    Column.IN_DISCARDS,
    Column.OUT_DISCARDS,
)
OCTETS = frozenset({Column.IN_OCTETS, Column.OUT_OCTETS})
MEGABIT = 1_000_000
PORTS_AT_ONCE = 65_536
"""So that what is reckoned with on the way stays small beside what is kept."""
_UP = 1
_TICKS = 100

METRICS: tuple[tuple[Column, str, str], ...] = (
    (Column.IN_OCTETS, "fabd_port_receive_octets_total", "Octets received by the port"),
    (Column.OUT_OCTETS, "fabd_port_transmit_octets_total", "Octets sent by the port"),
    (Column.IN_ERRORS, "fabd_port_receive_errors_total", "Packets received with errors"),
    (Column.OUT_ERRORS, "fabd_port_transmit_errors_total", "Packets not sent because of errors"),
    (Column.IN_DISCARDS, "fabd_port_receive_discards_total", "Packets received and thrown away, though without errors"),
    (Column.OUT_DISCARDS, "fabd_port_transmit_discards_total", "Packets not sent, though without errors"),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """`measure`: utilisation (share of the port's speed) or errors (per second), in each direction."""

    measure: str
    threshold: Threshold


@dataclass(frozen=True, slots=True)
class Crossing:
    element: str
    port: str
    measure: str
    direction: str
    """receive or transmit."""
    value: float
    raised: bool
    wall: float
    """Unix seconds."""
    before: float
    """Of the sample before, which was still on the other side or the first of its row."""


DIRECTIONS: Mapping[str, tuple[tuple[str, Column], ...]] = {
    "utilisation": (("receive", Column.IN_OCTETS), ("transmit", Column.OUT_OCTETS)),
    "errors": (("receive", Column.IN_ERRORS), ("transmit", Column.OUT_ERRORS)),
}


CAUSES = frozenset(f"{measure}High" for measure in DIRECTIONS)
"""Of the alarms that crossings become."""


def rules_of(settings: PollingSettings) -> tuple[Rule, ...]:
    """None for a measure whose level is 0."""
    after = {"raise_after": settings.raise_after, "clear_after": settings.clear_after}
    levels = (
        ("utilisation", settings.utilisation_raise, settings.utilisation_clear),
        ("errors", settings.errors_raise, settings.errors_clear),
    )
    return tuple(Rule(measure, Threshold(high, low, **after)) for measure, high, low in levels if high)


def found_of(crossing: Crossing, source: Source, poll_id: str) -> Finding:
    """A warning about the port, or its end; it makes no ticket, for no service is hit."""
    kind = f"{crossing.measure}{'High' if crossing.raised else 'Normal'}"
    before = instant_of(crossing.before) if math.isfinite(crossing.before) else None
    value = f"{crossing.value:.1%} of its speed" if crossing.measure == "utilisation" else f"{crossing.value:.3g} errors a second"
    meaning = Meaning(
        cause=f"{crossing.measure}High",
        raises=crossing.raised,
        severity=Severity.WARNING,
        qualifier=crossing.direction,
        type=AlarmType.QUALITY,
        probable_cause="thresholdCrossed",
    )
    detail = {"text": f"{crossing.element}/{crossing.port} {crossing.direction}s {value}.", "value": round(crossing.value, 6)}
    transition = Transition.between(before, instant_of(crossing.wall), None)
    return Finding(kind, crossing.element, crossing.port, transition, source, detail, poll_id, meaning=meaning)


@dataclass(frozen=True, slots=True)
class Block:
    """The rows of one element."""

    first: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """What belongs together of all ports, as of the last cycle; a row is a port. The next cycle writes into the same columns."""

    state: State
    oper: Unsigned
    seen: Seconds
    """When the port was read, Unix seconds; -inf for never."""
    labels: list[str]
    """As text. Another list when any of them has changed."""
    blocks: Mapping[str, Block]
    services: Mapping[tuple[str, str], str]
    """(element, port) → the service whose port it is."""

    def series(self, wanted: Flags) -> Iterator[Series]:
        """Every metric; present in those of the wanted rows that have a value."""
        for column, name, text in METRICS:
            number = COUNTERS.index(column)
            yield Series(name, "counter", text, self.state.base.values[number], self.state.base.present[number] & wanted)
        status = "The port's ifOperStatus, 1 is up"
        yield Series("fabd_port_oper_status", "gauge", status, self.oper, wanted & (self.oper > 0))
        yield Series("fabd_port_last_poll_timestamp_seconds", "gauge", "When the port was read", self.seen, wanted)


class Tracks:
    """Written by one thread at a time. Who reads meanwhile may see a port's new values beside its old time, and nothing worse."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self.outcomes: Counter[str] = Counter()
        """Reason → counters that gave no delta."""
        self.slow = 0
        """Ports whose agents showed the same again in the last cycle."""
        self.rates: list[Rates] = []
        """What the ports of services did, as of the last cycle."""
        self._blocks: dict[str, Block] = {}
        self._labels: list[str] = []
        self._services: Mapping[tuple[str, str], str] = {}
        self._state = State.nothing(len(COUNTERS), 0)
        self._oper: Unsigned = np.zeros(0, np.uint64)
        self._seen: Seconds = np.zeros(0)
        self._standing = {(rule, direction): Standing.nothing(0) for rule in rules for direction, _ in DIRECTIONS[rule.measure]}
        self._recalled: set[tuple[str, str, str, str]] = set()
        """Element, port, cause and direction of warnings that stand, as long as the port has not been read."""
        self._shown = Shown(self._state, self._oper, self._seen, self._labels, self._blocks, self._services)
        """Replaced as one: others read it at any time."""

    def __len__(self) -> int:
        return len(self._labels)

    def serve(self, services: Mapping[tuple[str, str], str]) -> None:
        """(element, port) → the service whose port it is, which becomes a label of its series."""
        if services == self._services:
            return
        changed = {element for element, _ in dict(self._services.items() ^ services.items())}
        self._services = dict(services)
        labels = list(self._labels)
        for element, block in self._blocks.items():
            if element in changed:
                labels[block.first : block.first + len(block.names)] = port_labels(element, block.names, self._services)
        self._labels = labels
        self._shown = Shown(self._state, self._oper, self._seen, labels, self._blocks, self._services)

    def recall(self, warnings: Iterable[tuple[str, str, str, str]]) -> None:
        """Element, port, cause and direction of those that stand, from an earlier process: they end when the port is well."""
        self._recalled = set(warnings)
        self._put_recalled()

    def forget_crossings(self) -> None:
        """What was said of them may not have been heard: what is still too high is told of again."""
        self._standing = {name: Standing.nothing(len(self)) for name in self._standing}

    def keep(self, ports: Mapping[str, Collection[str]]) -> None:
        """Forget all ports but these, by element."""
        kept = {
            element: tuple(name for name in block.names if name in ports[element])
            for element, block in self._blocks.items()
            if element in ports
        }
        if any(names != self._blocks[element].names for element, names in kept.items()) or len(kept) < len(self._blocks):
            self._arrange(kept)

    def take(self, batch: PollBatch, contract_bps: Mapping[int, int] = MappingProxyType({})) -> list[Crossing]:
        """One cycle over some of the elements. `contract_bps`: row of the batch, of a service's port → what it may carry where it
        tells no speed.
        """
        rows = self._rows(batch)
        read = np.flatnonzero(batch.read & batch.present.any(axis=0))
        # a cycle that waited for somebody silent comes after the targeted reads that it was overtaken by
        read = read[batch.monotonic[read] >= self._state.base.monotonic[rows[read]]]
        contract = np.zeros(len(rows), np.uint64)
        contract[list(contract_bps)] = list(contract_bps.values())
        of_service = np.zeros(len(rows), np.bool_)
        of_service[list(contract_bps)] = True
        self.slow, self.rates = 0, []
        found: list[Crossing] = []
        for first in range(0, len(read), PORTS_AT_ONCE):
            part = read[first : first + PORTS_AT_ONCE]
            found.extend(self._follow(batch, part, rows[part], contract[part], of_service[part]))
        return found

    def lines(self, since: float, shard: Shard = WHOLE) -> Iterator[str]:
        """The text of all series of these elements that were read since then (Unix seconds)."""
        shown = self._shown
        fresh = (shown.seen >= since) & _within(shown.blocks, shard, len(shown.labels))
        for series in shown.series(fresh):
            yield from exposition.text(series, shown.labels)

    @property
    def shown(self) -> "Shown":
        return self._shown

    def _rows(self, batch: PollBatch) -> Rows:
        """The row here of every row of the batch; elements and ports that are new get theirs."""
        ends = np.cumsum(np.bincount(batch.port_element, minlength=len(batch.elements))).tolist()
        asked = {
            element: tuple(batch.expected_names[first:last])
            for element, first, last in zip(batch.elements, [0, *ends], ends, strict=False)
        }
        if any(element not in self._blocks or not self._has(element, names) for element, names in asked.items()):
            merged = {element: block.names for element, block in self._blocks.items()}
            for element, names in asked.items():
                merged[element] = tuple(dict.fromkeys((*merged.get(element, ()), *names)))
            self._arrange(merged)
        parts = [_in_block(self._blocks[element], names) for element, names in asked.items()]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def _has(self, element: str, names: tuple[str, ...]) -> bool:
        known = self._blocks[element].names
        return names == known or set(names) <= set(known)

    def _arrange(self, wanted: Mapping[str, tuple[str, ...]]) -> None:
        rows: list[int] = []
        blocks: dict[str, Block] = {}
        labels: list[str] = []
        for element, names in wanted.items():
            blocks[element] = Block(len(rows), names)
            known = self._blocks.get(element)
            if known is not None and known.names == names:
                rows.extend(range(known.first, known.first + len(names)))
                labels.extend(self._labels[known.first : known.first + len(names)])
                continue
            places = {} if known is None else {name: known.first + number for number, name in enumerate(known.names)}
            rows.extend(places.get(name, -1) for name in names)
            labels.extend(port_labels(element, names, self._services))
        kept = np.array(rows, np.int64)
        self._state = self._state.rows(kept)
        self._standing = {name: standing.rows(kept) for name, standing in self._standing.items()}
        self._oper = np.append(self._oper, np.uint64(0))[kept]
        self._seen = np.append(self._seen, -np.inf)[kept]
        self._blocks, self._labels = blocks, labels
        self._shown = Shown(self._state, self._oper, self._seen, labels, self._blocks, self._services)
        self._put_recalled()

    def _put_recalled(self) -> None:
        for warning in list(self._recalled):
            element, port, cause, direction = warning
            block = self._blocks.get(element)
            if block is None or port not in block.names:
                continue
            self._recalled.discard(warning)
            for (rule, way), standing in self._standing.items():
                if (f"{rule.measure}High", way) == (cause, direction):
                    standing.crossed[block.first + block.names.index(port)] = True

    def _follow(self, batch: PollBatch, read: Rows, rows: Rows, contract: Unsigned, of_service: Flags) -> Iterator[Crossing]:
        now, speed = _readings(batch, read), _speed(batch, read, contract)
        deltas, after = follow(self._state.rows(rows), now, Meta(speed, _LIMITED, _OTHERS[:, None] | batch.narrow[read]))
        self._state.put(rows, after)
        before = self._seen[rows]
        self._oper[rows], self._seen[rows] = batch.column(Column.OPER_STATUS)[read], batch.wall[read]
        counts = deltas.counts()
        self.outcomes.update({REASONS[outcome]: count for outcome, count in counts.items() if outcome in REASONS})
        self.slow += int((deltas.outcome == Outcome.SAME).any(axis=0).sum())
        if of_service.any():
            names = [f"{batch.elements[batch.port_element[row]]}/{batch.expected_names[row]}" for row in read[of_service].tolist()]
            self.rates.append(rates_of(names, now.wall[of_service], deltas.of(of_service), speed[of_service], COUNTERS))
        for (rule, direction), standing in self._standing.items():
            values, known = _measured(rule, direction, deltas, speed)
            found = thresholds.judge(rule.threshold, standing.rows(rows), values, known)
            standing.put(rows, found.standing)
            for place, raised in [
                *((row, True) for row in found.raised.tolist()),
                *((row, False) for row in found.cleared.tolist()),
            ]:
                row = int(read[place])
                yield Crossing(
                    element=batch.elements[int(batch.port_element[row])],
                    port=batch.expected_names[row],
                    measure=rule.measure,
                    direction=direction,
                    value=float(values[place]),
                    raised=raised,
                    wall=float(now.wall[place]),
                    before=float(before[place]),
                )


def _within(blocks: Mapping[str, Block], shard: Shard, rows: int) -> Flags:
    """Rows whose element is in the shard."""
    if shard == WHOLE:
        return np.ones(rows, np.bool_)
    within = np.zeros(rows, np.bool_)
    for element, block in blocks.items():
        within[block.first : block.first + len(block.names)] = element in shard
    return within


def _in_block(block: Block, names: tuple[str, ...]) -> Rows:
    if names == block.names:
        return np.arange(block.first, block.first + len(names))
    places = {name: block.first + number for number, name in enumerate(block.names)}
    return np.array([places[name] for name in names], np.int64)


def _measured(rule: Rule, direction: str, deltas: Deltas, speed: Unsigned) -> tuple[Seconds, Flags]:
    """Per second or as a share, and whether it is known."""
    number = COUNTERS.index(dict(DIRECTIONS[rule.measure])[direction])
    rate = deltas.values[number] / (np.maximum(deltas.ticks, 1) / _TICKS)
    if rule.measure == "utilisation":
        return rate * 8 / np.maximum(speed, np.uint64(1)), deltas.known[number] & (speed > 0)
    return rate, deltas.known[number]


_LIMITED = np.array([column in OCTETS for column in COUNTERS])
_OTHERS = ~_LIMITED
"""Errors and discards are counted in 32 bits."""


def gaps(outcomes: Mapping[str, int]) -> dict[str, int]:
    """Those of `Tracks.outcomes` that broke a series."""
    reasons = {REASONS[outcome] for outcome in Outcome if outcome >= FIRST_GAP}
    return {reason: count for reason, count in outcomes.items() if reason in reasons}


def _readings(batch: PollBatch, read: Rows) -> Readings:
    columns = np.array(COUNTERS, np.int64)
    return Readings(
        batch.wall[read],
        batch.monotonic[read],
        batch.uptime[read].astype(np.int64),
        batch.column(Column.DISCONTINUITY)[read],
        batch.if_index[read] * 2 + batch.narrow[read],
        batch.values[np.ix_(columns, read)],
        batch.present[np.ix_(columns, read)],
        batch.column(Column.OPER_STATUS)[read] == _UP,
    )


def _speed(batch: PollBatch, read: Rows, contract: Unsigned) -> Unsigned:
    told = batch.column(Column.HIGH_SPEED)[read] * np.uint64(MEGABIT)
    return np.where(told > 0, told, contract)
