"""What the reader makes of good notifications and of everything else."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.snmp import ber
from drivers.snmp.errors import BerError
from tests.drivers.snmp import messages
from tests.drivers.snmp.messages import INFORM, LINK_DOWN, RESPONSE, integer, octets, oid, tlv

V3 = messages.v3(boots=5, time=1000)
VALUES: list[tuple[bytes, ber.Value]] = [
    (integer(3), 3),
    (integer(-1), -1),
    (integer(2**32 - 1, 0x41), 2**32 - 1),
    (integer(2**64 - 1, 0x46), 2**64 - 1),
    (integer(2**31, 0x42), 2**31),
    (octets(b"ge-0/0/3"), b"ge-0/0/3"),
    (octets(bytes(300)), bytes(300)),
    (tlv(0x44, b"\x9f\x78"), b"\x9f\x78"),
    (oid("1.3.6.1.4.1.2636.3.1"), "1.3.6.1.4.1.2636.3.1"),
    (oid("2.999.4294967295"), "2.999.4294967295"),
    (tlv(0x40, bytes([192, 0, 2, 1])), "192.0.2.1"),
    (tlv(0x05, b""), None),
    (tlv(0x81, b""), None),
]


@pytest.mark.parametrize(("encoded", "value"), VALUES, ids=lambda part: repr(part)[:24])
def test_every_type_of_value_is_read(encoded: bytes, value: ber.Value) -> None:
    found = ber.notification(messages.v2c([("1.3.6.1.4.1.9.1", encoded)]))
    assert found.varbinds == (("1.3.6.1.4.1.9.1", value),)


def test_a_v2c_trap_has_its_identity_and_time_apart() -> None:
    found = ber.notification(messages.v2c([(f"{messages.IF_INDEX}.3", integer(3))]))
    assert found == ber.Notification("v2c", b"public", LINK_DOWN, 4711, "", ((f"{messages.IF_INDEX}.3", 3),), None)


def test_the_proxied_agent_is_named() -> None:
    assert ber.notification(messages.v2c([("1.3.6.1.6.3.18.1.3.0", tlv(0x40, bytes([10, 0, 0, 1])))])).agent_address == "10.0.0.1"


def test_an_inform_is_answered_with_the_same_bindings() -> None:
    found = ber.notification(messages.v2c(pdu=INFORM))
    assert found.acknowledgement == messages.v2c(pdu=RESPONSE)


@pytest.mark.parametrize(
    ("generic", "specific", "expected"),
    [(0, 0, "1.3.6.1.6.3.1.1.5.1"), (2, 0, LINK_DOWN), (5, 9, "1.3.6.1.6.3.1.1.5.6"), (6, 17, "1.3.6.1.4.1.9.0.17")],
)
def test_a_v1_trap_is_named_as_rfc_3584_says(generic: int, specific: int, expected: str) -> None:
    found = ber.notification(messages.v1(generic, specific))
    assert (found.version, found.trap_oid, found.uptime, found.agent_address) == ("v1", expected, 4711, "10.9.8.7")


def test_ticks_without_their_leading_zero_are_not_negative() -> None:
    assert ber.notification(messages.v2c(uptime=-1)).uptime == 2**32 - 1


def test_the_clear_part_of_v3_is_read() -> None:
    header = ber.v3_header(V3)
    assert (header.flags, header.user, header.boots, header.time) == (3, b"traps", 5, 1000)
    assert header.engine_id == messages.ENGINE
    assert V3[slice(*header.digest)] == bytes(12)


GOOD = messages.v2c([(f"{messages.IF_INDEX}.3", integer(3)), ("1.3.6.1.4.1.9.1", octets(b"x" * 200))])


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\x30",
        b"\x30\x80",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x85\x00\x00\x00\x00\x01\x00",
        b"\x31" + GOOD[1:],
        GOOD[:-1],
        tlv(0x30, integer(7)),
        tlv(0x30, integer(1)),
        messages.v2c(pdu=0xA0),
        messages.v1(7),
        messages.v1(6, -1),
        messages.v2c([("1.3", tlv(0x40, b"\x01\x02\x03"))]),
        messages.v2c([("1.3", tlv(0x05, b"\x00"))]),
        messages.v2c([("1.3", tlv(0x02, b""))]),
        messages.v2c([("1.3", tlv(0x46, bytes(10)))]),
        messages.v2c([("1.3", tlv(0x06, b"\x80"))]),
        messages.v2c([("1.3", tlv(0x06, b""))]),
        messages.v2c([("1.3", tlv(0x06, b"\x2b\x90\x80\x80\x80\x00"))]),
        messages.v2c([("1.3", tlv(0x06, bytes(129)))]),
        messages.v2c([("1.3", tlv(0x13, b"printable"))]),
        messages.v2c([("1.3", integer(1) + integer(2))]),
        messages.v2c([("1.3", integer(1))] * 600),
        bytes(70_000),
        tlv(0x30, integer(1) + octets(b"public") + tlv(0xA7, integer(1) + integer(0) + integer(0) + messages.varbinds([]))),
    ],
    ids=range(25),
)
def test_what_is_not_a_notification_is_refused(datagram: bytes) -> None:
    with pytest.raises(BerError):
        ber.notification(datagram)


def refuses_or_reads(datagram: bytes) -> None:
    """Anything but BerError escapes and fails the test."""
    for read in (ber.version, ber.notification, ber.v3_header):
        with contextlib.suppress(BerError):
            read(datagram)


@given(st.binary(max_size=300))
def test_any_octets_are_read_or_refused(datagram: bytes) -> None:
    refuses_or_reads(datagram)


@given(st.sampled_from([GOOD, V3, messages.v1(2)]), st.data())
def test_any_damage_is_read_or_refused(datagram: bytes, data: st.DataObject) -> None:
    damaged = bytearray(datagram)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(damaged) - 1))
        damaged[position : position + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
        if not damaged:
            break
    refuses_or_reads(bytes(damaged))


@given(st.sampled_from([GOOD, V3, messages.v1(2)]), st.integers(0, 300))
def test_any_cut_is_read_or_refused(datagram: bytes, length: int) -> None:
    refuses_or_reads(datagram[:length])
