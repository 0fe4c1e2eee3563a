"""VyOS, played back: commit-confirm as its sources print it (config_mgmt of 1.4), set and delete as its manual shows them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from drivers.diff import change_set
from drivers.errors import EditRefused, ElementLocked, RevertFailed, VerificationFailed
from drivers.platform import load_platform
from drivers.port import Check, Standing
from drivers.ssh.driver import SshDriver
from drivers.ssh.session import SshSession
from tests.drivers.recorded.terminal import playing
from tests.drivers.simulated import soon

VYOS = load_platform("vyos")
PROMPT = r"vyos@vyos(:~\$|#) |Proceed \? \[Y/n\] "
TIMEOUT = timedelta(seconds=90)
AFTER = """\
set interfaces ethernet eth1 vif 100 address '10.0.0.0/31'
set interfaces ethernet eth1 vif 100 description 'Acme, Ghent'
"""
NEW = change_set(VYOS, "vyos", "", AFTER, ["eth1.100"])

WITHOUT = """\
vyos@vyos:~$ show configuration commands
set interfaces ethernet eth0 address '192.0.2.12/24'
set interfaces ethernet eth0 hw-id '52:54:00:12:34:56'
set interfaces ethernet eth1 hw-id '52:54:00:12:34:57'
set service ssh port '22'
"""
WITH = WITHOUT.replace("set service", AFTER + "set service")
OPEN = "vyos@vyos:~$ configure\n[edit]\n"
TYPED = """\
vyos@vyos# set interfaces ethernet eth1 vif 100 address '10.0.0.0/31'
[edit]
vyos@vyos# set interfaces ethernet eth1 vif 100 description 'Acme, Ghent'
[edit]
"""
DISCARDED = "vyos@vyos# discard\n  Changes have been discarded\n[edit]\nvyos@vyos# exit\nexit\n"
CONFIRMED = OPEN + "vyos@vyos# confirm\nReboot timer stopped\n[edit]\nvyos@vyos# exit\nexit\n"
NOTHING_PENDING = OPEN + "vyos@vyos# confirm\nNo confirm pending\n[edit]\nvyos@vyos# exit\nexit\n"
COMMITTED = """\
vyos@vyos# commit-confirm 2

commit-confirm will automatically reboot in 2 minutes unless changes
are confirmed.

Proceed ? [Y/n] y
Initialized commit-confirm; 2 minutes to confirm before reboot
[edit]
vyos@vyos# exit
exit
"""
PORTS = """\
vyos@vyos:~$ show interfaces
Codes: S - State, L - Link, u - Up, D - Down, A - Admin Down
Interface        IP Address                        S/L  Description
---------        ----------                        ---  -----------
eth0             192.0.2.12/24                     u/u
eth1             -                                 u/u
eth1.100         10.0.0.0/31                       u/u  Acme, Ghent
                 2001:db8::/127
eth2             -                                 A/D
lo               127.0.0.1/8                       u/u
"""


@contextmanager
def element(folder: Path, *parts: str) -> Iterator[SshSession]:
    with playing("".join(parts) + "vyos@vyos:~$ ", PROMPT, folder) as terminal:
        driver = SshDriver()
        session = driver.open(terminal.target("vyos", "vyos"), soon())
        try:
            yield session
        finally:
            session.close()
            driver.close()


def test_a_change_is_tried_committed_for_two_minutes_verified_confirmed_and_saved(tmp_path: Path) -> None:
    compared = "vyos@vyos# compare\n[interfaces ethernet eth1]\n+ vif 100 {\n+     address 10.0.0.0/31\n+ }\n[edit]\n"
    staged = WITHOUT + OPEN + TYPED + compared + DISCARDED
    saved = "vyos@vyos:~$ save\nSaving configuration to '/config/config.boot'...\nDone\n"
    with element(tmp_path, staged, WITHOUT + OPEN + TYPED + COMMITTED, WITH, PORTS, CONFIRMED, saved) as session:
        session.stage(NEW, soon())
        session.commit(NEW, "plan-1", TIMEOUT, soon())
        assert "2 minutes to confirm" in session.transcript
        session.extend("plan-1", TIMEOUT, soon())
        assert session.verify(NEW, soon()).problems == ()
        session.confirm("plan-1", soon())
        session.save(soon())


def test_another_session_confirms_it(tmp_path: Path) -> None:
    with element(tmp_path, WITH, CONFIRMED) as session:
        assert session.standing(NEW, soon()) is Standing.AFTER
        session.confirm("plan-1", soon())


def test_what_was_confirmed_before_is_confirmed_again_without_harm(tmp_path: Path) -> None:
    with element(tmp_path, NOTHING_PENDING) as session:
        session.confirm("plan-1", soon())


def test_after_the_restart_that_nobody_prevented_there_is_nothing_to_confirm(tmp_path: Path) -> None:
    with element(tmp_path, WITHOUT + OPEN + TYPED + COMMITTED, NOTHING_PENDING, WITHOUT) as session:
        session.commit(NEW, "plan-1", TIMEOUT, soon())
        with pytest.raises(VerificationFailed, match="the element has undone it"):
            session.confirm("plan-1", soon())


def test_the_way_back_is_committed_and_the_restart_prevented(tmp_path: Path) -> None:
    back = OPEN + "vyos@vyos# delete interfaces ethernet eth1 vif 100\n[edit]\nvyos@vyos# commit\n[edit]\nvyos@vyos# exit\nexit\n"
    with element(tmp_path, WITH, WITH, back, CONFIRMED, WITHOUT) as session:
        session.revert(NEW, "plan-1", soon())


def test_a_revert_of_what_never_was_committed_leaves_the_timer_of_others_alone(tmp_path: Path) -> None:
    with element(tmp_path, WITHOUT) as session:
        session.revert(NEW, "plan-1", soon())


def test_a_refused_reverse_leaves_the_element_in_doubt(tmp_path: Path) -> None:
    refused = """\
vyos@vyos# delete interfaces ethernet eth1 vif 100
[edit]
vyos@vyos# commit
[ interfaces ethernet eth1 vif 100 ]
Interface eth1.100 is in use by protocols static

[[interfaces ethernet eth1]] failed
Commit failed
[edit]
"""
    with (
        element(tmp_path, WITH, WITH, OPEN + refused + DISCARDED) as session,
        pytest.raises(RevertFailed, match="the reverse was refused: 'commit': Commit failed"),
    ):
        session.revert(NEW, "plan-1", soon())


def test_the_commit_of_somebody_else_is_waited_for(tmp_path: Path) -> None:
    pending = "vyos@vyos# commit-confirm 2\nAnother confirm is pending\n[edit]\n"
    with (
        element(tmp_path, WITHOUT + OPEN + TYPED + pending + DISCARDED) as session,
        pytest.raises(ElementLocked, match="Another confirm is pending"),
    ):
        session.commit(NEW, "plan-1", TIMEOUT, soon())


def test_a_refused_line_is_told_and_the_edit_thrown_away(tmp_path: Path) -> None:
    refused = """\
vyos@vyos# set interfaces ethernet eth1 vif 100 address '10.0.0.0/31'

  10.0.0.0/31 is not a valid host address

  Value validation failed
  Set failed

[edit]
"""
    with (
        element(tmp_path, WITHOUT, OPEN + refused + DISCARDED) as session,
        pytest.raises(EditRefused, match=r"line 1 of 2, .*: Set failed"),
    ):
        session.stage(NEW, soon())


@pytest.mark.parametrize("text", ["'; sudo reboot '", "' $(reboot) '", "a' || b", "two words"])
def test_nothing_that_the_shell_would_read_as_more_is_typed(tmp_path: Path, text: str) -> None:
    quoted = text if text == "two words" else f"'{text}'"
    hostile = change_set(VYOS, "vyos", "", f"set interfaces ethernet eth1 description {quoted}; x\n")
    with element(tmp_path) as session, pytest.raises(EditRefused, match="cannot be typed"):
        session.stage(hostile, soon())


def test_ports_and_neighbours_are_read(tmp_path: Path) -> None:
    neighbour = (
        "vyos@vyos:~$ show bgp vrf ACME neighbors 10.0.0.1\nBGP neighbor is 10.0.0.1\n  BGP state = Established, up for 1d\n"
    )
    with element(tmp_path, PORTS, PORTS, neighbour) as session:
        assert session.check(Check("interface", {"port": "eth1.100"}), soon()).outcome == "passed"
        assert session.check(Check("interface", {"port": "eth2"}), soon()).detail == "port eth2 is down"
        assert session.check(Check("neighbour", {"address": "10.0.0.1", "vrf": "ACME"}), soon()).outcome == "passed"
