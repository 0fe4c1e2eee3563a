"""Life inside the lab's nodes: what tests use to run programs and reach them."""

import http.client
import signal
import sys
from pathlib import Path

import pytest

from tests.lab.errors import CommandFailed
from tests.lab.lab import Lab
from tests.lab.shell import PATIENCE, wait_until

pytestmark = pytest.mark.lab


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except ConnectionRefusedError:
        return False
    finally:
        connection.close()


def test_a_program_runs_under_its_nodes_name_and_sees_only_its_ports(lab: Lab) -> None:
    assert lab.exec("pe1", ["hostname"]) == "pe1\n"
    assert "cust1" in lab.exec("pe1", ["ip", "link"])
    assert "cust1" not in lab.exec("p1", ["ip", "link"])


def test_a_program_that_fails_or_takes_too_long_is_named(lab: Lab) -> None:
    with pytest.raises(CommandFailed, match="ls /absent"):
        lab.exec("pe1", ["ls", "/absent"])
    with pytest.raises(CommandFailed, match=r"after 0\.2 s"):
        lab.exec("pe1", ["sleep", "30"], timeout=0.2)


def test_a_server_in_the_management_network_is_reached_from_inside_it_only(lab: Lab, tmp_path: Path) -> None:
    serve = [sys.executable, "-m", "http.server", "8640", "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    with lab.spawn("mgmt", serve, log=tmp_path / "log") as server:
        try:
            with lab.inside("mgmt"):
                wait_until("the server answers", lambda: answers(8640))
            with lab.inside("pe1"):
                assert not answers(8640)
        finally:
            server.terminate()
    assert server.returncode == -signal.SIGTERM, "the signal reached the program itself"
