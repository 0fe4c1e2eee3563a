"""netmiko and asyncssh against the command line over real sockets."""

from collections.abc import Iterator
from dataclasses import dataclass

import asyncssh
import pytest
from netmiko import ConnectHandler, NetmikoAuthenticationException, NetmikoTimeoutException
from netmiko.base_connection import BaseConnection
from netmiko.exceptions import ConfigInvalidException, ReadTimeout

from drivers.sim.cli import CliServer
from drivers.sim.cli.server import MAX_SESSIONS
from drivers.sim.credentials import SimCredentials
from drivers.sim.faults import ElementFaults, Fault, Phase
from drivers.sim.sshd import load_host_keys
from drivers.sim.state import ElementState
from tests.drivers.sim.elements import Loop, eventually, loop_thread, router

CREDENTIALS = SimCredentials()
PATIENT = dict.fromkeys(("conn_timeout", "banner_timeout", "auth_timeout", "read_timeout_override"), 60.0)
"""Of netmiko, which by itself waits 10 s for a prompt."""


@dataclass
class Running:
    state: ElementState
    faults: ElementFaults
    port: int
    loop: Loop

    def connect(self, **options: object) -> BaseConnection:
        return ConnectHandler(
            device_type="cisco_ios",
            host="127.0.0.1",
            port=self.port,
            **{"username": CREDENTIALS.user, "password": CREDENTIALS.password} | PATIENT | options,
        )


@pytest.fixture
def running() -> Iterator[Running]:
    with loop_thread() as loop:
        state = router()
        faults = loop.call(lambda: ElementFaults(state))
        server = CliServer(state, faults, CREDENTIALS, load_host_keys(None, state.name))
        loop.run(server.start("127.0.0.1", 0))
        try:
            yield Running(state, faults, server.port, loop)
        finally:
            loop.run(server.stop())


def test_netmiko_configures_saves_and_reads_back(running: Running) -> None:
    with running.connect() as session:
        session.enable()
        session.send_config_set(
            ["interface GigabitEthernet0/1", "description by netmiko", "ip address 192.0.2.0 255.255.255.254"],
            error_pattern=r"%.*",
        )
        shown = session.send_command("show running-config interface GigabitEthernet0/1")
        saved = session.save_config()
    assert " description by netmiko\n ip address 192.0.2.0 255.255.255.254\n" in shown
    assert "[OK]" in saved
    running.loop.call(running.state.reboot)
    assert running.state.ports["GigabitEthernet0/1"].alias == "by netmiko"


def test_netmiko_stops_at_the_error_and_earlier_lines_stay(running: Running) -> None:
    with running.connect() as session, pytest.raises(ConfigInvalidException, match="Invalid input"):
        session.send_config_set(
            ["interface GigabitEthernet0/1", "description first", "colour blue", "mtu 1400"], error_pattern=r"%.*"
        )
    interface = running.state.interfaces["GigabitEthernet0/1"]
    assert (interface.description, interface.mtu) == ("first", None)


def test_sessions_share_the_element_and_not_the_mode(running: Running) -> None:
    with running.connect() as one, running.connect() as other:
        one.config_mode()
        one.send_config_set(["vlan 10", "name shared"], exit_config_mode=False)
        assert "10   shared" in other.send_command("show vlan")
        assert one.check_config_mode()
        assert not other.check_config_mode()


def test_one_command_without_a_terminal(running: Running) -> None:
    async def ask() -> str:
        async with asyncssh.connect(
            "127.0.0.1",
            running.port,
            username=CREDENTIALS.user,
            password=CREDENTIALS.password,
            known_hosts=None,
            config=[],
        ) as connection:
            return str((await connection.run("show running-config | include hostname")).stdout)

    assert running.loop.run(ask()) == "hostname pe2\r\n"


def test_a_wrong_password_is_refused(running: Running) -> None:
    with pytest.raises(NetmikoAuthenticationException):
        running.connect(password="wrong")


def test_a_fault_refuses_the_log_in_once(running: Running) -> None:
    running.loop.call(lambda: running.faults.inject(_refuse_login()))
    with pytest.raises(NetmikoAuthenticationException):
        running.connect()
    running.connect().disconnect()


def test_a_refused_edit_shows_its_message_and_changes_nothing(running: Running) -> None:
    running.loop.call(lambda: running.faults.refuse_edit("TCAM is full"))
    with running.connect() as session, pytest.raises(ConfigInvalidException, match="% TCAM is full"):
        session.send_config_set(["interface GigabitEthernet0/1", "mtu 1400"], error_pattern=r"%.*")
    assert running.state.interfaces["GigabitEthernet0/1"].mtu is None


def test_a_hanging_line_answers_when_the_hang_is_over(running: Running) -> None:
    running.loop.call(lambda: running.faults.hang(Phase.READ, 1.5))
    with running.connect(read_timeout_override=None) as session:
        with pytest.raises(ReadTimeout):
            session.send_command("show version", read_timeout=0.1)
        assert eventually(lambda: "Version 1.0" in session.read_channel())


def test_a_session_is_cut_before_its_edit(running: Running) -> None:
    session = running.connect()
    session.config_mode()
    running.loop.call(lambda: running.faults.disconnect(Phase.EDIT))
    session.write_channel("vlan 10\n")
    assert eventually(lambda: not session.remote_conn.transport.is_active())
    assert running.state.vlans == {}


def test_a_session_is_cut_after_its_last_line_took_effect(running: Running) -> None:
    session = running.connect()
    running.loop.call(lambda: running.faults.disconnect(Phase.AFTER_COMMIT))
    session.config_mode()
    session.write_channel("vlan 10\nend\n")
    assert eventually(lambda: not session.remote_conn.transport.is_active())
    assert list(running.state.vlans) == [10]


def test_a_reboot_ends_every_session(running: Running) -> None:
    session = running.connect()
    running.loop.call(running.state.reboot)
    assert eventually(lambda: not session.remote_conn.transport.is_active())
    running.connect().disconnect()


def test_an_unreachable_element_takes_the_connection_and_says_nothing(running: Running) -> None:
    running.loop.call(lambda: running.faults.set_reachable(reachable=False))
    with pytest.raises(NetmikoTimeoutException):
        running.connect(banner_timeout=0.5, conn_timeout=0.5)
    running.loop.call(lambda: running.faults.set_reachable(reachable=True))
    running.connect().disconnect()


def test_sessions_are_bounded(running: Running) -> None:
    async def fill() -> str:
        async with asyncssh.connect(
            "127.0.0.1",
            running.port,
            username=CREDENTIALS.user,
            password=CREDENTIALS.password,
            known_hosts=None,
            config=[],
        ) as connection:
            held = [await connection.create_process() for _ in range(MAX_SESSIONS)]
            for process in held:
                assert await process.stdout.readuntil("#") == "\r\npe2#"
            return str((await connection.run("")).stdout)

    assert running.loop.run(fill()) == "% All lines are in use.\r\n"


def _refuse_login() -> Fault:
    return Fault("refuse", Phase.CONNECT, times=1)
