"""From answers in the arena to the columns of the cycles that asked: together where they fit, one by one where they do not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drivers.snmp import ber, oids
from drivers.snmp.batch import BatchBuilder, PollFailure, PortSample, Reason, Seconds
from drivers.snmp.ber import Binding
from drivers.snmp.columns import COLUMN_OID, NAME_OID, NARROW, NARROW_OID, Column
from drivers.snmp.errors import BerError
from drivers.snmp.lockstep import Flags, Layout, Places, Reading, Words
from drivers.snmp.visit import Part, Visit

INTEGER, _OCTETS, _COUNTER64 = 0x02, 0x04, 0x46
_NARROW_TAGS, _WIDE_TAGS = frozenset({INTEGER, 0x41, 0x42, 0x43}), frozenset({_COUNTER64})
_NARROW_OCTETS, _WIDE_OCTETS = 4, 8


@dataclass(frozen=True)
class Answers:
    """Answers that wait to be read, shape (answers,): where PDU and bindings begin, where they end, when they came."""

    asked: Sequence[tuple[Visit, Part]]
    pdu: Places
    bindings: Places
    ends: Places
    wall: Seconds
    monotonic: Seconds

    @classmethod
    def of(cls, parts: Sequence["Answers"]) -> "Answers":
        return cls(
            [asked for part in parts for asked in part.asked],
            np.concatenate([part.pdu for part in parts]),
            np.concatenate([part.bindings for part in parts]),
            np.concatenate([part.ends for part in parts]),
            np.concatenate([part.wall for part in parts]),
            np.concatenate([part.monotonic for part in parts]),
        )

    def rows(self, rows: Places) -> "Answers":
        return Answers(
            [self.asked[row] for row in rows.tolist()],
            self.pdu[rows],
            self.bindings[rows],
            self.ends[rows],
            self.wall[rows],
            self.monotonic[rows],
        )

    def by_cycle(self) -> "Iterator[Answers]":
        """Apart for each builder, and for each width of octet counters."""
        groups: dict[tuple[int, bool], list[int]] = {}
        for row, (visit, part) in enumerate(self.asked):
            groups.setdefault((id(visit.builder), part.narrow), []).append(row)
        for rows in groups.values():
            yield self if len(groups) == 1 else self.rows(np.array(rows))


def read(words: Words, layouts: Mapping[bool, Layout], answers: Answers, now: float) -> None:
    """Fill the one builder of these answers and tell the visits what was missing. `now`: monotonic."""
    layout = layouts[answers.asked[0][1].narrow]
    order = np.argsort([-len(part.positions) for _, part in answers.asked], kind="stable")
    asked = [answers.asked[row] for row in order.tolist()]
    builder = asked[0][0].builder
    counts = np.array([len(part.positions) for _, part in asked], np.int64)
    rows = _rows(builder, asked, counts)
    heads = (answers.bindings[order], answers.ends[order])
    reading = layout.read(words, heads, rows, counts, builder.asked)
    valid = (np.arange(rows.shape[1])[:, None] < counts) & reading.sound
    stamps = (answers.wall[order], answers.monotonic[order])
    _store_elements(builder, answers, reading, order)
    _store_ports(words, builder, reading, rows.T, valid, stamps, layout)
    _note_width(asked, reading, valid & reading.expected, layout)
    _report(asked, valid & ~reading.named, reading.sound, now)
    for row in np.flatnonzero(~reading.sound).tolist():
        visit, part = asked[row]
        at, end = int(answers.pdu[order[row]]), int(answers.ends[order[row]])
        octets = words.octets(at, end)
        _read_one(visit, part, octets, (float(stamps[0][row]), float(stamps[1][row])), now)


def _rows(builder: BatchBuilder, asked: Sequence[tuple[Visit, Part]], counts: Places) -> Places:
    """Shape (answers, most ports): rows of the batch; beyond an answer's ports 0."""
    most = int(counts.max())
    first = [
        builder.offsets[visit.element] + part.positions.start if isinstance(part.positions, range) else -1 for visit, part in asked
    ]
    numbers = np.arange(most)
    rows = np.array(first, np.int64)[:, None] + numbers
    for row in (number for number, found in enumerate(first) if found < 0):
        visit, part = asked[row]
        rows[row, : len(part.positions)] = builder.offsets[visit.element] + np.array(part.positions, np.int64)
    return np.where(numbers < counts[:, None], rows, 0)


def _store_elements(builder: BatchBuilder, answers: Answers, reading: Reading, order: Places) -> None:
    """The first answer of each element tells its time."""
    sound = np.empty(len(order), np.bool_)
    uptime = np.empty(len(order), np.uint64)
    sound[order], uptime[order] = reading.sound, reading.uptime
    elements, first = np.unique(np.array([visit.element for visit, _ in answers.asked])[sound], return_index=True)
    rows = np.flatnonzero(sound)[first]
    new = np.isnan(builder.element_times[0, elements])
    elements, rows = elements[new], rows[new]
    builder.element_times[0, elements], builder.element_times[1, elements] = answers.wall[rows], answers.monotonic[rows]
    builder.element_uptime[elements] = uptime[rows]


def _store_ports(  # noqa: PLR0917  one place calls it
    words: Words,
    builder: BatchBuilder,
    reading: Reading,
    rows: Places,
    valid: Flags,
    stamps: tuple[Seconds, Seconds],
    layout: Layout,
) -> None:
    """`rows`, `valid`: shape (ports, answers)."""
    strange = valid & reading.named & ~reading.expected
    accepted = valid & reading.expected
    for port, answer in zip(*(each.tolist() for each in np.nonzero(strange)), strict=True):
        at, octets = int(reading.name_at[port, answer]), int(reading.name_octets[port, answer])
        name = words.octets(at, at + octets).decode("utf-8", "replace")
        accepted[port, answer] = _named(builder, int(rows[port, answer]), name)
    places = rows[accepted]
    for number, column in enumerate(layout.columns):
        builder.values[column, places] = reading.values[number][accepted]
        builder.present[column, places] = reading.present[number][accepted]
    builder.wrong_types += int((reading.wrong & accepted).sum())
    seen = accepted | strange
    places, answers = rows[seen], np.nonzero(seen)[1]
    builder.read[places] = True
    builder.times[0, places] = stamps[0][answers]
    builder.times[1, places] = stamps[1][answers]
    builder.uptime[places] = reading.uptime[answers]
    builder.narrow[places] = layout.narrow


def _named(builder: BatchBuilder, row: int, name: str) -> bool:
    """Whether a port of that name may stand in the row; where not, the failure is noted."""
    expected = builder.names[row]
    if name == expected:
        return True
    builder.other_names[row] = name
    if not expected:
        return True
    index = int(builder.if_index[row])
    element = builder.jobs[int(builder.port_element[row])].target.element
    detail = f"ifIndex {index} is now {name!r}, not {expected!r}; read the element's ports again"
    builder.failed(PollFailure(element, Reason.WRONG_NAME, detail, index))
    return False


def _note_width(asked: Sequence[tuple[Visit, Part]], reading: Reading, accepted: Flags, layout: Layout) -> None:
    """Ports without octet counters of 64 bits are asked for those of 32 from the next cycle on."""
    if layout.narrow or Column.IN_OCTETS not in layout.columns:
        return
    lacking = accepted & ~reading.present[layout.columns.index(Column.IN_OCTETS)]
    for place, answer in zip(*(each.tolist() for each in np.nonzero(lacking)), strict=True):
        visit, part = asked[answer]
        visit.memory.narrow.add(visit.job.ports[part.positions[place]])


def _report(asked: Sequence[tuple[Visit, Part]], missing: Flags, sound: Flags, now: float) -> None:
    """Tell the visits of the ports that their answers lacked."""
    lacking = set(np.flatnonzero(missing.any(axis=0)).tolist())
    for row, (visit, part) in enumerate(asked):
        if not sound[row]:
            continue
        visit.read(now)
        if row in lacking or part.blames:
            absent = np.flatnonzero(missing[:, row]).tolist()
            visit.missed(part, [part.positions[place] for place in absent], now)


def _read_one(visit: Visit, part: Part, octets: bytes, stamps: tuple[float, float], now: float) -> None:
    """With care and patience, binding by binding."""
    try:
        found = {binding.oid: binding for binding in ber.response_pdu(octets).bindings}
    except BerError as error:
        visit.failed(part, Reason.PROTOCOL, f"the answer cannot be read: {error}")
        return
    uptime = whole(found.get(oids.SYS_UPTIME), narrow=True)
    if uptime is None:
        visit.failed(part, Reason.PROTOCOL, "the answer carries no sysUpTime")
        return
    visit.read(now)
    builder = visit.builder
    builder.answered(visit.element, *stamps, uptime)
    missing = []
    for position in part.positions:
        sample = sample_of(found, visit.indices[position], stamps, uptime)
        if sample is None:
            missing.append(position)
            continue
        row = builder.offsets[visit.element] + position
        kept = sample if _named(builder, row, sample.name) else PortSample(sample.if_index, sample.name, *stamps, uptime, {})
        builder.port(visit.element, position, kept)
    visit.missed(part, missing, now)


def sample_of(found: Mapping[str, Binding], if_index: int, stamps: tuple[float, float], uptime: int) -> PortSample | None:
    """None when the element has no port of this index."""
    name = found.get(f"{NAME_OID}.{if_index}")
    if name is None or name.tag != _OCTETS or not isinstance(name.value, bytes):
        return None
    values = dict(_values(found, if_index, COLUMN_OID))
    narrow = {} if NARROW_OID.keys() & values.keys() else dict(_values(found, if_index, NARROW_OID))
    return PortSample(if_index, name.value.decode("utf-8", "replace"), *stamps, uptime, values | narrow, narrow=bool(narrow))


def _values(found: Mapping[str, Binding], if_index: int, identifiers: Mapping[Column, str]) -> Iterator[tuple[Column, int]]:
    for column, oid in identifiers.items():
        value = whole(found.get(f"{oid}.{if_index}"), narrow=column in NARROW or identifiers is NARROW_OID)
        if value is not None:
            yield column, value


def whole(binding: Binding | None, *, narrow: bool) -> int | None:
    """A whole number of the right type and range; by the same rules as in lock-step."""
    if binding is None or not isinstance(binding.value, int):
        return None
    tags, octets = (_NARROW_TAGS, _NARROW_OCTETS) if narrow else (_WIDE_TAGS, _WIDE_OCTETS)
    if binding.tag not in tags or binding.octets > 2 * _NARROW_OCTETS + (not narrow):
        return None
    limit = 2 ** (8 * octets)
    value = binding.value
    if value < 0 and binding.tag != INTEGER and binding.octets == octets:
        value += limit  # without the zero octet that a set first bit needs
    return value if 0 <= value < limit else None
