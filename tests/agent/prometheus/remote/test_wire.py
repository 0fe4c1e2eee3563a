import math
import struct

import cramjam
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.prometheus.remote import wire
from tests.agent.prometheus.remote.protobuf import write_request

TEXTS = st.text(max_size=300)
ROWS = st.lists(st.tuples(TEXTS, st.floats(allow_nan=False), st.integers(0, 2**42 - 1)), min_size=1, max_size=20)


def read(pieces):
    return write_request(bytes(cramjam.snappy.compress_raw(b"".join(pieces))))


@given(st.text(st.characters(categories=["Ll"]), min_size=1, max_size=200), ROWS)
def test_what_is_written_is_what_protobuf_reads(name, rows):
    labels = [wire.labels({"port": port, "element": "pe1"}) for port, _, _ in rows]
    values = np.array([value for _, value, _ in rows])
    times = np.array([time for _, _, time in rows], np.int64)
    found = read(wire.series(wire.labels({wire.NAME: name}), labels, values, times))
    assert found == [({"__name__": name, "element": "pe1", "port": port}, [(value, time)]) for port, value, time in rows]


def test_the_end_of_a_series_is_the_nan_that_the_protocol_names():
    ended = read(wire.series(wire.labels({wire.NAME: "up"}), [b""], wire.stale(1), np.array([1], np.int64)))
    ((_, ((value, _),)),) = ended
    assert math.isnan(value)
    assert struct.pack("<d", value) == bytes.fromhex("020000000000f07f")
