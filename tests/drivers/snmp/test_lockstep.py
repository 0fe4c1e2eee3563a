"""Answers read in lock-step: exactly what the careful reader finds, never anything else, whatever the octets."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.port import Credential, Target
from drivers.snmp import asking, ber, lockstep
from drivers.snmp.batch import BatchBuilder, PollBatch, PollJob, PortRef, Reason
from drivers.snmp.bulk import SLOT_OCTETS, address_of
from drivers.snmp.columns import COLUMN_OID, NAME_OID, NARROW, Column
from drivers.snmp.lockstep import Indices, Layout, Words
from drivers.snmp.reading import Answers, read, sample_of
from drivers.snmp.sizing import GetSize
from drivers.snmp.speech import ByCommunity, Endpoint, Requests
from drivers.snmp.visit import Memory, Part, Visit
from tests.drivers.snmp.messages import integer, oid, tlv

LAYOUTS = {narrow: Layout(tuple(Column), narrow=narrow) for narrow in (False, True)}
STAMPS = (5.0, 6.0)
INDICES = (1, 127, 128, 16_383, 16_384, 436_207_616, 2**31 - 1)
UPTIME = "1.3.6.1.2.1.1.3.0"
Asked = tuple[PortRef, ...]


def value_of(column: Column, number: int) -> bytes:
    if column in NARROW:
        return integer(number % 2**32, 0x41 if column is not Column.OPER_STATUS else 0x02)
    return integer(number, 0x46)


def binding(name: str, value: bytes) -> bytes:
    return tlv(0x30, oid(name) + value)


def answer(
    ports: Asked, values: dict[tuple[int, Column], bytes], uptime: bytes = b"\x43\x02\x04\xd2", request_id: int = asking.FIRST_ID
) -> bytes:
    listed = [binding(UPTIME, uptime)]
    for port in ports:
        listed.extend(binding(f"{COLUMN_OID[column]}.{port.if_index}", values[port.if_index, column]) for column in Column)
        listed.append(binding(f"{NAME_OID}.{port.if_index}", tlv(0x04, port.name.encode())))
    body = tlv(0x02, request_id.to_bytes(4, "big")) + integer(0) + integer(0) + tlv(0x30, b"".join(listed))
    return tlv(0x30, integer(1) + tlv(0x04, b"public") + tlv(0xA2, body))


def laid_out(datagrams: list[bytes]) -> tuple[Words, np.ndarray, np.ndarray]:
    arena = np.full(len(datagrams) * SLOT_OCTETS + 64, 0xA5, np.uint8)  # what earlier datagrams left there
    for slot, datagram in enumerate(datagrams):
        arena[slot * SLOT_OCTETS : slot * SLOT_OCTETS + len(datagram)] = np.frombuffer(datagram, np.uint8)
    return Words.of(arena), np.arange(len(datagrams)) * SLOT_OCTETS, np.array([len(each) for each in datagrams])


def gathered(datagrams: list[bytes], ports: Asked) -> PollBatch | None:
    """As the collector does, each datagram an answer of an element of its own; None when no head is sound."""
    words, starts, lengths = laid_out(datagrams)
    heads = lockstep.messages(words, starts, lengths)
    rows = np.flatnonzero(heads.sound & (heads.status == 0))
    if not len(rows):
        return None
    credential = Credential("c", community="public")
    jobs = [PollJob(Target(f"e{n}", "any", "snmp", "127.0.0.1", 161, credential), ports) for n in range(len(rows))]
    builder = BatchBuilder(jobs)
    speech = ByCommunity(Endpoint(*address_of("127.0.0.1", 161)), "public", Requests(LAYOUTS))
    indices = tuple(port.if_index for port in ports)
    visits = [Visit(job, n, builder, Memory(GetSize()), speech, indices, 2) for n, job in enumerate(jobs)]
    asked = [(visit, visit.part() or Part(())) for visit in visits]
    asked = [(visit, Part(range(len(ports)))) for visit, _ in asked]
    stamps = (np.full(len(rows), each) for each in STAMPS)
    read(words, LAYOUTS, Answers(asked, heads.pdu[rows], heads.bindings[rows], heads.end[rows], *stamps), 0.0)
    return builder.build()


def by_hand(datagram: bytes, ports: Asked) -> dict[int, dict[Column, int]]:
    """Port → values, by a reader that knows nothing of the other two and gives up where lengths do not fit."""
    (message,) = elements(datagram)
    _, _, pdu = elements(message[1])
    *_, listed = elements(pdu[1])
    found = {}
    for _, pair in elements(listed[1]):
        (_, name), (tag, content) = elements(pair)
        value: int | bytes | None = content
        if tag in {0x02, 0x41, 0x42, 0x43, 0x46}:
            value = int.from_bytes(content, "big", signed=True) if 0 < len(content) < 10 else None
        found[name] = ber.Binding("", tag, value, len(content))
    by_name = {f"{dotted}.{port.if_index}": port for dotted in (NAME_OID, *COLUMN_OID.values()) for port in ports}
    known = {dotted: found[oid(dotted)[2:]] for dotted in by_name if oid(dotted)[2:] in found}
    samples = {port.if_index: sample_of(known, port.if_index, STAMPS, 0) for port in ports}
    return {index: dict(sample.values) for index, sample in samples.items() if sample is not None}


def elements(content: bytes) -> list[tuple[int, bytes]]:
    """Tag and content of each."""
    found = []
    while content:
        tag, size, head = content[0], content[1], 2
        if size >= 0x80:
            head = 2 + (size & 0x7F)
            size = int.from_bytes(content[2:head], "big")
        assert head + size <= len(content)
        found.append((tag, content[head : head + size]))
        content = content[head + size :]
    return found


def bindings_of(datagram: bytes) -> list[tuple[int, bytes]]:
    (message,) = elements(datagram)
    *_, pdu = elements(message[1])
    *_, listed = elements(pdu[1])
    return elements(listed[1])


ports_asked = st.lists(st.sampled_from(INDICES), min_size=1, max_size=4, unique=True).map(
    lambda indices: tuple(PortRef(index, f"port {index}"[: index % 40]) for index in indices)
)
numbers = st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 300), st.sampled_from([2**31, 2**32 - 1, 2**63, 2**64 - 1]))


@given(ports_asked, st.randoms(use_true_random=False), st.lists(numbers, min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_what_an_agent_says_is_what_is_stored(ports: Asked, chance: random.Random, pool: list[int]) -> None:
    values = {(port.if_index, column): chance.choice(pool) for port in ports for column in Column}
    encoded = {key: value_of(key[1], number) for key, number in values.items()}
    batch = gathered([answer(ports, encoded)] * 3, ports)
    assert batch is not None
    assert batch.failures == ()
    for row in range(3 * len(ports)):
        port = ports[row % len(ports)]
        for column in Column:
            number = values[port.if_index, column]
            assert int(batch.values[column, row]) == (number % 2**32 if column in NARROW else number)
    assert batch.present.all()
    assert batch.names == tuple(port.name for port in ports) * 3


ODD_VALUES = [
    *(bytes([tag, 0]) for tag in (0x80, 0x81, 0x82, 0x05, 0x41, 0x46)),
    tlv(0x04, b"abc"),
    tlv(0x40, bytes(4)),
    tlv(0x30, b"\x05\x00"),
    tlv(0x06, b"\x2b"),
    *(bytes([tag, 1, 0xFF]) for tag in (0x02, 0x41, 0x46)),
    tlv(0x43, b"\xff" * 4),
    tlv(0x41, b"\x01" + bytes(4)),
    tlv(0x46, b"\xff" * 8),
    tlv(0x46, b"\x01" + bytes(8)),
    tlv(0x46, bytes(10)),
    b"\x41\x81\x01\x07",
    b"\x46\x84\x00\x00\x00\x01\x07",
]


@given(ports_asked, st.data())
@settings(max_examples=200, deadline=None)
def test_odd_values_are_absent_or_right_and_cost_the_others_nothing(ports: Asked, data: st.DataObject) -> None:
    encoded = {(port.if_index, column): value_of(column, 7) for port in ports for column in Column}
    keys = sorted(encoded)
    for _ in range(3):
        encoded[data.draw(st.sampled_from(keys))] = data.draw(st.sampled_from(ODD_VALUES))
    datagram = answer(ports, encoded)
    agree([datagram], ports)


def agree(datagrams: list[bytes], ports: Asked) -> None:
    """All that was stored is what the careful reader finds in the same octets."""
    for datagram in datagrams:
        batch = gathered([datagram], ports)
        if batch is None or not batch.read.any():
            continue
        expected = by_hand(datagram, ports)
        for row, port in enumerate(ports):
            stored = {column: int(batch.values[column, row]) for column in Column if batch.present[column, row]}
            if not batch.read[row] or row in batch.other_names:
                assert stored == {}
                continue
            assert stored == expected[port.if_index]


PORTS: Asked = (PortRef(1, "ge-0/0/0"), PortRef(128, "ge-0/0/1"))
GOOD = answer(PORTS, {(port.if_index, column): value_of(column, 2**40 + column) for port in PORTS for column in Column})


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=4), st.integers(0, len(GOOD)))
@settings(max_examples=500, deadline=None)
def test_octets_that_were_changed_on_the_way_give_no_number_that_was_not_there(changes: list[tuple[int, int]], cut: int) -> None:
    changed = bytearray(GOOD)
    for place, octet in changes:
        changed[place] = octet
    agree([bytes(changed), bytes(changed[:cut])], PORTS)


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=20))
@settings(max_examples=200, deadline=None)
def test_octets_of_strangers_hurt_nobody(datagrams: list[bytes]) -> None:
    batch = gathered([GOOD, *datagrams], PORTS)
    assert batch is not None
    assert batch.read[:2].all()
    assert batch.values[Column.IN_OCTETS, :2].tolist() == [2**40 + Column.IN_OCTETS] * 2


def test_an_answer_that_was_cut_short_gives_the_ports_that_are_whole() -> None:
    listed = b"".join(tlv(*pair) for pair in bindings_of(GOOD)[: 1 + 12 + 5])
    body = tlv(0x02, asking.FIRST_ID.to_bytes(4, "big")) + integer(0) + integer(0) + tlv(0x30, listed)
    batch = gathered([tlv(0x30, integer(1) + tlv(0x04, b"public") + tlv(0xA2, body)), GOOD], PORTS)
    assert batch is not None
    assert batch.read.tolist() == [True, False, True, True]
    assert batch.present.sum(axis=0).tolist() == [len(Column), 0, len(Column), len(Column)]


def test_an_answer_to_other_ports_than_asked_is_no_answer() -> None:
    others = (PortRef(1, "ge-0/0/0"), PortRef(129, "ge-0/0/1"))
    encoded = {(port.if_index, column): value_of(column, 9) for port in others for column in Column}
    batch = gathered([answer(others, encoded)], PORTS)
    assert batch is not None
    assert batch.read.tolist() == [True, False]


def test_a_port_under_another_name_keeps_its_numbers_to_itself() -> None:
    renamed = (PORTS[0], PortRef(128, "xe-1/0/0"))
    encoded = {(port.if_index, column): value_of(column, 9) for port in renamed for column in Column}
    batch = gathered([answer(renamed, encoded)], PORTS)
    assert batch is not None
    assert [(failure.reason, failure.if_index) for failure in batch.failures] == [(Reason.WRONG_NAME, 128)]
    assert batch.present.any(axis=0).tolist() == [True, False]
    assert batch.names == ("ge-0/0/0", "xe-1/0/0")


@given(st.lists(st.integers(1, 2**31 - 1), min_size=1, max_size=50))
def test_indices_are_encoded_as_identifiers_end(values: list[int]) -> None:
    found = Indices.of(np.array(values, np.int64))
    expected = [asking.encode_arc(value) for value in values]
    assert found.octets.tolist() == [len(each) for each in expected]
    assert [int(word).to_bytes(8, "little")[: len(each)] for word, each in zip(found.word, expected, strict=True)] == expected
