"""An SSH connection without a thread of its own, against a server that gives back what it is sent."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from types import SimpleNamespace
from typing import Self

import asyncssh
import paramiko
import pytest

from drivers.netconf.attendant import Attendant
from drivers.netconf.buffered import BufferedSocket, Stalled
from drivers.netconf.line import Line
from drivers.sim.sshd import cut
from tests.drivers.simulated import soon

KILOBYTE = bytes(range(256)) * 4


class _Anybody(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:  # noqa: ARG002 - asyncssh's signature
        return False


class Server:
    """Runs in a thread; `options` are asyncssh's."""

    def __init__(self, *, factory: Callable[[], asyncssh.SSHServer] = _Anybody, **options: object) -> None:
        self.port = 0
        self._factory = factory
        self._options = options
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._serve()], daemon=True)
        self._connections: set[asyncssh.SSHServerProcess[bytes]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(60)
        self._loop.close()

    @property
    def hears(self) -> bool:
        return bool(self._connections)

    def say(self, octets: bytes) -> None:
        self._to_each(lambda process: process.stdout.write(octets))

    def hang_up(self) -> None:
        self._to_each(cut)

    def leave(self) -> None:
        """Ends the session and says so."""
        self._to_each(lambda process: process.exit(0))

    def _to_each(self, act: "Callable[[asyncssh.SSHServerProcess[bytes]], None]") -> None:
        def all_of_them() -> None:
            for process in list(self._connections):
                act(process)

        self._loop.call_soon_threadsafe(all_of_them)

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        listener = await asyncssh.listen(
            "127.0.0.1", 0, server_factory=self._factory, server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            encoding=None, **{"process_factory": self._echo, **self._options},
        )  # fmt: skip
        self.port = listener.get_port()
        self._started.set()
        await self._stopping.wait()
        listener.close()
        await listener.wait_closed()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _echo(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        self._connections.add(process)
        try:
            while data := await process.stdin.read(65536):
                process.stdout.write(data)
                await process.stdout.drain()
        except (asyncssh.Error, OSError):
            pass
        finally:
            self._connections.discard(process)


class Caller:
    """Says and hears octets over a line whose subsystem runs."""

    def __init__(self, port: int) -> None:
        self.line = Line(socket.create_connection(("127.0.0.1", port), timeout=60), soon())
        self.line.start_client(timeout=60)
        self.line.auth_none("anybody")
        self._heard = bytearray()
        self.channel = self.line.subsystem("netconf", self._heard.extend)

    def say(self, octets: bytes, deadline: float | None = None) -> None:
        self.line.wait_until(deadline or soon())
        while octets:
            try:
                octets = octets[self.channel.send(octets) :]
            except TimeoutError:
                self.line.attend()

    def hear(self, count: int, deadline: float | None = None) -> bytes:
        self.line.wait_until(deadline or soon())
        while len(self._heard) < count:
            before = len(self._heard)
            self.line.attend()
            self.line.widen(self.channel, len(self._heard) - before)
        given = bytes(self._heard[:count])
        del self._heard[:count]
        return given


@contextmanager
def conversation(**options: object) -> Iterator[tuple[Server, Caller]]:
    with Server(**options) as server:
        caller = Caller(server.port)
        until(lambda: server.hears)  # it says that the subsystem runs before it begins with it
        try:
            yield server, caller
        finally:
            caller.line.close()


def until(holds: Callable[[], bool]) -> None:
    deadline = soon()
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_open_line_has_no_thread() -> None:
    with Server() as server:
        before = set(threading.enumerate())
        caller = Caller(server.port)
        try:
            assert set(threading.enumerate()) <= before  # of other tests one may end
            caller.say(b"here")
            assert caller.hear(4) == b"here"
            assert set(threading.enumerate()) <= before  # of other tests one may end
        finally:
            caller.line.close()


@pytest.fixture(params=["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr"])
def cipher(request: pytest.FixtureRequest) -> list[str]:
    return [request.param]


def test_keys_are_renewed_in_passing_when_the_element_wants_them(cipher: list[str]) -> None:
    with conversation(rekey_bytes=4096, encryption_algs=cipher) as (_, caller):
        first = caller.line.H
        for _ in range(20):
            caller.say(KILOBYTE)
            assert caller.hear(len(KILOBYTE)) == KILOBYTE
        assert first != caller.line.H


def test_keys_are_renewed_in_passing_when_this_side_has_sent_enough(cipher: list[str]) -> None:
    with conversation(encryption_algs=cipher) as (_, caller):
        first = caller.line.H
        caller.line.packetizer.REKEY_BYTES = 4096
        for _ in range(20):
            caller.say(KILOBYTE)
            assert caller.hear(len(KILOBYTE)) == KILOBYTE
        assert first != caller.line.H


def test_keys_are_renewed_in_passing_when_this_side_has_received_enough_packets(cipher: list[str]) -> None:
    with conversation(encryption_algs=cipher) as (server, caller):
        first = caller.line.H
        caller.line.packetizer.REKEY_PACKETS = 10
        caller.say(b"?")
        assert caller.hear(1) == b"?"
        for _ in range(20):
            server.say(b"!")
        assert caller.hear(20) == b"!" * 20
        caller.say(b"?")
        assert caller.hear(1) == b"?"
        assert first != caller.line.H


def test_what_was_changed_on_its_way_ends_the_line() -> None:
    with conversation(encryption_algs=["aes128-gcm@openssh.com"]) as (server, caller):
        heard_as(caller, lambda octets: octets[:-1] + bytes([octets[-1] ^ 1]))
        server.say(b"?" * 100)
        with pytest.raises(paramiko.SSHException, match="cannot be read"):
            caller.hear(100)
        assert not caller.line.is_active()


@pytest.mark.parametrize(("size", "octets"), [(b"\xff" * 4, 4294967295), (bytes(4), 0), (b"\0\4\0\1", 256 * 1024 + 1)])
def test_a_packet_longer_than_any_or_of_nothing_ends_the_line(size: bytes, octets: int) -> None:
    with conversation(encryption_algs=["aes128-gcm@openssh.com"]) as (server, caller):
        heard_as(caller, lambda _: size)
        server.say(b"?")
        with pytest.raises(paramiko.SSHException, match=f"a packet of {octets} octets"):
            caller.hear(1)
        assert not caller.line.is_active()


@pytest.mark.parametrize("size", [1, 3, 16, 52, 1000])
def test_packets_that_come_in_pieces_are_put_together(cipher: list[str], size: int) -> None:
    with conversation(encryption_algs=cipher) as (server, caller):
        left = bytearray()
        read = caller.line._socket._read

        def a_piece(least: int) -> bytes:
            if not left:
                left.extend(read(least))
            piece = bytes(left[:size])
            del left[:size]
            return piece

        caller.line._socket._read = a_piece
        for number in range(20):
            server.say(b"%d" % number * number)
        wanted = b"".join(b"%d" % number * number for number in range(20))
        assert caller.hear(len(wanted)) == wanted
        caller.say(KILOBYTE)
        assert caller.hear(len(KILOBYTE)) == KILOBYTE


def heard_as(caller: Caller, changed: Callable[[bytes], bytes]) -> None:
    """What comes from now on is heard like that."""
    read = caller.line._socket._read
    caller.line._socket._read = lambda least: changed(read(least))


def test_more_than_the_element_takes_at_once_is_sent_as_it_takes_it(cipher: list[str]) -> None:
    with conversation(window=32 * 1024, encryption_algs=cipher) as (_, caller):
        caller.say(KILOBYTE * 200)
        assert caller.hear(200 * len(KILOBYTE)) == KILOBYTE * 200


def test_more_than_a_window_is_heard_by_who_reads_on(cipher: list[str]) -> None:
    with conversation(encryption_algs=cipher) as (server, caller):
        window = caller.channel.in_window_size
        server.say(bytes(window) + b"and more")
        assert caller.hear(window + 8) == bytes(window) + b"and more"


def test_nothing_heard_in_time_harms_nothing() -> None:
    with conversation() as (server, caller):
        with pytest.raises(TimeoutError):
            caller.hear(1, soon(0.05))
        server.say(b"late")
        assert caller.hear(4) == b"late"


def test_what_neither_side_knows_is_not_sent_to_and_fro() -> None:
    with conversation() as (_, caller):
        said: list[bytes] = []
        tell = caller.line._send_message
        caller.line._send_message = lambda message: (said.append(message.asbytes()[:1]), tell(message))
        caller.say(b"here")
        assert caller.hear(4) == b"here"
        said.clear()
        unknown = paramiko.Message()
        unknown.add_byte(bytes([192]))  # RFC 4250 §4.1.2: for private use
        tell(unknown)
        caller.line.wait_until(soon())
        caller.line.attend()  # the element answers that it does not know it
        assert said == []


def test_one_that_goes_on_and_on_is_left_to_be_heard_another_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with conversation() as (_, caller):
        monkeypatch.setattr(BufferedSocket, "ready", True)
        clock = count(0.0, 0.25)
        monkeypatch.setattr("drivers.netconf.line.time", SimpleNamespace(monotonic=lambda: next(clock)))
        heard: list[int] = []
        caller.line.attend = lambda: heard.append(1)
        caller.line.heed()
        assert len(heard) == 3


@pytest.mark.parametrize("end", [Server.hang_up, Server.leave])
def test_an_end_is_noticed_by_who_heeds(end: Callable[[Server], None]) -> None:
    with conversation() as (server, caller):
        caller.say(b"here")
        assert caller.hear(4) == b"here"
        caller.line.heed()
        assert not caller.channel.closed
        end(server)

        def noticed() -> bool:
            caller.line.heed()
            return bool(caller.channel.closed)

        until(noticed)


def test_an_end_wakes_who_waits() -> None:
    with conversation() as (server, caller):
        caller.say(b"here")
        assert caller.hear(4) == b"here"
        server.hang_up()
        with pytest.raises((EOFError, OSError, paramiko.SSHException)):
            caller.hear(1)
        assert not caller.line.is_active()


def test_closing_wakes_who_waits_in_another_thread() -> None:
    with conversation() as (_, caller):
        ended: list[BaseException] = []

        def wait() -> None:
            try:
                caller.hear(1)
            except (EOFError, OSError, paramiko.SSHException) as error:
                ended.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        caller.line.close()
        waiting.join(60)
        assert not waiting.is_alive()


def test_a_socket_gives_out_in_pieces_what_came_at_once() -> None:
    here, there = socket.socketpair()
    with there:
        buffered = BufferedSocket(here, soon())
        there.sendall(b"abcdef")
        assert (buffered.recv(2), buffered.recv(3), buffered.recv(9)) == (b"ab", b"cde", b"f")
        buffered.close()


@contextmanager
def connected() -> Iterator[tuple[BufferedSocket, socket.socket]]:
    """A buffered socket and its other side, over TCP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = socket.create_connection(listener.getsockname(), timeout=60)
        there, _ = listener.accept()
    with here, there:
        there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        buffered = BufferedSocket(here, soon())
        yield buffered, there


@pytest.mark.parametrize("there_before", [0, 4, 9])
def test_who_waits_for_so_many_octets_is_woken_once_they_have_come(there_before: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.netconf.buffered.GATHERING_S", 600.0)
    with connected() as (buffered, there):
        there.sendall(b"x" * there_before)
        until(lambda: buffered.ready or not there_before)
        speaking = threading.Timer(0.05, there.sendall, [b"x" * (10 - there_before)])
        speaking.start()
        buffered.wait(10)
        assert buffered.recv(100) == b"x" * 10
        speaking.join()
        there.sendall(b"y")
        buffered.wait()
        assert buffered.recv(100) == b"y"


def test_fewer_octets_than_were_reckoned_are_read_soon_and_an_end_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.netconf.buffered.TICK_S", 600.0)
    with connected() as (buffered, there):
        there.sendall(b"few")
        buffered.wait(1_000)
        assert buffered.recv(100) == b"few"
        assert time.monotonic() < buffered.deadline - 1.0, "it waited for more until the deadline"
        monkeypatch.setattr("drivers.netconf.buffered.GATHERING_S", 600.0)
        there.close()
        buffered.wait(1_000)
        assert buffered.recv(100) == b""


def test_who_waits_for_many_octets_waits_until_the_deadline_and_no_longer() -> None:
    with connected() as (buffered, there):
        buffered.deadline = soon(0.01)
        with pytest.raises(TimeoutError):
            buffered.wait(1_000)
        buffered.deadline = soon()
        there.sendall(b"late")
        buffered.wait(1_000)
        assert buffered.recv(100) == b"late"


def test_another_thread_ends_the_wait_for_many_octets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.netconf.buffered.GATHERING_S", 600.0)
    with connected() as (buffered, _):
        ending = threading.Timer(0.05, buffered.end)
        ending.start()
        buffered.wait(1_000)
        assert buffered.recv(100) == b""
        ending.join()
        buffered.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            buffered.wait(1_000)


def test_what_is_wanted_whole_is_waited_for() -> None:
    here, there = socket.socketpair()
    with there:
        buffered = BufferedSocket(here, soon())
        there.sendall(b"first and sec")
        assert buffered.recv(6) == b"first "
        speaking = threading.Timer(0.05, there.sendall, [b"ond"])
        speaking.start()
        buffered.have(10)
        assert buffered.recv(100) == b"and second"
        speaking.join()
        there.sendall(b"half")
        buffered.deadline = soon(0.05)
        with pytest.raises(Stalled):
            buffered.have(5)
        there.close()
        buffered.deadline = soon()
        with pytest.raises(EOFError):
            buffered.have(5)
        assert buffered.recv(100) == b"half"
        buffered.close()


def test_a_socket_that_takes_no_more_is_waited_for_until_the_deadline() -> None:
    here, there = socket.socketpair()
    with there:
        buffered = BufferedSocket(here, soon(0.05))
        here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        with suppress(BlockingIOError):
            while here.send(KILOBYTE, socket.MSG_DONTWAIT):
                pass
        with pytest.raises(Stalled):
            buffered.send(KILOBYTE)
        buffered.deadline = soon()
        draining = threading.Thread(target=there.recv, args=[1 << 24])
        draining.start()
        assert buffered.send(b"more")
        draining.join()
        buffered.close()


def test_a_deadline_beyond_a_tick_of_the_kernel_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.netconf.buffered.TICK_S", 0.01)
    here, there = socket.socketpair()
    with there:
        begun = time.monotonic()
        buffered = BufferedSocket(here, begun + 0.1)
        with pytest.raises(TimeoutError):
            buffered.wait()
        assert time.monotonic() - begun >= 0.1
        buffered.close()


def test_one_that_never_stops_talking_is_listened_to_until_the_deadline() -> None:
    here, there = socket.socketpair()
    with there:
        buffered = BufferedSocket(here, soon())
        there.sendall(b"ab")
        assert buffered.recv(2) == b"ab"
        there.sendall(b"more")
        buffered.deadline = soon(0.0)
        with pytest.raises(TimeoutError):
            buffered.wait()
        buffered.deadline = soon()
        assert buffered.recv(4) == b"more"
        buffered.close()


def test_a_socket_that_this_side_has_closed_neither_takes_nor_gives() -> None:
    here, there = socket.socketpair()
    with there:
        buffered = BufferedSocket(here, soon())
        buffered.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            buffered.send(b"here")
        with pytest.raises(OSError, match="Bad file descriptor"):
            buffered.wait()


def test_a_socket_that_was_closed_refuses_to_send() -> None:
    here, there = socket.socketpair()
    buffered = BufferedSocket(here, soon())
    there.close()
    with pytest.raises(BrokenPipeError):
        buffered.send(b"here")
    assert buffered.ready
    buffered.close()


def test_half_a_packet_stalls_where_nothing_at_all_only_times_out() -> None:
    here, there = socket.socketpair()
    with there:
        buffered = BufferedSocket(here, soon(0.05))
        with pytest.raises(TimeoutError):
            buffered.wait()
        with pytest.raises(Stalled):
            buffered.recv(1)
        buffered.close()
        assert not buffered.ready


def test_an_element_that_asks_whether_anybody_is_there_gets_an_answer_while_nobody_uses_the_line() -> None:
    with conversation(keepalive_interval=0.1, keepalive_count_max=20) as (_, caller):
        attendant = Attendant(every=0.02)
        attendant.watch(caller.line)
        quiet = time.monotonic() + 3.0
        until(lambda: time.monotonic() > quiet or not caller.line.active)
        with caller.line.using:
            caller.say(b"still here")
            assert caller.hear(10) == b"still here"


def test_the_attendants_thread_ends_with_the_last_line() -> None:
    with conversation() as (_, caller):
        attendant = Attendant(every=0.01)
        attendant.watch(caller.line)
        assert any(thread.name == "netconf attendant" for thread in threading.enumerate())
        caller.line.close()
        until(lambda: not attendant.busy)


def test_the_attendants_thread_ends_at_once_when_the_last_line_leaves() -> None:
    with conversation() as (_, caller):
        attendant = Attendant(every=3_600)
        attendant.watch(caller.line)
        attendant.leave(caller.line)
        until(lambda: not attendant.busy)
        attendant.watch(caller.line)
        assert attendant.busy
        attendant.leave(caller.line)
        until(lambda: not attendant.busy)


def test_a_line_in_use_is_left_to_who_uses_it() -> None:
    with conversation() as (server, caller):
        attendant = Attendant(every=0.01)
        with caller.line.using:
            attendant.watch(caller.line)
            server.say(b"an answer")
            assert caller.hear(9) == b"an answer"
