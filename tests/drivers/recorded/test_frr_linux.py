"""FRR with its Linux shell, played back as FRR 8.4 and iproute2 6.1 of Debian 12 answered; the lab runs the same for real."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import paramiko
import pytest

from drivers.diff import change_set
from drivers.errors import EditRefused, ElementTimeout
from drivers.platform import load_platform
from drivers.port import Check, Standing
from drivers.ssh.driver import SshDriver
from drivers.ssh.session import SshSession
from tests.drivers.recorded.server import served
from tests.drivers.recorded.terminal import Exchange, Terminal
from tests.drivers.simulated import soon

LINUX = load_platform("frr-linux")
AFTER = """\
link br100 type bridge
 up
port eth1
 master br100
router bgp 65000
 address-family l2vpn evpn
  advertise-all-vni
"""
NEW = change_set(LINUX, "leaf1", "", AFTER, ["eth1"])
NEVER = timedelta(0)

SHOW_LINKS = "sudo -n ip -details -json link show"
SHOW_LIMITS = "sudo -n nft -json list ruleset netdev"
SHOW_RUNNING = "vtysh -c 'show running-config'"
WITHOUT = (
    Exchange("", SHOW_LINKS, [json.dumps([{"ifname": "eth1", "mtu": 1500, "flags": ["UP"], "master": "br7"}])]),
    Exchange("", SHOW_LIMITS, ["sudo: nft: command not found", "<exit 1>"]),
    Exchange("", SHOW_RUNNING, ["!", "router bgp 65000", " bgp router-id 192.0.2.1", "exit", "!", "end"]),
)
WITH = (
    Exchange(
        "",
        SHOW_LINKS,
        [
            json.dumps(
                [
                    {"ifname": "eth1", "mtu": 1500, "flags": ["UP"], "master": "br100"},
                    {"ifname": "br100", "mtu": 1500, "flags": ["UP"], "linkinfo": {"info_kind": "bridge"}},
                ]
            )
        ],
    ),
    Exchange("", SHOW_LIMITS, ['{"nftables": [{"metainfo": {"json_schema_version": 1}}]}']),
    Exchange(
        "",
        SHOW_RUNNING,
        ["router bgp 65000", " address-family l2vpn evpn", "  advertise-all-vni", " exit-address-family", "exit", "end"],
    ),
)
PORTS = Exchange(
    "", "vtysh -c 'show interface description'", ["Interface  Status  Protocol  Description", "eth1       up      up        "]
)


def tried(*commands: str) -> str:
    return " && ".join(f"{{ sudo -n {each} || {{ s=$?; echo 'by {each}'; exit $s; }}; }}" for each in commands)


BY_KERNEL = tried("ip link add name br100 type bridge", "ip link set dev br100 up", "ip link set dev eth1 master br100")
BY_FRR = (
    "vtysh -c 'configure terminal' -c 'router bgp 65000' -c 'address-family l2vpn evpn' -c advertise-all-vni "
    "-c exit-address-family -c exit"
)


@contextmanager
def element(folder: Path, *played: Exchange | Sequence[Exchange]) -> Iterator[SshSession]:
    flat = [each for part in played for each in ([part] if isinstance(part, Exchange) else part)]
    with served(Terminal(flat), folder) as terminal:
        driver = SshDriver()
        session = driver.open(terminal.target("leaf1", "frr-linux"), soon())
        try:
            yield session
        finally:
            session.close()
            driver.close()


def test_what_stood_there_is_seen_replaced_and_given_back(tmp_path: Path) -> None:
    back_by_frr = BY_FRR.replace("advertise-all-vni", "'no advertise-all-vni'")
    back_by_kernel = tried("ip link delete dev br100", "ip link set dev eth1 master br7")
    played = (
        PORTS, WITHOUT,
        WITHOUT, Exchange("", BY_KERNEL), Exchange("", BY_FRR),
        WITH, PORTS,
        WITH, Exchange("", back_by_frr), Exchange("", back_by_kernel), WITHOUT,
        WITHOUT,
    )  # fmt: skip
    with element(tmp_path, *played) as session:
        change = session.stage(NEW, soon())
        assert " master br7" in change.before
        session.commit(change, "plan-1", NEVER, soon())
        assert session.verify(change, soon()).problems == ()
        session.revert(change, "plan-1", soon())
        assert session.standing(change.inverted(), soon()) is Standing.AFTER


def test_the_command_that_failed_is_named_with_what_it_said(tmp_path: Path) -> None:
    failed = Exchange("", BY_KERNEL, ["RTNETLINK answers: File exists", "by ip link add name br100 type bridge", "<exit 2>"])
    said = r"RTNETLINK answers: File exists / by ip link add name br100 type bridge \(exit status 2\)"
    with element(tmp_path, WITHOUT, failed) as session, pytest.raises(EditRefused, match=said):
        session.commit(NEW, "plan-1", NEVER, soon())


def test_a_line_that_frr_does_not_know_is_named(tmp_path: Path) -> None:
    refused = Exchange("", BY_FRR, ["% Unknown command: advertise-all-vni", "<exit 1>"])
    with element(tmp_path, WITHOUT, Exchange("", BY_KERNEL), refused) as session, pytest.raises(EditRefused) as error:
        session.commit(NEW, "plan-1", NEVER, soon())
    assert "line 2 of 2, 'router bgp 65000': % Unknown command: advertise-all-vni (exit status 1)" in str(error.value)


@pytest.mark.parametrize(
    ("played", "said"),
    [
        ([Exchange("", SHOW_LINKS, ["sudo: a password is required", "<exit 1>"])], "a password is required"),
        ([Exchange("", SHOW_LINKS, ["Usage: ip link"]), WITHOUT[1]], "does not print links as JSON"),
        ([WITHOUT[0], Exchange("", SHOW_LIMITS, ["Operation not permitted (you must be root)", "<exit 1>"])], "must be root"),
        ([WITHOUT[0], Exchange("", SHOW_LIMITS, ["sudo: a password is required", "<exit 1>"])], "a password is required"),
        ([WITHOUT[0], Exchange("", SHOW_LIMITS, ["Usage: nft"])], "does not print tables as JSON"),
        ([*WITHOUT[:2], Exchange("", SHOW_RUNNING, ["failed to connect to any daemons.", "<exit 1>"])], "failed to connect"),
    ],
)
def test_a_refused_look_is_no_empty_configuration(tmp_path: Path, played: list[Exchange], said: str) -> None:
    with element(tmp_path, played) as session, pytest.raises(EditRefused, match=said):
        session.standing(NEW, soon())


def test_silence_is_a_time_out_and_ends_the_session(tmp_path: Path) -> None:
    with element(tmp_path, Exchange("", SHOW_LINKS, ["<silence>"])) as session:
        with pytest.raises(ElementTimeout, match=r"no answer to .* in time"):
            session.standing(NEW, soon(2))  # it has to be asked first
        assert not session._shell.alive


def test_a_channel_that_is_not_opened_in_time_is_a_time_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unanswered(timeout: float) -> None:
        threading.Event().wait(timeout)
        raise paramiko.SSHException("Timeout opening channel.")

    with element(tmp_path) as session:
        monkeypatch.setattr(session._shell._transport, "open_session", unanswered)
        with pytest.raises(ElementTimeout):
            session.standing(NEW, soon(0.1))


def test_a_ping_that_is_not_answered_has_failed_with_its_last_words(tmp_path: Path) -> None:
    ping = "sudo -n ping -n -c 3 -i 0.3 -W 2 -w 6 192.0.2.9"
    answered = Exchange("", ping, ["3 packets transmitted, 3 received, 0% packet loss, time 604ms"])
    silent = Exchange("", ping, ["3 packets transmitted, 0 received, 100% packet loss, time 604ms", "<exit 1>"])
    with element(tmp_path, answered, silent) as session:
        check = Check("ping", {"address": "192.0.2.9"})
        assert session.check(check, soon()).outcome == "passed"
        assert "0 received" in session.check(check, soon()).detail
