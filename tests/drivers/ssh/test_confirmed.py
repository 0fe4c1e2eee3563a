"""Provisional commits over a command line, against a simulated element with configuration sessions, over real SSH."""

import asyncio
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from drivers.diff import change_set
from drivers.errors import EditRefused, ElementDisconnected, ElementLocked, RevertFailed, VerificationFailed
from drivers.platform import load_platform
from drivers.port import ChangeSet, Check, Standing, Target
from drivers.sim.faults import Fault, Phase
from drivers.ssh.driver import SshDriver
from drivers.ssh.session import SshSession
from tests.drivers.sim.elements import eventually
from tests.drivers.simulated import Simulated, soon

EOS = load_platform("eos")
ELEMENT = "pe3"
PORT = "Ethernet2"
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
BEFORE = f"interface {PORT}\n description Acme\n ip address 10.0.0.0/31\n"
AFTER = BEFORE.replace("Acme", "Acme, Ghent").replace("10.0.0.0", "10.0.0.2")


def change(before: str, after: str, *ports: str) -> ChangeSet:
    return change_set(EOS, "pe3", before, after, ports)


NEW = change("", BEFORE, PORT)


@pytest.fixture
def session(driver: SshDriver, target: Target, clean: Simulated) -> Iterator[SshSession]:
    """A session, and an element that is as it was, without an edit left, when the test ends."""
    was = clean.running("pe3")
    with_session = driver.open(target, soon())
    yield with_session
    with_session.close()
    last = driver.open(target, soon())
    sessions = last._shell.run("show configuration sessions detail", soon())
    last.close()
    left = [line for line in sessions.splitlines() if line.endswith(" pending") or "pending commit timer" in line]
    assert left == []
    assert clean.running("pe3") == was, "the test left something behind"


def made(session: SshSession, new: ChangeSet, timeout: timedelta = MINUTE, persist: str = "plan-1") -> None:
    session.lock(soon())
    session.stage(new, soon())
    session.commit(new, persist, timeout, soon())


def test_staging_has_no_effect_and_shows_what_would_change(session: SshSession, clean: Simulated) -> None:
    was = clean.running("pe3")
    assert session.stage(NEW, soon()) == NEW
    assert "+ ip address 10.0.0.0/31" in session.transcript
    assert clean.running("pe3") == was


def test_a_change_is_committed_verified_confirmed_and_taken_back(session: SshSession) -> None:
    made(session, NEW)
    assert session.verify(NEW, soon()).problems == ()
    session.confirm("plan-1", soon())
    session.save(soon())
    assert session.standing(NEW, soon()) is Standing.AFTER
    made(session, NEW.inverted(), persist="plan-2")
    session.confirm("plan-2", soon())
    session.save(soon())


def test_only_what_differs_is_typed(session: SshSession) -> None:
    made(session, NEW)
    session.confirm("plan-1", soon())
    modified = change(BEFORE, AFTER, PORT)
    made(session, modified, persist="plan-2")
    typed = [line for line in session.transcript.splitlines() if line.startswith(("ip", "no", "desc"))]
    assert typed == ["description Acme, Ghent", "ip address 10.0.0.2/31"]
    session.revert(modified, "plan-2", soon())
    assert session.standing(NEW, soon()) is Standing.AFTER
    session.revert(NEW, "plan-1", soon())


def test_what_nobody_confirms_is_undone_by_the_element(session: SshSession) -> None:
    begun = time.monotonic()
    made(session, NEW, SECOND)
    assert session.standing(NEW, soon()) is Standing.AFTER or time.monotonic() - begun > 1
    assert eventually(lambda: session.standing(NEW, soon()) is Standing.BEFORE)
    with pytest.raises(VerificationFailed, match="the element has undone it"):
        session.confirm("plan-1", soon())
    session.revert(NEW, "plan-1", soon())


def test_a_commit_can_be_kept_waiting(clean: Simulated, session: SshSession) -> None:
    made(session, NEW, 3 * SECOND)
    over = threading.Event()
    clean.sim.call(lambda _: asyncio.get_running_loop().call_later(3, over.set))  # begun after the element's own, so over after it
    session.extend("plan-1", MINUTE, soon())
    assert over.wait(60)
    assert session.standing(NEW, soon()) is Standing.AFTER
    session.revert(NEW, "plan-1", soon())


@pytest.mark.parametrize("confirmed", [True, False])
def test_another_session_finishes_what_a_lost_one_committed(
    clean: Simulated, driver: SshDriver, target: Target, session: SshSession, confirmed: bool
) -> None:
    lost = driver.open(target, soon())
    clean.sim.call(lambda _: clean.faults("pe3").disconnect(Phase.AFTER_COMMIT))
    with pytest.raises(ElementDisconnected):
        made(lost, NEW)
    lost.close()
    assert session.standing(NEW, soon()) is Standing.AFTER
    if confirmed:
        session.confirm("plan-1", soon())
        session.confirm("plan-1", soon())
        assert session.standing(NEW, soon()) is Standing.AFTER
    session.revert(NEW, "plan-1", soon())
    assert session.standing(NEW, soon()) is Standing.BEFORE


def test_a_commit_that_waits_is_withdrawn_by_its_name_and_by_no_other(
    driver: SshDriver, target: Target, session: SshSession
) -> None:
    late = driver.open(target, soon())
    made(late, NEW)
    late.close()
    session.withdraw("plan-2", soon())
    assert session.standing(NEW, soon()) is Standing.AFTER
    session.withdraw("plan-1", soon())
    assert session.standing(NEW, soon()) is Standing.BEFORE
    session.withdraw("plan-1", soon())


def test_what_was_confirmed_is_not_withdrawn(session: SshSession) -> None:
    made(session, NEW)
    session.confirm("plan-1", soon())
    session.withdraw("plan-1", soon())
    assert session.standing(NEW, soon()) is Standing.AFTER
    session.revert(NEW, "plan-1", soon())


def test_an_edit_that_a_lost_session_left_does_not_get_into_the_next_one(
    clean: Simulated, driver: SshDriver, target: Target, session: SshSession
) -> None:
    lost = driver.open(target, soon())
    clean.sim.call(lambda _: clean.faults("pe3").inject(Fault("disconnect", Phase.VALIDATE, times=1)))
    with pytest.raises(ElementDisconnected):
        lost.stage(change("", "interface Ethernet1\n description stray\n"), soon())
    lost.close()
    session.stage(NEW, soon())
    assert "stray" not in session.transcript


def test_an_edit_that_was_lost_before_its_commit_goes_with_the_revert(
    clean: Simulated, driver: SshDriver, target: Target, session: SshSession
) -> None:
    lost = driver.open(target, soon())
    clean.sim.call(lambda _: clean.faults("pe3").inject(Fault("disconnect", Phase.COMMIT, times=1)))
    with pytest.raises(ElementDisconnected):
        made(lost, NEW)
    lost.close()
    assert "fabd-plan-1" in session._shell.run("show configuration sessions detail", soon())
    session.revert(NEW, "plan-1", soon())


def test_a_refused_line_leaves_neither_edit_nor_change(session: SshSession, clean: Simulated) -> None:
    clean.sim.call(lambda _: clean.faults("pe3").refuse_edit("hands off"))
    with pytest.raises(EditRefused, match="pe3: line 2 of 4, 'description Acme': % hands off"):
        session.stage(NEW, soon())
    session.stage(NEW, soon())


def test_a_refused_commit_leaves_neither_edit_nor_change(session: SshSession, clean: Simulated) -> None:
    session.stage(NEW, soon())
    clean.sim.call(lambda _: clean.faults("pe3").inject(Fault("refuse", Phase.COMMIT, message="out of resources", times=1)))
    with pytest.raises(EditRefused, match="pe3: 'commit timer 00:01:00': % out of resources"):
        session.commit(NEW, "plan-1", MINUTE, soon())
    session.revert(NEW, "plan-1", soon())


def test_a_commit_of_somebody_else_that_waits_is_waited_for(driver: SshDriver, target: Target, session: SshSession) -> None:
    other = driver.open(target, soon())
    theirs = change("", "interface Ethernet1\n description theirs\n")
    made(other, theirs, persist="other")
    with pytest.raises(ElementLocked, match="commit timer is already running for session fabd-other"):
        session.commit(NEW, "plan-1", MINUTE, soon())
    session.revert(NEW, "plan-1", soon())
    assert other.standing(theirs, soon()) is Standing.AFTER
    other.revert(theirs, "other", soon())
    other.close()


def test_too_many_edits_of_others_are_waited_for(driver: SshDriver, target: Target, session: SshSession) -> None:
    other = driver.open(target, soon())
    for number in range(5):
        other._shell.run(f"configure session theirs-{number}", soon())
        other._shell.run("end", soon())
    with pytest.raises(ElementLocked, match="Maximum number of pending sessions"):
        session.stage(NEW, soon())
    for number in range(5):
        other._shell.run(f"configure session theirs-{number} abort", soon())
    other.close()


def test_a_refused_reverse_leaves_the_element_in_doubt(session: SshSession, clean: Simulated) -> None:
    made(session, NEW)
    session.confirm("plan-1", soon())
    clean.sim.call(lambda _: clean.faults("pe3").refuse_edit("hands off"))
    with pytest.raises(RevertFailed, match=r"the reverse was refused: .*hands off"):
        session.revert(NEW, "plan-1", soon())
    session.revert(NEW, "plan-1", soon())


def test_a_restart_in_between_brings_back_what_was_saved(
    session: SshSession, clean: Simulated, driver: SshDriver, target: Target
) -> None:
    made(session, NEW)
    clean.sim.call(lambda _: clean.faults("pe3").reboot())
    again = driver.open(target, soon())
    assert again.standing(NEW, soon()) is Standing.BEFORE
    again.revert(NEW, "plan-1", soon())
    again.close()


def test_a_ping_passes_once_the_change_is_there_and_fails_when_nobody_answers(session: SshSession, clean: Simulated) -> None:
    ping = Check("ping", {"address": "10.0.0.1"})
    assert "0 received" in session.check(ping, soon()).detail
    made(session, NEW)
    assert session.check(ping, soon()).outcome == "passed"
    clean.sim.call(lambda _: clean.faults("pe3").inject(Fault("refuse", Phase.TEST, message="no answer", times=1)))
    assert session.check(ping, soon()).detail == "% no answer"
    session.revert(NEW, "plan-1", soon())
