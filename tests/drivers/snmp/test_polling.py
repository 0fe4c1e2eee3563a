"""Asking many at once over real sockets: what comes that was not asked for, what does not come, and what costs whom."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Thread
from threading import enumerate as enumerate_threads

import numpy as np
import pytest

from drivers.errors import ElementUnreachable
from drivers.port import Credential, Target
from drivers.snmp import bulk, mailroom
from drivers.snmp.batch import PollBatch, PollJob, PortRef, Reason
from drivers.snmp.bulk import BulkSocket, Packet, address_of, host_of
from drivers.snmp.collector import Collector, CollectorLimits
from drivers.snmp.columns import Column
from tests.clock import FakeClock
from tests.drivers.snmp.conftest import V3, Lab
from tests.drivers.snmp.messages import integer, tlv
from tests.drivers.snmp.odd_agent import HC_OCTETS, Answer, agent_of, content, everything, payload
from tests.loopback import both_kinds

COMMUNITY = Credential("c", community="public")
TEN = tuple(PortRef(index, f"p{index}") for index in range(1, 11))
ONE = (PortRef(1, "p1"),)
PATIENT = CollectorLimits(attempt=30.0)
"""Where all is answered: what this machine is slow with must not be asked again."""
QUICK = CollectorLimits(attempt=0.5)
"""Where nothing is."""
WATCHFUL = CollectorLimits(attempt=2.0, attempts=1)
"""Where what comes is no answer, which is told when its time is over."""
IN_32 = bytes.fromhex("2b06010201020201" + "0a")


def poll(collector: Collector, *jobs: PollJob) -> PollBatch:
    return asyncio.run(collector.poll(jobs))


@contextmanager
def agent(respond: Callable[[bytes, tuple[str, int], socket.socket], None]) -> Iterator[Target]:
    """Its own thread does with every request what it likes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(60)

        def serve() -> None:
            while True:
                datagram, source = sock.recvfrom(65_535)
                if datagram == b"end":
                    return
                respond(datagram, source, sock)

        thread = Thread(target=serve)
        thread.start()
        try:
            yield Target("odd", "any", "snmp", "127.0.0.1", sock.getsockname()[1], COMMUNITY)
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"end", sock.getsockname())
            thread.join()


def answered(datagram: bytes) -> bytes:
    """What a well-behaved agent says."""
    version, community, pdu = content(datagram)
    request_id, _, _, pairs = content(pdu)
    asked = [payload(content(pair)[0]) for pair in content(pairs)]
    listed = b"".join(tlv(0x30, tlv(0x06, oid) + value) for oid, value in everything(asked))
    response = tlv(0xA2, request_id + integer(0) + integer(0) + tlv(0x30, listed))
    return tlv(0x30, version + community + response)


def until_idle() -> None:
    """The thread that asks ends when it has nothing to do."""
    deadline = time.monotonic() + 60
    while any(thread.name == "snmp" for thread in enumerate_threads()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_answer_that_comes_twice_counts_once() -> None:
    def twice(datagram: bytes, source: tuple[str, int], sock: socket.socket) -> None:
        sock.sendto(answered(datagram), source)
        sock.sendto(answered(datagram), source)

    collector = Collector(FakeClock(), PATIENT)
    with agent(twice) as odd:
        batch = poll(collector, PollJob(odd, TEN))
    assert (batch.failures, batch.read.all()) == ((), True)
    assert collector.drops["duplicate"] >= 1


def test_an_answer_from_another_address_is_none_and_the_failure_names_that_address() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.2", 0))
        collector = Collector(FakeClock(), WATCHFUL)
        with agent(lambda datagram, source, _: other.sendto(answered(datagram), source) and None) as odd:
            batch = poll(collector, PollJob(odd, ONE))
    assert [failure.reason for failure in batch.failures] == [Reason.PROTOCOL]
    assert "127.0.0.2" in batch.failures[0].detail
    assert collector.drops["foreign source"] >= 1


def test_a_late_answer_is_counted_and_changes_nothing() -> None:
    first: list[bytes] = []

    def late(datagram: bytes, source: tuple[str, int], sock: socket.socket) -> None:
        if not first:
            first.append(datagram)
            return
        sock.sendto(answered(first[0]), source)
        sock.sendto(answered(datagram), source)

    collector = Collector(FakeClock(), CollectorLimits(attempt=2.0))
    with agent(late) as odd:
        batch = poll(collector, PollJob(odd, ONE))
    assert (batch.failures, batch.read.tolist()) == ((), [True])
    assert collector.drops["late"] == 1


def test_an_answer_longer_than_any_we_ask_for_is_no_answer() -> None:
    collector = Collector(FakeClock(), WATCHFUL)
    with agent(lambda _, source, sock: sock.sendto(tlv(0x30, bytes(bulk.SLOT_OCTETS)), source) and None) as odd:
        batch = poll(collector, PollJob(odd, ONE))
    assert "too long" in batch.failures[0].detail
    assert collector.drops["malformed"] >= 1


def test_half_of_the_elements_being_dead_delays_the_others_by_nothing_worth_mentioning(lab: Lab) -> None:
    dead = [PollJob(Target(f"dead{n}", "any", "snmp", "127.0.0.3", 9, COMMUNITY), TEN, timeout=3) for n in range(40)]
    living = [
        PollJob(lab.target(element=f"e{n}"), tuple(PortRef(100 + index, f"ge{index}") for index in range(1, 4))) for n in range(40)
    ]
    jobs = [job for pair in zip(dead, living, strict=True) for job in pair]
    collector = Collector(Wall(), CollectorLimits(concurrency=8, attempt=1.0))
    begun = time.time()
    batch = poll(collector, *jobs)
    latest = np.nanmax(batch.wall) - begun
    assert batch.answered.tolist() == [False, True] * 40
    assert batch.failure_counts == {Reason.TIMEOUT: 40}
    # each dead element holds one of eight places for a quarter of a second at most, not for its two attempts
    assert latest < 40 * mailroom.LONGEST_WAIT_S / 8 + 6


class Wall(FakeClock):
    """For what is about time that really passes."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def without_wide_counters(asked: list[bytes]) -> Answer:
    def value(oid: bytes, usual: bytes) -> bytes:
        if oid[:-1] in HC_OCTETS:
            return b"\x81\x00"
        return b"\x41\x02\x01\x02" if oid[:-1] == IN_32 else usual

    return [(oid, value(oid, usual)) for oid, usual in everything(asked)]


def test_ports_without_64_bit_counters_are_asked_for_those_of_32_bits_from_the_next_cycle_on() -> None:
    async def story() -> list[PollBatch]:
        async with agent_of(without_wide_counters) as odd:
            collector, job = Collector(FakeClock(), PATIENT), PollJob(odd, TEN)
            batches = [await collector.poll([job]) for _ in range(2)]
            sample = await collector.targeted(odd, 3)
            assert (sample.narrow, sample.values[Column.IN_OCTETS], sample.values[Column.OUT_OCTETS]) == (True, 0x102, 1)
            return batches

    first, second = asyncio.run(story())
    assert (first.has(Column.IN_OCTETS).any(), first.narrow.any()) == (False, False)
    assert second.failures == ()
    assert (second.has(Column.IN_OCTETS).all(), second.narrow.all()) == (True, True)
    assert second.column(Column.IN_OCTETS).tolist() == [0x102] * 10
    assert second.names == tuple(port.name for port in TEN)


def test_a_read_of_one_port_between_two_cycles_costs_the_32_bit_ports_no_sample() -> None:
    async def story() -> PollBatch:
        async with agent_of(without_wide_counters) as odd:
            collector, job = Collector(FakeClock(), PATIENT), PollJob(odd, TEN)
            await collector.poll([job])
            await collector.poll([PollJob(odd, ONE)])
            return await collector.poll([job])

    assert asyncio.run(story()).has(Column.IN_OCTETS).all()


def test_an_element_whose_kind_of_address_this_host_lacks_costs_the_others_nothing(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(family: socket.AddressFamily) -> BulkSocket:
        if family is socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return BulkSocket(family)

    async def story() -> PollBatch:
        collector = Collector(FakeClock(), PATIENT)
        with pytest.raises(ElementUnreachable, match="Address family not supported"):
            await collector.targeted(sixth, 1)
        return await collector.poll([PollJob(sixth, ONE), PollJob(lab.target(), (PortRef(101, "ge1"),))])

    monkeypatch.setattr("drivers.snmp.exchange.BulkSocket", made)
    sixth = Target("six", "any", "snmp", "::1", 9, COMMUNITY)
    batch = asyncio.run(story())
    assert (batch.answered.tolist(), [failure.reason for failure in batch.failures]) == ([False, True], [Reason.UNREACHABLE])


def test_without_a_thread_nobody_waits_and_the_next_cycle_gets_one(monkeypatch: pytest.MonkeyPatch, lab: Lab) -> None:
    def no_thread(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    collector, job = Collector(FakeClock(), PATIENT), PollJob(lab.target(), (PortRef(101, "ge1"),))
    with monkeypatch.context() as without:
        without.setattr(mailroom.threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError):
            poll(collector, job)
        with pytest.raises(ElementUnreachable, match="fabd cannot ask it"):
            asyncio.run(collector.targeted(lab.target(), 101))
    assert poll(collector, job).read.all()


def test_an_engine_that_was_booted_again_is_answered_to_in_its_new_time(lab: Lab) -> None:
    ports = tuple(PortRef(100 + index, f"ge{index}") for index in range(1, 4))

    async def story() -> list[bool]:
        collector, job = Collector(FakeClock(), PATIENT), PollJob(lab.target(V3), ports)
        found = [bool((await collector.poll([job])).read.all())]
        speech = collector._memory["acc1"].speech
        speech.engine.ahead -= 10_000  # as if it had been asked long ago, and its clock had jumped
        found.append(bool((await collector.poll([job])).read.all()))
        speech.engine.engine_id, speech.engine.keys = b"\x80\x00\x00\x00\x01other", None
        found.append(bool((await collector.poll([job])).read.all()))
        return found

    assert asyncio.run(story()) == [True, True, True]


def test_a_v3_question_is_not_answered_by_a_message_in_clear() -> None:
    """Who sees the message id of a question could otherwise answer it without knowing a key."""

    def forge(datagram: bytes, source: tuple[str, int], sock: socket.socket) -> None:
        message_id = datagram[datagram.index(b"\x30", 2) :][4:8] if datagram[2:5] == b"\x02\x01\x03" else b""
        pdu = tlv(0xA2, tlv(0x02, message_id) + b"\x02\x01\x00\x02\x01\x00" + tlv(0x30, b""))
        sock.sendto(tlv(0x30, b"\x02\x01\x01" + tlv(0x04, b"public") + pdu), source)

    with agent(forge) as odd:
        batch = poll(Collector(FakeClock(), QUICK), PollJob(Target("odd", "any", "snmp", odd.host, odd.port, V3), ONE))
    assert (batch.answered.tolist(), batch.failure_counts) == ([False], {Reason.TIMEOUT: 1})


def test_a_name_without_an_address_is_unreachable_and_costs_the_others_nothing(lab: Lab) -> None:
    nowhere = Target("nowhere", "any", "snmp", "nowhere.invalid", 161, COMMUNITY)
    batch = poll(Collector(FakeClock(), PATIENT), PollJob(nowhere, ONE), PollJob(lab.target(), (PortRef(101, "ge1"),)))
    assert (batch.answered.tolist(), batch.failure_counts) == ([False, True], {Reason.UNREACHABLE: 1})


def test_who_asked_may_have_gone_when_the_answer_comes(lab: Lab) -> None:
    collector = Collector(FakeClock(), PATIENT)

    async def impatient() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await collector.poll([PollJob(Target("dead", "any", "snmp", "127.0.0.3", 9, COMMUNITY), ONE, timeout=0.5)])

    asyncio.run(impatient())
    until_idle()  # its questions are given up meanwhile, and nobody is there to be told
    assert poll(collector, PollJob(lab.target(), (PortRef(101, "ge1"),))).read.all()


def test_a_cycle_over_nothing_ends() -> None:
    batch = poll(Collector(FakeClock(), PATIENT))
    assert (batch.elements, batch.values.shape, batch.failures) == ((), (len(Column), 0), ())


def test_what_fails_inside_ends_the_cycle_of_everybody_instead_of_hanging(monkeypatch: pytest.MonkeyPatch, lab: Lab) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(mailroom.reading, "read", broken)
    monkeypatch.setattr("threading.excepthook", lambda _: None)
    collector = Collector(FakeClock(), PATIENT)
    batch = poll(collector, PollJob(lab.target(), (PortRef(101, "ge1"),)))
    until_idle()
    assert [(failure.reason, "ZeroDivisionError" in failure.detail) for failure in batch.failures] == [(Reason.PROTOCOL, True)]
    monkeypatch.undo()
    assert poll(collector, PollJob(lab.target(), (PortRef(101, "ge1"),))).read.all()


@pytest.mark.parametrize("host", both_kinds())
def test_many_datagrams_go_and_come_with_one_call_each(host: str) -> None:
    family, address = address_of(host, 0)
    with socket.socket(family, socket.SOCK_DGRAM) as peer:
        peer.bind((host, 0))
        sender = BulkSocket(family)
        try:
            target = np.frombuffer(address_of(host, peer.getsockname()[1])[1], np.uint8)
            packets = [Packet(b"question " + bytes(4) + bytes([number]), 9) for number in range(40)]
            ids = np.arange(40, dtype=np.uint32) + 2**24
            assert sender.send(packets, ids, np.tile(target, (40, 1))) == 40
            peer.settimeout(60)
            for number in range(40):
                datagram, source = peer.recvfrom(100)
                assert datagram == b"question " + int(ids[number]).to_bytes(4, "big") + bytes([number])
                peer.sendto(datagram[9:], source)
            first, last = sender.receive()
            assert last - first == 40
            assert sender.lengths(first, last).tolist() == [5] * 40
            assert sender.sources[first].tobytes()[:2] == address[:2]
            assert host_of(sender.sources[first].tobytes()) == host
            assert sender.receive() == (40, 40)
            assert sender.kernel_drops == 0
        finally:
            sender.close()


def test_what_the_kernel_has_no_room_for_is_counted() -> None:
    receiver = BulkSocket(socket.AF_INET)
    try:
        receiver._socket.bind(("127.0.0.1", 0))
        receiver._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(100):
                sender.sendto(bytes(1000), receiver._socket.getsockname())
        first, last = receiver.receive()
        assert 0 < last - first < 100
        assert receiver.kernel_drops == 100 - (last - first)
    finally:
        receiver.close()
