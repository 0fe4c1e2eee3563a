"""Keys, a login and a subsystem by whoever connects, with elements that stop, hang up or break the rules on the way."""

import asyncio
import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import asyncssh
import paramiko
import pytest
from paramiko.common import cMSG_DEBUG, cMSG_IGNORE, cMSG_KEXINIT
from paramiko.message import Message

from drivers import hostkeys
from drivers.errors import ElementTimeout, ElementUnreachable
from drivers.netconf.line import Line
from tests.drivers.netconf.test_line import Server
from tests.drivers.simulated import soon

NAME = b"SSH-2.0-element\r\n"


def kexinit(*kex: str) -> bytes:
    """What paramiko agrees with, and these ways to agree on keys first."""
    said = paramiko.Transport
    message = Message()
    message.add_byte(cMSG_KEXINIT)
    message.add_bytes(bytes(16))
    message.add_list([*kex, *said._preferred_kex])
    message.add_list(list(said._preferred_keys))
    for _ in range(2):
        message.add_list(list(said._preferred_ciphers))
    for _ in range(2):
        message.add_list(list(said._preferred_macs))
    for languages in (["none"], ["none"], [], []):
        message.add_list(languages)
    message.add_boolean(False)
    message.add_int(0)
    return message.asbytes()


def packet(payload: bytes) -> bytes:
    """As it is sent before there are keys (RFC 4253 §6)."""
    padding = 3 + 8 - (len(payload) + 8) % 8
    return (1 + len(payload) + padding).to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)


def message(kind: bytes) -> bytes:
    """That means nothing."""
    made = Message()
    made.add_byte(kind)
    made.add_string("")
    made.add_string("")
    made.add_string("")
    return packet(made.asbytes())


KEXINIT = packet(kexinit())
STRICT = packet(kexinit("kex-strict-s-v00@openssh.com"))


@contextmanager
def element(*parts: bytes, hangs_up: bool = False) -> Iterator[socket.socket]:
    """A connection to one that says that and no more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = socket.create_connection(listener.getsockname(), timeout=60)
        there, _ = listener.accept()
    with here, there:
        for part in parts:
            there.sendall(part)
        if hangs_up:
            there.shutdown(socket.SHUT_WR)
        yield here


STOPS = {
    "nothing": b"",
    "half a name": NAME[:5],
    "its name": NAME,
    "half a packet": NAME + KEXINIT[:50],
    "ways to agree on keys": NAME + KEXINIT,
    "lines before its name": b"welcome\r\n" * 3,
}


@pytest.mark.parametrize("said", STOPS.values(), ids=STOPS)
def test_one_that_falls_silent_costs_the_deadline(said: bytes) -> None:
    with element(said) as connection:
        deadline = soon(0.2)
        with pytest.raises(ElementTimeout, match="did not end in time"):
            hostkeys.handshake("pe1", Line(connection, deadline), deadline)
        assert connection.fileno() < 0


@pytest.mark.parametrize("said", STOPS.values(), ids=STOPS)
def test_one_that_hangs_up_is_told_at_once(said: bytes) -> None:
    with element(said, hangs_up=True) as connection:
        with pytest.raises(ElementUnreachable, match="the SSH handshake failed"):
            hostkeys.handshake("pe1", Line(connection, soon()), soon())
        assert connection.fileno() < 0


def test_what_is_no_name_is_told_in_brief() -> None:
    with element(b"\r\n" * 99 + b"x" * 30_000 + b"\r\n") as connection, pytest.raises(ElementUnreachable) as told:
        hostkeys.handshake("pe1", Line(connection, soon()), soon())
    assert "x" * 100 in told.value.message
    assert len(told.value.message) < 300


def test_what_came_with_its_name_is_read_before_more_is_waited_for() -> None:
    def opened(patience: float) -> Line:
        with element(NAME + message(cMSG_IGNORE), KEXINIT) as connection:
            line = Line(connection, soon(patience))
            with pytest.raises(TimeoutError):
                line.start_client()
        return line

    lines = map(opened, (0.2, 2.0, 20.0))  # for this machine may be away from one packet to the next
    line = next((line for line in lines if line.kex_engine is not None), None)
    assert line is not None, "the ways to agree on keys were not read"
    assert line.remote_version == "SSH-2.0-element"


@pytest.mark.parametrize(
    "said",
    [
        message(cMSG_IGNORE) + STRICT,
        STRICT + message(cMSG_IGNORE),
        STRICT + message(cMSG_IGNORE) * 2,
        STRICT + message(cMSG_DEBUG),
        message(cMSG_DEBUG) + STRICT,
    ],
)
def test_nothing_may_be_slipped_in_before_there_are_keys_where_both_sides_are_strict(said: bytes) -> None:
    """CVE-2023-48795."""
    with element(NAME, said) as connection, pytest.raises(paramiko.SSHException, match="strict-kex"):
        Line(connection, soon()).start_client()


class _Questioner(paramiko.ServerInterface):
    """Asks for the password by name, as some elements do."""

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002 - paramiko's signature
        return "keyboard-interactive"

    def check_auth_interactive(self, username: str, submethods: str) -> paramiko.InteractiveQuery:  # noqa: ARG002 - paramiko's signature
        return paramiko.InteractiveQuery("", "", ("Password: ", False))

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        return paramiko.AUTH_SUCCESSFUL if responses == ["correct"] else paramiko.AUTH_FAILED


@pytest.mark.parametrize(("password", "accepted"), [("correct", True), ("wrong", False)])
def test_one_that_asks_for_the_password_is_told(password: str, accepted: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = Line(socket.create_connection(listener.getsockname(), timeout=60), soon())
        server = paramiko.Transport(listener.accept()[0])
    server.add_server_key(paramiko.ECDSAKey.generate())
    server.start_server(event=threading.Event(), server=_Questioner())
    try:
        line.start_client(timeout=60)
        with nullcontext() if accepted else pytest.raises(paramiko.AuthenticationException):
            line.auth_password("anybody", password)
        assert line.is_authenticated() == accepted
    finally:
        line.close()
        server.close()
        server.join(60)


class _Keyholder(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:  # noqa: ARG002 - asyncssh's signature
        return True


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa"])
def test_one_that_wants_a_key_is_shown_it(kind: str, known: bool) -> None:
    key, other = (asyncssh.generate_private_key(kind) for _ in range(2))
    trusted = asyncssh.import_authorized_keys((key if known else other).export_public_key().decode())
    read = {"ssh-ed25519": paramiko.Ed25519Key, "ssh-rsa": paramiko.RSAKey}[kind]
    ours = read(file_obj=io.StringIO(key.export_private_key("openssh").decode()))
    with Server(factory=_Keyholder, authorized_client_keys=trusted) as server, connected(server) as line:
        with nullcontext() if known else pytest.raises(paramiko.AuthenticationException):
            line.auth_publickey("anybody", ours)
        assert line.is_authenticated() == known


class _Undecided(asyncssh.SSHServer):
    async def begin_auth(self, username: str) -> bool:  # noqa: ARG002 - asyncssh's signature
        await asyncio.sleep(3_600)
        return True


def test_one_that_never_says_who_may_log_in_costs_the_deadline() -> None:
    with Server(factory=_Undecided) as server, connected(server) as line:
        line.wait_until(soon(0.2))
        with pytest.raises(TimeoutError):
            line.auth_password("anybody", "correct")
        assert not line.is_active()


class _Leaving(asyncssh.SSHServer):
    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002 - asyncssh's signature
        self._connection.abort()
        return True


def test_one_that_hangs_up_instead_of_an_answer_to_the_login_has_refused_it() -> None:
    with Server(factory=_Leaving) as server, connected(server) as line, pytest.raises(paramiko.AuthenticationException):
        line.auth_password("anybody", "correct")


def test_a_subsystem_that_there_is_not_is_told() -> None:
    with Server(process_factory=None) as server, connected(server) as line:
        line.auth_none("anybody")
        with pytest.raises(paramiko.SSHException):
            line.subsystem("netconf", bytes)


def test_nobody_else_reads_while_a_line_is_opened() -> None:
    with Server() as server:
        before = set(threading.enumerate())
        with connected(server) as line:
            line.auth_none("anybody")
            line.subsystem("netconf", bytes)
            assert set(threading.enumerate()) <= before  # of other tests one may end


@contextmanager
def connected(server: Server) -> Iterator[Line]:
    """Keys are agreed on."""
    line = Line(socket.create_connection(("127.0.0.1", server.port), timeout=60), soon())
    line.start_client(timeout=60)
    try:
        yield line
    finally:
        line.close()
