"""The codec against pyasn1, which others wrote, and against octets that nobody should send."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto import rfc1902

from drivers.sim.snmp import ber
from drivers.sim.snmp.ber import Reader, Value
from drivers.sim.snmp.errors import MalformedMessage
from drivers.sim.snmp.message import Pdu, PduKind, read_community, write_community

OIDS = st.tuples(st.integers(0, 2), st.integers(0, 39), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
VALUES = st.one_of(
    st.integers(-(2**31), 2**31 - 1).map(lambda n: Value(ber.INTEGER, n)),
    st.integers(0, 2**32 - 1).map(lambda n: Value(ber.COUNTER32, n)),
    st.integers(0, 2**32 - 1).map(lambda n: Value(ber.GAUGE32, n)),
    st.integers(0, 2**32 - 1).map(lambda n: Value(ber.TIMETICKS, n)),
    st.integers(0, 2**64 - 1).map(lambda n: Value(ber.COUNTER64, n)),
    st.binary(max_size=300).map(lambda data: Value(ber.OCTETS, data)),
    OIDS.map(lambda oid: Value(ber.OBJECT_ID, oid)),
    st.sampled_from([Value(ber.NULL), Value(ber.NO_SUCH_OBJECT), Value(ber.END_OF_VIEW)]),
)
PEERS = {
    ber.INTEGER: rfc1902.Integer32,
    ber.COUNTER32: rfc1902.Counter32,
    ber.GAUGE32: rfc1902.Gauge32,
    ber.TIMETICKS: rfc1902.TimeTicks,
    ber.COUNTER64: rfc1902.Counter64,
    ber.OCTETS: rfc1902.OctetString,
    ber.OBJECT_ID: rfc1902.ObjectIdentifier,
}


@given(VALUES)
def test_a_value_reads_back_as_it_was(value: Value) -> None:
    assert Reader(ber.encode(value)).value() == value


def padded_by_pyasn1(value: Value) -> bool:
    """It writes -128, -32768 and so on with an octet too many, against X.690, 8.3.2."""
    return value.tag == ber.INTEGER and isinstance(value.data, int) and value.data in {-(1 << bits) for bits in range(7, 64, 8)}


def test_the_smallest_number_of_a_width_takes_no_octet_too_many() -> None:
    assert ber.encode(Value(ber.INTEGER, -128)) == b"\x02\x01\x80"


@given(VALUES.filter(lambda value: value.tag in PEERS and not padded_by_pyasn1(value)))
def test_pyasn1_writes_the_same_octets(value: Value) -> None:
    assert encoder.encode(PEERS[value.tag](value.data)) == ber.encode(value)


@given(VALUES.filter(lambda value: value.tag in PEERS))
def test_pyasn1_reads_what_is_written(value: Value) -> None:
    decoded, rest = decoder.decode(ber.encode(value), asn1Spec=PEERS[value.tag]())
    assert rest == b""
    assert decoded == PEERS[value.tag](value.data)


@given(st.integers(0, 2**31 - 1), st.lists(st.tuples(OIDS, VALUES), max_size=20), st.integers(0, 18))
def test_a_message_reads_back_as_it_was(request_id: int, varbinds: list[tuple[ber.Oid, Value]], status: int) -> None:
    pdu = Pdu(PduKind.RESPONSE, request_id, tuple(varbinds), status, 0)
    reader = Reader(write_community(b"public", pdu)).enter()
    assert (reader.integer(), read_community(reader)) == (1, (b"public", pdu))


@given(st.binary(max_size=60))
def test_junk_is_malformed_and_nothing_else(junk: bytes) -> None:
    with contextlib.suppress(MalformedMessage):
        reader = Reader(junk).enter()
        reader.integer()
        read_community(reader)


@given(st.data())
def test_a_message_with_one_octet_changed_is_read_or_malformed(data: st.DataObject) -> None:
    whole = bytearray(write_community(b"public", Pdu(PduKind.GET, 7, (((1, 3, 6, 1), Value(ber.NULL)),))))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(MalformedMessage):
        reader = Reader(bytes(whole)).enter()
        reader.integer()
        read_community(reader)


@pytest.mark.parametrize(
    "octets",
    ["", "02", "0200", "0201", "020a" + "00" * 10, "0600", "060180", "3080", "3085ffffffffff", "30030201", "0101ff"],
)
def test_what_is_cut_off_or_unknown_is_malformed(octets: str) -> None:
    with pytest.raises(MalformedMessage):
        Reader(bytes.fromhex(octets)).value()
