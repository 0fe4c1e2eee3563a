"""Syslog over real sockets: framing, bounds, and where every message went."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from drivers.events.errors import ListenerSetupError
from drivers.events.listener import Frames, SyslogListener, SyslogSettings, SyslogStats
from drivers.events.syslog import MAX_OCTETS
from tests.clock import FakeClock

SETTINGS = SyslogSettings(port=0)


@asynccontextmanager
async def listening(settings: SyslogSettings = SETTINGS, clock: FakeClock | None = None) -> AsyncIterator[SyslogListener]:
    listener = SyslogListener(settings, clock or FakeClock())
    await listener.start()
    try:
        yield listener
    finally:
        await listener.stop()


async def taken(listener: SyslogListener, count: int) -> list[str]:
    async with asyncio.timeout(60):
        return [(await listener.queue.get()).text for _ in range(count)]


async def counted(listener: SyslogListener, expected: SyslogStats) -> None:
    async with asyncio.timeout(60):
        while listener.stats != expected:  # noqa: ASYNC110 - what is waited for happens in another socket's queue, not in an Event
            await asyncio.sleep(0.005)


async def closed(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read(1) == b""
    except ConnectionResetError:
        return True


def test_a_datagram_is_a_message() -> None:
    async def story() -> list[str]:
        async with listening() as listener:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"<13>one", listener.address)
                sender.sendto(b"\n", listener.address)
                found = await taken(listener, 1)
                await counted(listener, SyslogStats(received=2, accepted=1, empty=1))
                return found

    assert asyncio.run(story()) == ["one"]


@pytest.mark.parametrize(
    "stream",
    [b"<13>one\n<13>two\r\n<13>three", b"7 <13>one7 <13>two9 <13>three"],
    ids=["lines", "octets counted"],
)
@pytest.mark.parametrize("piece", [1, 4, 100])
def test_a_stream_is_taken_apart_however_it_is_cut(stream: bytes, piece: int) -> None:
    async def story() -> list[str]:
        async with listening() as listener:
            _, writer = await asyncio.open_connection(*listener.address)
            for start in range(0, len(stream), piece):
                writer.write(stream[start : start + piece])
                await writer.drain()
            writer.close()
            return await taken(listener, 3)

    assert asyncio.run(story()) == ["one", "two", "three"]


def test_a_stream_that_is_no_syslog_is_closed_and_counted() -> None:
    async def story() -> None:
        async with listening() as listener:
            reader, writer = await asyncio.open_connection(*listener.address)
            writer.write(b"1234567 nonsense")
            async with asyncio.timeout(60):
                assert await closed(reader)
            await counted(listener, SyslogStats(unframed=1))
            writer.close()

    asyncio.run(story())


def test_connections_are_bounded() -> None:
    async def story() -> None:
        async with listening(replace(SETTINGS, connections=1)) as listener:
            _, first = await asyncio.open_connection(*listener.address)
            first.write(b"<13>one\n")
            assert await taken(listener, 1) == ["one"]
            reader, second = await asyncio.open_connection(*listener.address)
            async with asyncio.timeout(60):
                assert await closed(reader)
            assert listener.stats.refused == 1
            first.close()
            second.close()

    asyncio.run(story())


def test_one_source_has_its_bound_and_leaves_room_to_others() -> None:
    async def story() -> None:
        async with listening(replace(SETTINGS, connections_per_source=1)) as listener:
            _, first = await asyncio.open_connection(*listener.address)
            await counted(listener, SyslogStats(connected=1))
            reader, second = await asyncio.open_connection(*listener.address)
            async with asyncio.timeout(60):
                assert await closed(reader)
            await counted(listener, SyslogStats(source_refused=1, connected=1))
            first.close()
            await counted(listener, SyslogStats(source_refused=1))
            second.close()

    asyncio.run(story())


def test_a_silent_connection_gives_up_its_place_to_a_new_one() -> None:
    async def story() -> None:
        clock = FakeClock()
        async with listening(replace(SETTINGS, connections=2, idle_s=60), clock) as listener:
            reader, silent = await asyncio.open_connection(*listener.address)
            await counted(listener, SyslogStats(connected=1))
            _, talking = await asyncio.open_connection(*listener.address)
            await counted(listener, SyslogStats(connected=2))
            clock.advance(60)
            silent.write(b"<13>half a li")
            talking.write(b"<13>one\n")
            assert await taken(listener, 1) == ["one"]
            _, new = await asyncio.open_connection(*listener.address)
            new.write(b"<13>two\n")
            assert await taken(listener, 1) == ["two"]
            async with asyncio.timeout(60):
                assert await closed(reader)
            assert listener.stats == SyslogStats(received=2, accepted=2, idle_ended=1, connected=2)
            for each in (silent, talking, new):
                each.close()

    asyncio.run(story())


def test_a_sender_that_is_gone_without_a_word_is_noticed() -> None:
    async def story() -> int:
        async with listening() as listener:
            _, writer = await asyncio.open_connection(*listener.address)
            await counted(listener, SyslogStats(connected=1))
            (stream,) = listener._places.taken
            alive = stream._transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            writer.close()
            return int(alive)

    assert asyncio.run(story()) == 1


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_sender_that_is_gone_before_it_is_let_in_is_nobody(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    failures: list[object] = []

    async def story() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        async with listening() as listener:
            with socket.create_connection(listener.address) as gone:
                gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("@ii", 1, 0))  # closing it resets it
            _, writer = await asyncio.open_connection(*listener.address)
            writer.write(b"<13>one\n")
            assert await taken(listener, 1) == ["one"]
            await counted(listener, SyslogStats(received=1, accepted=1, connected=1))
            writer.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(story())
    assert failures == []


def test_a_full_queue_and_a_loud_source_are_counted_and_known_by_name() -> None:
    async def story() -> None:
        async with listening(replace(SETTINGS, queue_size=2, per_source_s=1)) as listener:
            for _ in range(7):
                listener.received(b"<13>x", "192.0.2.1")
            assert listener.stats == SyslogStats(received=7, accepted=2, queue_drops=3, rate_drops=2)
            assert listener.senders.take_lost() == {"192.0.2.1": 5}

    asyncio.run(story())


def test_a_port_in_use_is_told_with_the_remedy() -> None:
    async def story() -> None:
        async with listening() as first:
            with pytest.raises(ListenerSetupError, match=r"cannot listen for syslog on 127\.0\.0\.1 UDP port \d+: .*another"):
                await SyslogListener(replace(SETTINGS, port=first.address[1]), FakeClock()).start()

    asyncio.run(story())


@pytest.mark.parametrize("counted_octets", [True, False])
@given(data=st.data())
def test_frames_are_the_same_however_the_stream_is_cut(counted_octets: bool, data: st.DataObject) -> None:
    messages = data.draw(
        st.lists(st.binary(min_size=1, max_size=40).filter(lambda each: b"\n" not in each), min_size=1, max_size=6)
    )
    if not counted_octets:
        messages = [b"<" + each for each in messages]
    stream = b"".join(b"%d %s" % (len(each), each) if counted_octets else each + b"\n" for each in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    frames, found = Frames(), []
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += frames.feed(stream[start:stop])
    assert found == messages


@pytest.mark.parametrize("counted_octets", [True, False])
def test_a_message_without_end_takes_bounded_room_and_the_next_one_is_heard(counted_octets: bool) -> None:
    frames, length = Frames(), 3 * MAX_OCTETS
    stream = b"%d " % length + b"x" * length + b"5 after" if counted_octets else b"<" + b"x" * length + b"\nafter\n"
    found = []
    for start in range(0, len(stream), 1000):
        found += frames.feed(stream[start : start + 1000])
        assert len(frames.rest()) <= MAX_OCTETS
    assert [len(each) > MAX_OCTETS for each in found] == [True, False]
    assert found[-1] == b"after"
