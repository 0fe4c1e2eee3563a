"""Arista EOS, played back: prompts, sessions and refusals as its manual and public transcripts of EOS 4.35 show them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from drivers.diff import change_set
from drivers.errors import EditRefused, ElementDisconnected, ElementLocked, VerificationFailed
from drivers.platform import load_platform
from drivers.port import Check, Standing
from drivers.ssh.driver import SshDriver
from drivers.ssh.session import SshSession
from tests.drivers.recorded.terminal import playing
from tests.drivers.simulated import soon

EOS = load_platform("eos")
PROMPT = r"leaf1(\([^)]*\))?#"
TWO_MINUTES = timedelta(seconds=90)
AFTER = "interface Ethernet1\n   description Acme\n   ip address 10.0.0.0/31\n"
NEW = change_set(EOS, "leaf1", "", AFTER, ["Ethernet1"])

PORTS = """\
leaf1#show interfaces | include line protocol
Ethernet1 is up, line protocol is up (connected)
Ethernet2 is administratively down, line protocol is down (disabled)
Management1 is up, line protocol is up (connected)
"""
WITHOUT = """\
leaf1#show running-config
! Command: show running-config
! device: leaf1 (cEOSLab, EOS-4.35.0F)
!
interface Ethernet1
   no switchport
!
interface Management1
   ip address 192.0.2.11/24
!
end
"""
WITH = WITHOUT.replace("   no switchport\n", "   description Acme\n   no switchport\n   ip address 10.0.0.0/31\n")
STAGE = (
    PORTS
    + WITHOUT
    + """\
leaf1#configure session fabd-check abort
% Session fabd-check not found
leaf1#configure session fabd-check
leaf1(config-s-fabd-check)#interface Ethernet1
leaf1(config-s-fabd-check-if-Et1)#description Acme
leaf1(config-s-fabd-check-if-Et1)#ip address 10.0.0.0/31
leaf1(config-s-fabd-check-if-Et1)#exit
leaf1(config-s-fabd-check)#show session-config diffs
--- system:/running-config
+++ session:/fabd-check-session-config
@@ -6,4 +6,6 @@
 interface Ethernet1
+   description Acme
    no switchport
+   ip address 10.0.0.0/31
leaf1(config-s-fabd-check)#end
leaf1#configure session fabd-check abort
"""
)
EDIT = """\
leaf1#configure session fabd-plan-1 abort
% Session fabd-plan-1 not found
leaf1#configure session fabd-plan-1
leaf1(config-s-fabd-p)#interface Ethernet1
leaf1(config-s-fabd-p-if-Et1)#description Acme
leaf1(config-s-fabd-p-if-Et1)#ip address 10.0.0.0/31
leaf1(config-s-fabd-p-if-Et1)#exit
"""
COMMIT = WITHOUT + EDIT + "leaf1(config-s-fabd-p)#commit timer 00:01:30\n"
PENDING = """\
leaf1#show configuration sessions detail
Maximum number of completed sessions: 1
Maximum number of pending sessions: 5
Merge on commit is disabled
Autosave to startup-config on commit is disabled

Session with pending commit timer: fabd-plan-1
Time left until commit timer expiry: in 0:01:12

  Name             State     User  Terminal Completed Time      Committed By
- ---------------- --------- ----- -------- ------------------- ------------
  fabd-plan-1      committed                2026-09-20 23:35:15 fabd
"""
NOT_PENDING = """\
leaf1#show configuration sessions detail
Maximum number of completed sessions: 1
Maximum number of pending sessions: 5
Merge on commit is disabled
Autosave to startup-config on commit is disabled

  Name             State     User  Terminal Completed Time      Committed By
- ---------------- --------- ----- -------- ------------------- ------------
  fabd-plan-1      aborted                  2026-09-20 23:36:45 fabd
"""


@contextmanager
def element(folder: Path, *parts: str) -> Iterator[SshSession]:
    with playing("".join(parts) + "leaf1#", PROMPT, folder) as terminal:
        driver = SshDriver()
        session = driver.open(terminal.target("leaf1", "eos"), soon())
        try:
            yield session
        finally:
            session.close()
            driver.close()


def test_a_change_is_tried_committed_on_a_timer_verified_confirmed_and_saved(tmp_path: Path) -> None:
    confirm = PENDING + "leaf1#configure session fabd-plan-1 commit\nleaf1#write memory\nCopy completed successfully.\n"
    with element(tmp_path, STAGE, COMMIT, WITH, PORTS, confirm) as session:
        session.lock(soon())
        assert session.stage(NEW, soon()) == NEW
        assert "+   description Acme" in session.transcript
        session.commit(NEW, "plan-1", TWO_MINUTES, soon())
        assert session.verify(NEW, soon()).problems == ()
        session.confirm("plan-1", soon())
        session.save(soon())


def test_the_timer_is_started_anew_by_name(tmp_path: Path) -> None:
    with element(tmp_path, "leaf1#configure session fabd-plan-1 commit timer 01:00:05\n") as session:
        session.extend("plan-1", timedelta(hours=1, seconds=5), soon())


def test_another_session_confirms_what_a_lost_one_committed(tmp_path: Path) -> None:
    cut = COMMIT.replace("commit timer 00:01:30\n", "commit timer 00:01:30\n<disconnect>\n")
    taken_over = WITH + PENDING + "leaf1#configure session fabd-plan-1 commit\n"
    with playing(cut + taken_over + "leaf1#", PROMPT, tmp_path) as terminal:
        driver = SshDriver()
        lost = driver.open(terminal.target("leaf1", "eos"), soon())
        with pytest.raises(ElementDisconnected):
            lost.commit(NEW, "plan-1", TWO_MINUTES, soon())
        lost.close()
        again = driver.open(terminal.target("leaf1", "eos"), soon())
        assert again.standing(NEW, soon()) is Standing.AFTER
        again.confirm("plan-1", soon())
        again.close()
        driver.close()


def test_a_pending_commit_is_undone_by_its_name(tmp_path: Path) -> None:
    with element(tmp_path, PENDING, "leaf1#configure session fabd-plan-1 abort\n", WITHOUT) as session:
        session.revert(NEW, "plan-1", soon())


def test_a_confirmed_commit_is_undone_by_its_reverse(tmp_path: Path) -> None:
    none_of_its_name = "leaf1#configure session fabd-plan-1 abort\n% Session fabd-plan-1 not found\n"
    reverse = """\
leaf1#configure session fabd-reverse abort
% Session fabd-reverse not found
leaf1#configure session fabd-reverse
leaf1(config-s-fabd-r)#interface Ethernet1
leaf1(config-s-fabd-r-if-Et1)#no ip address 10.0.0.0/31
leaf1(config-s-fabd-r-if-Et1)#no description
leaf1(config-s-fabd-r-if-Et1)#exit
leaf1(config-s-fabd-r)#commit
"""
    with element(tmp_path, NOT_PENDING, none_of_its_name, WITH, WITH, reverse, WITHOUT) as session:
        session.revert(NEW, "plan-1", soon())


def test_a_commit_whose_timer_ran_out_cannot_be_confirmed(tmp_path: Path) -> None:
    with element(tmp_path, COMMIT, NOT_PENDING, WITHOUT) as session:
        session.commit(NEW, "plan-1", TWO_MINUTES, soon())
        with pytest.raises(VerificationFailed, match="leaf1: the commit could not be confirmed in time, the element has undone it"):
            session.confirm("plan-1", soon())


def test_a_refused_line_is_told_in_the_elements_words_and_the_edit_is_thrown_away(tmp_path: Path) -> None:
    refused = """\
leaf1#configure session fabd-check abort
% Session fabd-check not found
leaf1#configure session fabd-check
leaf1(config-s-fabd-check)#interface Ethernet1
leaf1(config-s-fabd-check-if-Et1)#description Acme
leaf1(config-s-fabd-check-if-Et1)#ip address 10.0.0.0/31
% Address 10.0.0.0/31 is already assigned to interface Ethernet2
leaf1(config-s-fabd-check-if-Et1)#end
leaf1#configure session fabd-check abort
"""
    with (
        element(tmp_path, PORTS, WITHOUT, refused) as session,
        pytest.raises(EditRefused, match=r"leaf1: line 3 of 4, 'ip address 10.0.0.0/31': % Address .* already assigned"),
    ):
        session.stage(NEW, soon())


def test_too_many_sessions_of_others_are_waited_for(tmp_path: Path) -> None:
    full = """\
leaf1#configure session fabd-check abort
% Session fabd-check not found
leaf1#configure session fabd-check
% Maximum number of pending sessions has been reached. Please commit or abort previous sessions before creating a new one.
"""
    with (
        element(tmp_path, PORTS, WITHOUT, full) as session,
        pytest.raises(ElementLocked, match="Maximum number of pending") as error,
    ):
        session.stage(NEW, soon())
    assert error.value.transient


def test_an_unknown_port_is_refused_before_anything_is_typed(tmp_path: Path) -> None:
    odd = change_set(EOS, "leaf1", "", "interface Ethernet9\n   description x\n", ["Ethernet9"])
    with element(tmp_path, PORTS) as session, pytest.raises(EditRefused, match="no such port: Ethernet9"):
        session.stage(odd, soon())


def test_service_tests_are_asked_and_read(tmp_path: Path) -> None:
    asked = """\
leaf1#ping vrf ACME 10.0.0.1 repeat 3
PING 10.0.0.1 (10.0.0.1) 72(100) bytes of data.
80 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.081 ms

--- 10.0.0.1 ping statistics ---
3 packets transmitted, 3 received, 0% packet loss, time 0ms
leaf1#ping 10.0.0.9 repeat 3
PING 10.0.0.9 (10.0.0.9) 72(100) bytes of data.

--- 10.0.0.9 ping statistics ---
3 packets transmitted, 0 received, 100% packet loss, time 20ms
"""
    with element(tmp_path, asked, PORTS, PORTS) as session:
        assert session.check(Check("ping", {"address": "10.0.0.1", "vrf": "ACME"}), soon()).outcome == "passed"
        silent = session.check(Check("ping", {"address": "10.0.0.9"}), soon())
        assert (silent.outcome, silent.detail[-21:]) == ("failed", "packet loss, time 20ms"[-21:])
        assert session.check(Check("interface", {"port": "Ethernet1"}), soon()).outcome == "passed"
        assert session.check(Check("interface", {"port": "Ethernet2"}), soon()).detail == "port Ethernet2 is down"
        assert session.check(Check("y1564", {}), soon()).outcome == "unsupported"
        assert session.check(Check("ping", {"address": "10.0.0.1\nreload"}), soon()).outcome == "failed"
