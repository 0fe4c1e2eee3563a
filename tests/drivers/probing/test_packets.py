"""STAMP and ICMP echo as octets, and the clock that goes into them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.probing.clock import ErrorEstimate, ntp_of, own_estimate, unix_of
from drivers.probing.errors import NotStamp
from drivers.probing.icmp import Echo, checksum, pack_echo, unpack_reply
from drivers.probing.reflector import Reflections
from drivers.probing.stamp import (
    OPEN_OCTETS,
    SEALED_OCTETS,
    Reflected,
    Sent,
    is_reflection,
    pack_reflected,
    pack_sent,
    stamp_of_sent,
    unpack_reflected,
    unpack_sent,
)

KEY = b"sesame"
U16, U32, U64 = (st.integers(0, 2**bits - 1) for bits in (16, 32, 64))
SENT = st.builds(Sent, U32, U64, U16, U16)
REFLECTED = st.builds(Reflected, U32, U64, U16, U16, U64, U32, U64, U16, st.integers(0, 255))


@given(SENT, st.sampled_from([b"", KEY]), st.integers(0, 1400))
def test_what_is_sent_is_read_back(sent, key, size):
    data = pack_sent(sent, key, size)
    assert len(data) == max(size, SEALED_OCTETS if key else OPEN_OCTETS)
    assert unpack_sent(data, key) == sent
    assert stamp_of_sent(data, sealed=bool(key)) == sent.stamp


@given(REFLECTED, st.sampled_from([b"", KEY]))
def test_what_is_reflected_is_read_back(back, key):
    assert unpack_reflected(pack_reflected(back, key), key) == back


def test_the_open_formats_are_those_of_rfc_8762():
    """Sections 4.2.1 and 4.3.1: where each field lies."""
    sent = pack_sent(Sent(1, 0x0102030405060708, 0x8001))
    assert sent == bytes.fromhex("00000001 0102030405060708 8001".replace(" ", "")) + bytes(30)
    back = pack_reflected(Reflected(9, 2**64 - 1, 0x8001, 0, 0x1111111111111111, 1, 0x0102030405060708, 0x8001, 63))
    wanted = "00000009 ffffffffffffffff 8001 0000 1111111111111111 00000001 0102030405060708 8001 0000 3f 000000"
    assert back == bytes.fromhex(wanted.replace(" ", ""))


@given(st.binary(max_size=200), st.sampled_from([b"", KEY]))
def test_octets_of_any_kind_are_read_or_refused(data, key):
    for read in (unpack_sent, unpack_reflected):
        if key or len(data) < OPEN_OCTETS:
            with pytest.raises(NotStamp):
                read(data, key)
        else:
            assert read(data, key).sequence == int.from_bytes(data[:4])


@given(SENT, st.integers(0, 95), st.integers(1, 255))
def test_a_sealed_packet_that_was_changed_is_refused(sent, place, flip):
    data = bytearray(pack_sent(sent, KEY))
    data[place] ^= flip
    with pytest.raises(NotStamp):
        unpack_sent(bytes(data), KEY)


def test_another_key_is_refused():
    with pytest.raises(NotStamp, match="another key"):
        unpack_sent(pack_sent(Sent(1, 2, 3), b"other"), KEY)


@given(st.integers(0, 2**62))
def test_ntp_time_comes_back_to_the_nanosecond_or_so_in_every_era(nanoseconds):
    assert abs(unix_of(ntp_of(nanoseconds), nanoseconds + 10**9) - nanoseconds) <= 1


def test_ntp_time_counts_from_1900():
    assert ntp_of(0) == 2_208_988_800 << 32
    assert ntp_of(500_000_000) & 0xFFFFFFFF == 1 << 31


@given(st.booleans(), st.floats(1e-9, 1e9))
def test_an_error_estimate_is_never_smaller_than_the_error_and_never_unknown(synchronised, seconds):
    bits = ErrorEstimate(synchronised, seconds).pack()
    back = ErrorEstimate.unpack(bits)
    assert 0 < bits < 2**16
    assert bits & 0xFF  # RFC 4656: a multiplier of 0 is to be dropped
    assert back.synchronised is synchronised
    assert seconds * (1 - 1e-9) <= back.seconds <= max(2 * seconds, 2**-31)


def test_the_kernel_tells_of_its_clock():
    estimate = own_estimate()
    assert estimate.seconds >= 0
    assert ErrorEstimate.unpack(estimate.pack()).synchronised is estimate.synchronised


@given(st.integers(0, 2**16 - 1), U32, U64, st.sampled_from([4, 6]), st.integers(0, 200))
def test_an_echo_comes_back_as_it_was_sent(identifier, sequence, stamp, version, size):
    data = bytearray(pack_echo(Echo(identifier, sequence, stamp), version=version, size=size))
    assert checksum(bytes(data)) == 0
    data[0] = 129 if version == 6 else 0
    header = bytes([0x46]) + bytes(23) if version == 4 else b""  # IPv4 with an option, as a raw socket gives it
    assert unpack_reply(header + bytes(data), version=version, raw=True) == Echo(identifier, sequence, stamp)


@given(st.binary(max_size=120), st.sampled_from([4, 6]), st.booleans())
def test_octets_that_are_no_reply_are_none(data, version, raw):
    found = unpack_reply(data, version=version, raw=raw)
    assert found is None or len(data) >= 20


def test_a_reflector_counts_each_session_by_itself_and_says_when_it_heard():
    clock = iter(range(10**18, 2 * 10**18, 10**9))
    reflections = Reflections(now=lambda: next(clock), estimate=lambda: ErrorEstimate(True, 1e-6))
    ask = pack_sent(Sent(7, 42, 1, session=5), size=60)
    answers = [reflections.answer(ask, ("192.0.2.1", 9), 10**18 - 1000, ttl=61) for _ in range(2)]
    answers.append(reflections.answer(ask, ("192.0.2.1", 10), 10**18))
    backs = [unpack_reflected(each) for each in answers]
    assert [back.sequence for back in backs] == [0, 1, 0]
    assert {(back.sender_sequence, back.sender_stamp, back.session) for back in backs} == {(7, 42, 5)}
    assert backs[0].ttl == 61
    assert backs[0].received < backs[0].stamp
    assert {len(each) for each in answers} == {60}


def test_a_reflector_never_answers_more_than_it_was_asked():
    reflections = Reflections()
    for size in range(OPEN_OCTETS):
        assert reflections.answer(bytes(size), ("192.0.2.1", 9), 0) is None
    assert reflections.counts == {"refused": OPEN_OCTETS}


def test_a_reflector_remembers_a_bounded_number_of_sessions():
    reflections = Reflections(most=2)
    ask = pack_sent(Sent(0, 1, 1))
    heard = [unpack_reflected(reflections.answer(ask, ("192.0.2.1", port), 0)).sequence for port in (1, 2, 1, 3, 2, 1)]
    assert heard == [0, 0, 1, 0, 0, 0]


def test_the_head_of_an_ipv4_header_is_not_read_beyond_the_packet():
    assert unpack_reply(struct.pack("!B", 0x4F), version=4, raw=True) is None


def forged(reflections, key=b"", port=4000):
    """What a reflector answers to somebody who claims to be at that port."""
    ask = pack_sent(Sent(1, ntp_of(10**18), 1), key)
    return reflections.answer(ask, ("192.0.2.1", port), 10**18)


@pytest.mark.parametrize("key", [b"", KEY])
def test_a_reflection_is_not_reflected_whatever_port_it_comes_from(key):
    here, there = (Reflections(key, now=lambda: 10**18 + 20_000) for _ in range(2))
    assert there.answer(forged(here, key), ("192.0.2.1", 4000), 10**18 + 30_000) is None
    assert there.counts == {"looped": 1}


@pytest.mark.parametrize(
    ("own", "source", "answered"), [(862, 862, False), (5000, 5000, False), (5000, 862, False), (5000, 4000, True)]
)
def test_nothing_is_reflected_to_the_port_of_a_reflector(own, source, answered):
    reflections = Reflections(port=own)
    assert (forged(reflections, port=source) is not None) is answered
    assert reflections.counts["looped"] == (not answered)


@given(SENT, st.binary(min_size=30, max_size=60))
def test_a_senders_own_padding_does_not_make_it_a_reflection(sent, padding):
    """TWAMP Light's senders fill what STAMP leaves zero, with zeros or at random."""
    data = pack_sent(sent)[:14] + padding
    came = int.from_bytes(padding[2:10])
    assert is_reflection(data, sealed=False) is (came > 0 and 0 <= sent.stamp - came < 10 << 32)


def test_one_address_is_answered_so_often_a_second_and_others_beside_it():
    reflections = Reflections(per_second=3, most=2)
    ask, second = pack_sent(Sent(0, 1, 1)), 10**9
    told = [reflections.answer(ask, ("192.0.2.1", port), 5 * second + port) is not None for port in range(1, 6)]
    assert told == [True, True, True, False, False]
    assert reflections.answer(ask, ("192.0.2.2", 1), 5 * second) is not None
    assert reflections.answer(ask, ("192.0.2.1", 1), 6 * second) is not None
    assert reflections.counts == {"reflected": 5, "crowded": 2}
