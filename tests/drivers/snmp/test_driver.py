"""The SNMP driver through every phase of the port, over real sockets."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest

from drivers.diff import objects
from drivers.errors import (
    AuthenticationRefused,
    EditRefused,
    ElementDisconnected,
    ElementLocked,
    ElementTimeout,
    RevertFailed,
)
from drivers.port import ChangeSet, Check, Credential, Standing, Target
from drivers.sim.faults import Fault, Phase
from drivers.sim.state import Vlan
from drivers.snmp.driver import Reading, SnmpDriver, SnmpSession
from drivers.snmp.errors import NoSuchObject
from tests.drivers.snmp.conftest import V2C, V3, Lab

AFTER = """\
vlans: {100: {name: acme, tagged: [110], untagged: [103]}}
pvid: {103: 100}
alias: {103: "Acme, Ghent"}
admin: {103: up}
"""
HALF_MINUTE = timedelta(seconds=30)


def change(after: str = AFTER, before: str = "", ports: tuple[str, ...] = ("ge3", "ge10")) -> ChangeSet:
    forward, reverse = objects.forward(before, after), objects.forward(after, before)
    return ChangeSet("acc1", "qbridge", before, after, forward, reverse, ports)


@contextmanager
def opened(target: Target) -> Iterator[SnmpSession]:
    session = SnmpDriver().open(target, time.monotonic() + 60)
    try:
        yield session
    finally:
        session.close()


@pytest.mark.parametrize("credential", [V2C, V3], ids=["v2c", "v3"])
def test_a_change_is_committed_verified_and_reverted_without_a_trace(lab: Lab, credential: Credential, soon: float) -> None:
    lab.state.vlans[200] = Vlan(200, "others", {101, 110}, {101})
    with opened(lab.target(credential)) as session:
        assert session.standing(change(), soon) is Standing.BEFORE
        session.lock(soon)
        session.stage(change(), soon)
        assert lab.state.vlans.keys() == {1, 200}
        session.commit(change(), "plan-1", HALF_MINUTE, soon)
        assert lab.state.vlans[100] == Vlan(100, "acme", {103, 110}, {103})
        assert lab.state.ports["ge3"].alias == "Acme, Ghent"
        assert session.verify(change(), soon).problems == ()
        assert session.standing(change(), soon) is Standing.AFTER
        session.confirm("plan-1", soon)
        session.save(soon)
        session.revert(change(), "plan-1", soon)
        assert session.standing(change(), soon) is Standing.BEFORE
        assert lab.state.vlans == {1: Vlan(1, "default"), 200: Vlan(200, "others", {101, 110}, {101})}
        assert (lab.state.ports["ge3"].alias, lab.state.ports["ge3"].pvid) == ("", 1)


def test_the_whole_change_is_one_set(lab: Lab, soon: float) -> None:
    with opened(lab.target()) as session:
        session.lock(soon)
        session.commit(change(), "p", HALF_MINUTE, soon)
        assert "6 objects in 1 SET" in session.transcript
        session.commit(change(), "p", HALF_MINUTE, soon)
        assert session.transcript.endswith("nothing")


def test_a_second_revert_sets_nothing(lab: Lab, soon: float) -> None:
    with opened(lab.target()) as session:
        session.commit(change(), "p", HALF_MINUTE, soon)
        session.revert(change(), "p", soon)
        session.revert(change(), "p", soon)
        assert session.transcript.endswith("nothing")


def test_a_later_session_reverts_from_the_stored_reverse(lab: Lab, soon: float) -> None:
    with opened(lab.target()) as first:
        first.commit(change(), "p", HALF_MINUTE, soon)
    with opened(lab.target()) as recovery:
        recovery.revert(change(), "p", soon)
        assert recovery.standing(change(), soon) is Standing.BEFORE
    assert lab.state.vlans == {1: Vlan(1, "default")}


def test_what_the_change_overwrote_is_restored_by_a_later_session(lab: Lab, soon: float) -> None:
    port = lab.state.ports["ge3"]
    lab.loop.call(lambda: lab.state.describe("ge3", "by hand"))
    lab.loop.call(lambda: lab.state.set_admin(port, up=False))
    lab.state.vlans[7], port.pvid = Vlan(7, "seven", {103}, {103}), 7
    with opened(lab.target()) as killed:
        journaled = killed.stage(change(), soon)
        killed.commit(journaled, "p", HALF_MINUTE, soon)
    assert (port.alias, port.pvid, port.admin_up) == ("Acme, Ghent", 100, True)
    with opened(lab.target()) as recovery:
        recovery.revert(journaled, "p", soon)
        assert recovery.standing(journaled.inverted(), soon) is Standing.AFTER
    assert (port.alias, port.pvid, port.admin_up) == ("by hand", 7, False)


def test_a_port_is_asked_as_a_service_test_and_nothing_else_can_be(lab: Lab, soon: float) -> None:
    with opened(lab.target()) as session:
        asked = [Check("interface", {"port": "ge3"}), Check("interface", {"port": "ge77"}), Check("ping", {"address": "10.0.0.1"})]
        assert [session.check(check, soon).outcome for check in asked] == ["passed", "failed", "unsupported"]
        assert session.check(Check("interface", {}), soon).detail == "it needs port"


def test_a_vlan_that_gained_others_members_stays_with_them(lab: Lab, soon: float) -> None:
    with opened(lab.target()) as session:
        session.commit(change(), "p", HALF_MINUTE, soon)
        lab.state.vlans[100].egress.add(107)
        session.revert(change(), "p", soon)
        assert session.verify(change().inverted(), soon).problems == ()
    assert lab.state.vlans[100] == Vlan(100, "acme", {107})


def test_an_element_half_changed_stands_mixed(lab: Lab, soon: float) -> None:
    with opened(lab.target()) as session:
        session.commit(change(), "p", HALF_MINUTE, soon)
        lab.state.ports["ge3"].pvid = 1
        assert session.standing(change(), soon) is Standing.MIXED
        assert session.verify(change(), soon).missing == ("port 103: pvid 100",)


def test_ports_that_are_down_or_absent_are_told(lab: Lab, soon: float) -> None:
    with opened(lab.target()) as session:
        session.commit(change(), "p", HALF_MINUTE, soon)
        lab.loop.call(lambda: lab.state.set_carrier(lab.state.ports["ge3"], up=False))
        problems = session.verify(change(ports=("ge3", "ge10", "ge77")), soon).problems
    assert problems == ("port ge3 is down", "port ge77 does not exist")


def test_a_locked_out_worker_can_no_longer_set_anything(lab: Lab, soon: float) -> None:
    with opened(lab.target()) as stale, opened(lab.target()) as successor:
        stale.lock(soon)
        successor.lock(soon)
        for _ in range(2):
            with pytest.raises(ElementLocked, match="another manager took over"):
                stale.commit(change(), "p", HALF_MINUTE, soon)
        assert lab.state.vlans == {1: Vlan(1, "default")}
        successor.commit(change(), "p", HALF_MINUTE, soon)
        with pytest.raises(ElementLocked, match="another manager took over"):
            stale.revert(change(), "p", soon)
        assert lab.state.vlans[100] == Vlan(100, "acme", {103, 110}, {103})


@pytest.mark.parametrize("phase", [Phase.COMMIT, Phase.AFTER_COMMIT], ids=["request lost", "answer lost"])
def test_a_set_without_an_answer_ends_applied_once(lab: Lab, phase: Phase, soon: float) -> None:
    with opened(lab.target()) as session:
        session.lock(soon)
        lab.loop.call(lambda: lab.faults.inject(Fault("disconnect", phase, times=1)))
        session.commit(change(), "p", HALF_MINUTE, soon)
        assert session.verify(change(), soon).problems == ()


def test_a_refusal_is_final_in_the_elements_words_and_changes_nothing(lab: Lab, soon: float) -> None:
    with opened(lab.target()) as session:
        session.lock(soon)
        lab.loop.call(lambda: lab.faults.inject(Fault("refuse", Phase.EDIT, times=1)))
        with pytest.raises(EditRefused, match="acc1: genErr") as refused:
            session.commit(change(), "p", HALF_MINUTE, soon)
        assert not refused.value.transient
        assert session.standing(change(), soon) is Standing.BEFORE


def test_a_refused_reverse_leaves_the_element_in_doubt(lab: Lab, soon: float) -> None:
    with opened(lab.target()) as session:
        session.commit(change(), "p", HALF_MINUTE, soon)
        lab.loop.call(lambda: lab.faults.inject(Fault("refuse", Phase.EDIT, times=1)))
        with pytest.raises(RevertFailed, match="the reverse was refused: genErr"):
            session.revert(change(), "p", soon)


@pytest.mark.parametrize(
    ("after", "error", "said"),
    [
        ("alias: {999: x}", NoSuchObject, "no port with ifIndex 999"),
        ("vlans: {5: {tagged: [998]}}", NoSuchObject, "no port with ifIndex 998"),
        ("admin: {103: sideways}", EditRefused, "neither up nor down"),
    ],
)
def test_what_cannot_work_is_refused_while_staging(lab: Lab, after: str, error: type[Exception], said: str, soon: float) -> None:
    wrong = ChangeSet("acc1", "qbridge", "", after, "[]", "[]")
    with opened(lab.target()) as session, pytest.raises(error, match=said):
        session.stage(wrong, soon)


def test_a_silent_element_costs_no_more_than_the_deadline(lab: Lab) -> None:
    with opened(lab.target()) as session:
        lab.loop.call(lambda: lab.faults.inject(Fault("snmp_silent")))
        started = time.monotonic()
        with pytest.raises(ElementTimeout, match="did not answer in time"):
            session.standing(change(), started + 0.3)
        assert time.monotonic() - started < 20


def test_nobody_is_asked_again_after_the_deadline() -> None:
    """Questions are repeated every second: how many come tells how long was waited, however slow the machine is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        target = Target("acc1", "qbridge", "snmp", *silent.getsockname(), V2C)
        with pytest.raises(ElementTimeout, match="did not answer in time"):
            SnmpDriver().open(target, time.monotonic() + 0.3)
        assert waiting(silent) <= 2, "the second one only where the first second was over before anybody looked at the deadline"


def waiting(receiver: socket.socket) -> int:
    """Datagrams that have come."""
    receiver.setblocking(False)
    count = 0
    with suppress(BlockingIOError):
        while receiver.recv(65_535):
            count += 1
    return count


@pytest.mark.parametrize(
    ("credential", "said"),
    [
        (Credential("r", username="nobody", auth_key="x" * 8, priv_key="x" * 8), "refused credential r"),
        (Credential("r", username=V3.username, auth_key="wrong-key", priv_key=V3.priv_key), "refused credential r"),
        (Credential("r"), "neither a community"),
        (Credential("r", username="u", auth_key="short", priv_key="x" * 8), "at least 8 characters"),
        (Credential("r", username="u", auth_protocol="sha3", auth_key="x" * 8, priv_key="x" * 8), "unknown auth protocol sha3"),
    ],
)
def test_credentials_that_do_not_serve_are_refused_without_showing_them(lab: Lab, credential: Credential, said: str) -> None:
    with pytest.raises(AuthenticationRefused, match=said) as refused, opened(lab.target(credential)):
        pytest.fail("a session was opened")
    assert "x" * 8 not in str(refused.value)
    assert "wrong-key" not in str(refused.value)


def test_a_wrong_community_times_out_and_says_so(lab: Lab) -> None:
    with pytest.raises(ElementTimeout, match=r"a wrong community \(credential r\) looks the same"):
        SnmpDriver().open(lab.target(Credential("r", community="wrong")), time.monotonic() + 0.3)


@pytest.mark.parametrize("ran_s", [0.0, 5.0, 4e7], ids=["just before", "for a while", "for more than a year"])
def test_an_element_that_restarted_meanwhile_is_not_taken_for_saved(lab: Lab, ran_s: float, soon: float) -> None:
    """What came before the restart may be gone, and no datagram tells of it."""
    lab.state.booted_at = time.monotonic() - 100 - ran_s
    with opened(lab.target()) as session:
        session.save(soon)
        lab.state.reboot()
        with pytest.raises(ElementDisconnected, match="acc1: its sysUpTime says that it restarted within the last 0 s"):
            session.save(soon)
    with opened(lab.target()) as session:
        session.save(soon)


def test_an_uptime_that_begins_anew_by_itself_is_no_restart(lab: Lab, soon: float) -> None:
    """It has 32 bits: that is every 497 days."""
    lab.state.booted_at = time.monotonic() - (2**32 - 10) / 100
    with opened(lab.target()) as session:
        until = time.monotonic() + 60
        while lab.state.uptime() > 1000:
            assert time.monotonic() < until
        session.save(soon)


@pytest.mark.parametrize(
    ("first", "last", "follows"),
    [
        ((0.0, 0.1, 5000), (10.0, 10.1, 6000), True),
        ((0.0, 0.1, 5000), (10.0, 10.1, 5850), True),  # within what clocks may differ by
        ((0.0, 0.1, 5000), (10.0, 10.1, 5500), False),
        ((0.0, 0.1, 5000), (10.0, 10.1, 900), False),
        ((0.0, 0.1, 5000), (3600.0, 3600.1, 5000 + 355_000), True),
        ((0.0, 9.0, 5000), (10.0, 20.0, 5200), True),  # answers that this machine was late to read
        ((0.0, 9.0, 5900), (10.0, 20.0, 7800), True),
        ((0.0, 0.1, 2**32 - 500), (10.0, 10.1, 500), True),
        ((0.0, 0.1, 2**32 - 500), (10.0, 10.1, 100), False),
    ],
)
def test_an_uptime_follows_another_when_the_element_ran_all_the_time(first, last, follows) -> None:
    assert Reading(*last).follows(Reading(*first)) is follows
