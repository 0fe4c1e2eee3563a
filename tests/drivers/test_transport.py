import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers import hostkeys
from drivers.errors import AuthenticationRefused, ElementTimeout, ElementUnreachable, HostKeyChanged, HostKeyUnknown
from drivers.port import Credential, ElementDriver, Target
from drivers.registry import driver_for
from drivers.sim.faults import Phase
from tests.drivers.simulated import Simulated, soon
from tests.drivers.test_hostkeys import key


@pytest.fixture(params=["pe1", "pe2"])
def element(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def driver(element: str) -> Iterator[ElementDriver]:
    found = driver_for({"pe1": "netconf", "pe2": "ssh"}[element])
    yield found
    found.close()


def test_a_host_key_that_nobody_trusted_is_refused(clean: Simulated, element: str, driver: ElementDriver, tmp_path: Path) -> None:
    with pytest.raises(HostKeyUnknown, match=f"fabd element trust {element}"):
        driver.open(clean.target(element, known_hosts=tmp_path / "none"), soon())


def test_a_host_key_that_changed_is_refused(clean: Simulated, element: str, driver: ElementDriver, tmp_path: Path) -> None:
    target = clean.target(element, known_hosts=tmp_path / "known_hosts")
    hostkeys.record(tmp_path / "known_hosts", target.host, target.port, key(1))
    with pytest.raises(HostKeyChanged, match=f"fabd element trust {element}"):
        driver.open(target, soon())


def test_without_known_hosts_nothing_is_opened(element: str, driver: ElementDriver) -> None:
    target = Target(element, {"pe1": "ietf", "pe2": "ios"}[element], "ssh", "127.0.0.1", 9, Credential("sim"))
    with pytest.raises(HostKeyUnknown, match="no known_hosts file"):
        driver.open(target, soon())


def test_a_wrong_password_is_refused_and_not_repeated(clean: Simulated, element: str, driver: ElementDriver) -> None:
    with pytest.raises(AuthenticationRefused, match="credential 'sim'") as caught:
        driver.open(clean.target(element, password="open-sesame"), soon())
    assert "open-sesame" not in str(caught.value)


def test_an_unreadable_private_key_is_named(clean: Simulated, element: str, driver: ElementDriver, tmp_path: Path) -> None:
    target = clean.target(element)
    keyed = Target(
        element, target.platform, target.protocol, target.host, target.port,
        Credential("robot", "fabd", private_key=tmp_path / "none"), target.known_hosts,
    )  # fmt: skip
    with pytest.raises(AuthenticationRefused, match="private key of credential 'robot'"):
        driver.open(keyed, soon())


def test_nobody_listening_is_unreachable(clean: Simulated, element: str, driver: ElementDriver) -> None:
    with pytest.raises(ElementUnreachable, match="no connection"):
        driver.open(clean.restart_elsewhere(clean.target(element), 9), soon())


def test_a_server_that_says_nothing_costs_the_deadline_and_no_more(element: str, driver: ElementDriver, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = Target(
            element, {"pe1": "ietf", "pe2": "ios"}[element], "ssh", "127.0.0.1", silent.getsockname()[1],
            Credential("sim", "fabd", "x"), tmp_path / "known_hosts",
        )  # fmt: skip
        with pytest.raises(ElementTimeout):
            driver.open(target, soon(0.5))


def test_an_element_that_hangs_while_the_session_opens_costs_the_deadline(
    clean: Simulated, element: str, driver: ElementDriver
) -> None:
    clean.sim.call(lambda _: clean.faults(element).hang(Phase.CONNECT, 30))
    with pytest.raises((ElementTimeout, ElementUnreachable)):
        driver.open(clean.target(element), soon(1))


def threads() -> set[threading.Thread]:
    """But for those that the loop of the simulated network takes when somebody calls on it, and keeps."""
    return {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}


def test_no_thread_stays_behind_when_the_driver_closes(clean: Simulated, element: str, driver: ElementDriver) -> None:
    before = threads()
    driver.open(clean.target(element), soon()).close()
    assert threads() - before
    driver.close()
    for thread in threads() - before:
        thread.join(60)
        assert not thread.is_alive(), thread
