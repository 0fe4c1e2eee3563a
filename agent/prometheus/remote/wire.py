"""The messages of remote write 1.0 (prometheus.WriteRequest in protobuf), for series that have one sample each.

WriteRequest{timeseries=1}, TimeSeries{labels=1, samples=2}, Label{name=1, value=2}, Sample{value=1 double, timestamp=2 int64}.
A sample is always written in the same length, so that those of many series are made at once, as columns.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

NAME = "__name__"
STALE = np.uint64(0x7FF0000000000002)
"""The NaN that says that a series ends here."""
_SAMPLE = 18
"""Octets: two of the field, nine of the value, seven of the time."""
_TIME_OCTETS = 6
"""Of a varint up to 2^42 ms, which is in the year 2109."""
_SERIES, _LABELS, _SAMPLES, _LABEL_NAME, _LABEL_VALUE, _VALUE, _TIME = 0x0A, 0x0A, 0x12, 0x0A, 0x12, 0x09, 0x10

Values = npt.NDArray[np.float64]
Milliseconds = npt.NDArray[np.int64]


def labels(found: Mapping[str, str]) -> bytes:
    """Sorted by their names, as receivers want them; those of one series are put together from several such, in their order."""
    return b"".join(_label(name, found[name]) for name in sorted(found))


def series(metric: bytes, rows: Sequence[bytes], values: Values, times: Milliseconds) -> Iterable[bytes]:
    """Time series of one metric: `metric` is its name as a label, `rows` the labels of each, which sort behind it."""
    for row, tail in zip(rows, _samples(values, times), strict=True):
        yield b"".join((_head(len(metric) + len(row) + _SAMPLE), metric, row, tail))


def stale(count: int) -> Values:
    return np.full(count, STALE, np.uint64).view(np.float64)


@lru_cache(maxsize=4096)
def _head(length: int) -> bytes:
    return bytes([_SERIES]) + _varint(length)


def _samples(values: Values, times: Milliseconds) -> list[bytes]:
    octets = np.zeros((len(values), _SAMPLE), np.uint8)
    octets[:, :3] = (_SAMPLES, _SAMPLE - 2, _VALUE)
    octets[:, 3:11] = np.ascontiguousarray(values, "<f8").view(np.uint8).reshape(-1, 8)
    octets[:, 11] = _TIME
    septets = times.astype(np.uint64)[:, None] >> np.arange(0, 7 * _TIME_OCTETS, 7, dtype=np.uint64)
    octets[:, 12:] = (septets & np.uint64(0x7F)).astype(np.uint8) | _MORE
    found: list[bytes] = octets.view(f"V{_SAMPLE}").ravel().tolist()
    return found


_MORE = np.array([0x80] * (_TIME_OCTETS - 1) + [0], np.uint8)
"""Every octet of a varint but the last says that another follows."""


def _label(name: str, value: str) -> bytes:
    inside = _text(_LABEL_NAME, name) + _text(_LABEL_VALUE, value)
    return bytes([_LABELS]) + _varint(len(inside)) + inside


def _text(field: int, text: str) -> bytes:
    octets = text.encode()
    return bytes([field]) + _varint(len(octets)) + octets


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:  # noqa: PLR2004  seven bits to an octet
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
