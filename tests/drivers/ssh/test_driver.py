"""The command-line driver against a simulated element over real SSH."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from drivers.diff import change_set
from drivers.errors import EditRefused, ElementDisconnected, ElementTimeout, RevertFailed
from drivers.platform import load_platform
from drivers.port import ChangeSet, Standing, Target
from drivers.sim.faults import Fault, Phase
from drivers.ssh.driver import SshDriver
from drivers.ssh.session import SshSession
from tests.drivers.simulated import Simulated, soon

IOS = load_platform("ios")
ELEMENT = "pe2"
NEVER = timedelta(0)

INTERNET_ACCESS = """vlan 100
 name acme
interface GigabitEthernet0/1
 description Acme, 100% Ghent
 ip address 10.0.0.0 255.255.255.254
 ipv6 address 2001:DB8::/127
 rate-limit input 10000000
 no shutdown
router bgp 65000
 address-family ipv4
  network 10.0.0.0 mask 255.255.255.254
"""
L3VPN = """vrf definition ACME
 rd 65000:1
 address-family ipv4
  route-target export 65000:1
  route-target import 65000:1
interface GigabitEthernet0/2.200
 encapsulation dot1Q 200
 vrf forwarding ACME
 ip address 10.0.0.0 255.255.255.254
router bgp 65000
 address-family ipv4 vrf ACME
  network 10.0.0.0 mask 255.255.255.254
"""
PORT = "GigabitEthernet0/1"


def change(before: str, after: str, *ports: str) -> ChangeSet:
    return change_set(IOS, "pe2", before, after, ports)


NEW = change("", INTERNET_ACCESS, PORT)


@pytest.fixture
def session(driver: SshDriver, target: Target) -> Iterator[SshSession]:
    """A session, and an element that is as it was when the test ends (but for the shared `router bgp`)."""
    with_session = driver.open(target, soon())
    was = bare(with_session)
    yield with_session
    with_session.close()
    last = driver.open(target, soon())
    now = bare(last)
    last.close()
    assert now == was, "the test left something behind"


def bare(session: SshSession) -> str:
    return session._running(soon()).partition("hostname")[2].partition("router bgp")[0].removesuffix("end")


def commit(session: SshSession, change: ChangeSet) -> None:
    session.commit(change, "plan-1", NEVER, soon())


@pytest.mark.parametrize("text", [INTERNET_ACCESS, L3VPN], ids=["internet-access", "l3vpn"])
def test_a_change_takes_effect_at_commit_and_is_taken_back(session: SshSession, text: str) -> None:
    new = change("", text, PORT)
    session.lock(soon())
    session.stage(new, soon())
    assert session.standing(new, soon()) is Standing.BEFORE
    commit(session, new)
    session.extend("plan-1", NEVER, soon())
    assert session.verify(new, soon()).problems == ()
    session.confirm("plan-1", soon())
    session.save(soon())
    assert session.standing(new, soon()) is Standing.AFTER
    gone = new.inverted()
    commit(session, gone)
    assert session.verify(gone, soon()).problems == ()


def test_from_one_service_to_another_and_back(session: SshSession) -> None:
    commit(session, NEW)
    other = change(INTERNET_ACCESS, L3VPN, "GigabitEthernet0/2.200")
    session.stage(other, soon())
    commit(session, other)
    assert session.verify(other, soon()).problems == ()
    session.revert(other, "plan-1", soon())
    assert session.standing(NEW, soon()) is Standing.AFTER
    commit(session, NEW.inverted())


def test_committing_again_sends_nothing(session: SshSession) -> None:
    commit(session, NEW)
    commit(session, NEW)
    assert session.transcript == ""
    commit(session, NEW.inverted())


def test_a_refused_line_is_named_with_the_elements_words_and_all_is_undone(session: SshSession) -> None:
    bad = change("", INTERNET_ACCESS.replace("rate-limit input 10000000", "rate-limit input nonsense"), PORT)
    session.stage(bad, soon())
    with pytest.raises(EditRefused, match=r"pe2: line 8 of \d+, 'rate-limit input nonsense': % Invalid input"):
        commit(session, bad)
    assert "% Invalid input" in session.transcript
    assert session.standing(bad, soon()) is Standing.MIXED
    session.revert(bad, "plan-1", soon())
    assert session.standing(bad, soon()) is Standing.BEFORE


def test_what_the_change_overwrote_is_restored(session: SshSession) -> None:
    by_hand = change("", f"interface {PORT}\n description by hand\n ip address 192.0.2.1 255.255.255.0")
    commit(session, by_hand)
    ours = change("", f"interface {PORT}\n description Acme", PORT)
    ours = session.stage(ours, soon())
    commit(session, ours)
    session.revert(ours, "plan-1", soon())
    assert session.standing(by_hand, soon()) is Standing.AFTER
    commit(session, by_hand.inverted())


def test_what_the_change_overwrote_is_also_restored_by_another_session(
    driver: SshDriver, target: Target, session: SshSession
) -> None:
    by_hand = change("", f"interface {PORT}\n description by hand\n ip address 192.0.2.1 255.255.255.0")
    commit(session, by_hand)
    killed = driver.open(target, soon())
    journaled = killed.stage(NEW, soon())
    commit(killed, journaled)
    killed.close()
    session.revert(journaled, "plan-1", soon())
    assert session.standing(journaled.inverted(), soon()) is Standing.AFTER
    assert session.standing(by_hand, soon()) is Standing.AFTER
    commit(session, by_hand.inverted())


@pytest.mark.parametrize("there", ["switchport mode access", "switchport mode access\n switchport access vlan 7"])
def test_what_stood_there_already_does_not_keep_a_revert_from_being_whole(session: SshSession, there: str) -> None:
    existing = change("", f"vlan 7\n name seven\ninterface {PORT}\n {there}\n")
    commit(session, existing)
    new = change("", f"vlan 200\n name x\ninterface {PORT}\n switchport mode access\n switchport access vlan 200\n")
    new = session.stage(new, soon())
    assert session.standing(new, soon()) is Standing.BEFORE
    commit(session, new)
    assert session.standing(new, soon()) is Standing.AFTER
    session.revert(new, "plan-1", soon())
    assert session.standing(new, soon()) is Standing.BEFORE
    assert session.standing(existing, soon()) is Standing.AFTER
    commit(session, existing.inverted())


def test_a_change_that_was_there_already_as_a_whole_is_also_undone_already(session: SshSession) -> None:
    commit(session, NEW)
    there_already = session.stage(NEW, soon())
    assert there_already.empty
    commit(session, there_already)
    session.revert(there_already, "plan-1", soon())
    assert session.standing(there_already.inverted(), soon()) is Standing.AFTER
    commit(session, NEW.inverted())


def test_what_was_missing_before_a_delete_does_not_keep_its_revert_from_being_whole(session: SshSession) -> None:
    commit(session, NEW)
    commit(session, change(f"interface {PORT}\n rate-limit input 10000000\n", ""))
    gone = change(INTERNET_ACCESS, "")
    gone = session.stage(gone, soon())
    commit(session, gone)
    assert session.verify(gone, soon()).problems == ()
    session.revert(gone, "plan-1", soon())
    assert session.standing(gone, soon()) is Standing.BEFORE
    commit(session, gone)


def test_another_session_finishes_what_a_lost_one_began(
    clean: Simulated, driver: SshDriver, target: Target, session: SshSession
) -> None:
    half_applied(clean, driver, target)
    assert session.standing(NEW, soon()) is Standing.MIXED
    commit(session, NEW)
    assert session.verify(NEW, soon()).problems == ()
    commit(session, NEW.inverted())


def test_another_session_undoes_what_a_lost_one_began(
    clean: Simulated, driver: SshDriver, target: Target, session: SshSession
) -> None:
    half_applied(clean, driver, target)
    session.revert(NEW, "plan-1", soon())
    assert session.standing(NEW, soon()) is Standing.BEFORE


def half_applied(clean: Simulated, driver: SshDriver, target: Target) -> None:
    """The connection breaks in the middle of the lines."""
    refused = NEW.forward.replace("network 10.0.0.0 mask", "network 10.0.0.0 musk")
    lost = driver.open(target, soon())
    with pytest.raises(EditRefused, match="musk"):
        lost._push(refused, soon())
    clean.sim.call(lambda _: clean.faults("pe2").disconnect(Phase.READ))
    with pytest.raises(ElementDisconnected):
        lost.standing(NEW, soon())
    lost.abort(soon())
    lost.close()


def test_a_lost_connection_is_told_at_once(clean: Simulated, driver: SshDriver, target: Target) -> None:
    lost = driver.open(target, soon())
    clean.sim.call(lambda _: clean.faults("pe2").disconnect(Phase.READ))
    with pytest.raises(ElementDisconnected, match="show running-config"):
        lost.standing(NEW, soon(60))
    lost.close()
    fresh = driver.open(target, soon())
    assert fresh.standing(NEW, soon()) is Standing.BEFORE
    fresh.close()


def test_no_answer_is_a_time_out_and_ends_the_session(clean: Simulated, driver: SshDriver, target: Target) -> None:
    slow = driver.open(target, soon())
    clean.sim.call(lambda _: clean.faults("pe2").hang(Phase.READ, 30))
    with pytest.raises(ElementTimeout, match="show running-config"):
        slow.standing(NEW, soon(0.3))
    assert not slow._shell.alive
    slow.close()


def test_a_session_that_cannot_leave_configuration_is_not_used_again(clean: Simulated, driver: SshDriver, target: Target) -> None:
    session = driver.open(target, soon())
    session.stage(NEW, soon())
    clean.sim.call(lambda _: clean.faults("pe2").inject(Fault("refuse", Phase.COMMIT, times=1)))
    session.commit(NEW, "plan-1", NEVER, soon())
    with pytest.raises(ElementDisconnected):
        session.verify(NEW, soon())
    session.close()
    again = driver.open(target, soon())
    again.revert(NEW, "plan-1", soon())
    assert again.standing(NEW, soon()) is Standing.BEFORE
    again.close()


def test_a_port_that_does_not_exist_is_refused_before_anything_is_sent(session: SshSession) -> None:
    odd = change("", "interface GigabitEthernet9/9\n description Acme", "GigabitEthernet9/9")
    with pytest.raises(EditRefused, match="pe2: no such port: GigabitEthernet9/9"):
        session.stage(odd, soon())
    assert session.verify(odd, soon()).problems[-1] == "port GigabitEthernet9/9 does not exist"


def test_a_refused_look_is_neither_an_empty_configuration_nor_a_missing_port(clean: Simulated, session: SshSession) -> None:
    session.stage(NEW, soon())
    session.commit(NEW, "", NEVER, soon())
    refused = Fault("refuse", Phase.READ, message="Command authorization failed", times=1)
    looks: list[Callable[[], object]] = [
        lambda: session.stage(NEW, soon()),
        lambda: session.verify(NEW, soon()),
        lambda: session.standing(NEW, soon()),
        lambda: session.revert(NEW, "", soon()),
    ]
    for look in looks:
        clean.sim.call(lambda _: clean.faults("pe2").inject(refused))
        with pytest.raises(EditRefused, match=r"pe2: 'show .*: .*Command authorization failed"):
            look()
    session.revert(NEW, "", soon())
    assert session.standing(NEW, soon()) is Standing.BEFORE


def test_a_sub_interface_that_the_change_makes_need_not_exist_before(session: SshSession) -> None:
    session.stage(change("", L3VPN, "GigabitEthernet0/2.200"), soon())


def test_a_port_that_is_down_is_found_by_verify(clean: Simulated, session: SshSession) -> None:
    clean.sim.call(lambda network: network.plug("pe2", PORT, plugged=False))
    try:
        commit(session, NEW)
        assert session.verify(NEW, soon()).problems == (f"port {PORT} is down",)
        commit(session, NEW.inverted())
    finally:
        clean.sim.call(lambda network: network.plug("pe2", PORT, plugged=True))


def test_a_question_mark_is_refused_before_anything_is_sent(session: SshSession) -> None:
    with pytest.raises(EditRefused, match=r"'description really\?' cannot be typed"):
        session.stage(change("", f"interface {PORT}\n description really?"), soon())


def test_a_refused_reverse_leaves_the_element_in_doubt(clean: Simulated, session: SshSession) -> None:
    commit(session, NEW)
    clean.sim.call(lambda _: clean.faults("pe2").refuse_edit("hands off"))
    with pytest.raises(RevertFailed, match="hands off"):
        session.revert(NEW, "plan-1", soon())
    session.revert(NEW, "plan-1", soon())
    assert session.standing(NEW, soon()) is Standing.BEFORE


def test_a_refused_save_is_told(clean: Simulated, session: SshSession) -> None:
    clean.sim.call(lambda _: clean.faults("pe2").inject(Fault("refuse", Phase.SAVE, message="disk full", times=1)))
    with pytest.raises(EditRefused, match="saving the configuration, 'write memory': % disk full"):
        session.save(soon())


def test_a_session_is_used_again(driver: SshDriver, target: Target) -> None:
    first = driver.open(target, soon())
    shell = first._shell
    first.close()
    again = driver.open(target, soon())
    assert again._shell is shell
    again.close()


def test_there_is_no_session_to_end(driver: SshDriver, target: Target) -> None:
    driver.end_session(target, "", soon())
