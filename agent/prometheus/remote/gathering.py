"""What of the ports' columns has not been sent yet: each reading once, with the time at which it was read.

Nothing is kept of a reading here but that it was seen. What is not gathered before the port is read again is lost, and counted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cramjam
import numpy as np
import numpy.typing as npt

from agent.assurance.collection.exposition import Flags
from agent.assurance.collection.tracks import METRICS, Shown
from agent.prometheus.remote import wire

AT_ONCE = 5000
"""Samples of one request."""
_MILLI = 1000

SERIES = len(METRICS) + 2
"""Of one port, with its status and the time of its last reading: samples of a port are sent together."""

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    body: bytes
    """A WriteRequest, compressed as Snappy's blocks are."""
    samples: int


@dataclass(slots=True)
class _Ports:
    """The rows of one list of labels."""

    metrics: list[bytes]
    """Their names, as labels are sent."""
    labels: list[str]
    wired: list[bytes]
    noticed: npt.NDArray[np.float64]
    """When what was noticed last was read."""
    sent: npt.NDArray[np.float64]
    said: Flags
    """(metrics, rows): a value was sent, and no end."""


class Gathering:
    """Used by one thread at a time."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        """`labels` of every series, beside those of its port."""
        self._common = dict(labels)
        self._ports = _Ports([], [], [], np.zeros(0), np.zeros(0), np.zeros((0, 0), np.bool_))
        self.overtaken = 0
        """Samples that were read anew before they were gathered."""

    def gather(self, shown: Shown, room: int, now: float, lifetime: float) -> Iterator[Batch]:
        """At most some `room` samples. Series of ports that were not read for `lifetime` seconds, or are gone, are ended."""
        yield from self._follow(shown, now)
        ports = self._ports
        if not ports.labels:
            return
        series = list(shown.series(np.ones(len(ports.labels), np.bool_)))
        seen = shown.seen.copy()
        late = (seen > ports.noticed) & (ports.noticed > ports.sent)
        self.overtaken += len(series) * int(late.sum())
        ports.noticed = seen
        unsent = np.flatnonzero(seen > ports.sent)[: max(0, room) // len(series)]
        for some in _pieces(unsent, len(series)):
            present = np.array([each.present[some] for each in series])
            values = np.array([each.values[some] for each in series], np.float64)
            ports.sent[some] = seen[some]
            yield from self._batch(some, values, present, seen[some])
        silent = np.flatnonzero((seen < now - lifetime) & ports.said.any(axis=0))
        yield from self._end(silent, now)

    def _batch(self, rows: Rows, values: npt.NDArray[np.float64], present: Flags, seen: npt.NDArray[np.float64]) -> Iterator[Batch]:
        ports = self._ports
        ended = ports.said[:, rows] & ~present
        values[ended] = wire.stale(1)
        ports.said[:, rows] = present
        times = np.rint(seen * _MILLI).astype(np.int64)
        yield from _packed(ports, rows, values, present | ended, times)

    def _end(self, rows: Rows, now: float) -> Iterator[Batch]:
        for some in _pieces(rows, len(self._ports.metrics)):
            nothing = np.zeros((len(self._ports.metrics), len(some)))
            yield from self._batch(some, nothing, np.zeros_like(nothing, np.bool_), np.full(len(some), now))

    def _follow(self, shown: Shown, now: float) -> Iterator[Batch]:
        """Other labels: rows keep what is known of them, and the series of those that are gone are ended."""
        before = self._ports
        if shown.labels is before.labels:
            return
        names = [series.name for series in shown.series(np.zeros(len(shown.labels), np.bool_))]
        places = {label: number for number, label in enumerate(before.labels)}
        come_from = np.array([places.get(label, -1) for label in shown.labels], np.int64)
        stays = np.zeros(len(before.labels), np.bool_)
        stays[come_from[come_from >= 0]] = True
        yield from self._end(np.flatnonzero(~stays & before.said.any(axis=0)), now)
        said = before.said if before.metrics else np.zeros((len(names), 0), np.bool_)
        self._ports = _Ports(
            [wire.labels({wire.NAME: name}) for name in names],
            shown.labels,
            [before.wired[place] if place >= 0 else b"" for place in come_from.tolist()],
            np.append(before.noticed, -np.inf)[come_from],
            np.append(before.sent, -np.inf)[come_from],
            np.append(said, np.zeros((len(names), 1), np.bool_), axis=1)[:, come_from],
        )
        self._wire(shown)

    def _wire(self, shown: Shown) -> None:
        for element, block in shown.blocks.items():
            for number, port in enumerate(block.names, start=block.first):
                if not self._ports.wired[number]:
                    service = shown.services.get((element, port))
                    own = {"element": element, "port": port} | ({} if service is None else {"service_id": service})
                    self._ports.wired[number] = wire.labels(self._common | own)


def _pieces(rows: Rows, metrics: int) -> Iterator[Rows]:
    """Of so many rows that their samples fit into a request."""
    size = max(1, AT_ONCE // max(1, metrics))
    return (rows[first : first + size] for first in range(0, len(rows), size))


def _packed(ports: _Ports, rows: Rows, values: npt.NDArray[np.float64], wanted: Flags, times: wire.Milliseconds) -> Iterator[Batch]:
    pieces: list[bytes] = []
    for number, name in enumerate(ports.metrics):
        there = wanted[number]
        labels = [ports.wired[row] for row in rows[there].tolist()]
        pieces.extend(wire.series(name, labels, values[number][there], times[there]))
    if pieces:
        yield Batch(bytes(cramjam.snappy.compress_raw(b"".join(pieces))), len(pieces))
