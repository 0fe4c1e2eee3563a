"""The NETCONF driver against a simulated element over real SSH."""

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from statistics import median

import pytest

from drivers.diff import change_set
from drivers.errors import (
    EditRefused,
    ElementDisconnected,
    ElementLocked,
    ElementTimeout,
    PlatformUnsupported,
    RevertFailed,
    VerificationFailed,
)  # fmt: skip
from drivers.netconf import rpc
from drivers.netconf.client import Client, Posted
from drivers.netconf.driver import NetconfDriver
from drivers.netconf.session import NetconfSession
from drivers.platform import load_platform
from drivers.port import ChangeSet, Standing, Target
from drivers.sim.faults import Fault, Phase
from drivers.timing import remaining
from tests.drivers.simulated import Simulated, soon

IETF = load_platform("ietf")
MINUTE = timedelta(minutes=1)


def internet_access(port: str = "ge-0/0/1", description: str = "Acme", address: str = "10.0.0.0") -> str:
    return f"""<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"><interface>
      <name>{port}</name><description>{description}</description>
      <type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type><enabled>true</enabled>
      <ipv4 xmlns="urn:ietf:params:xml:ns:yang:ietf-ip"><address>
        <ip>{address}</ip><prefix-length>31</prefix-length></address></ipv4></interface></interfaces>"""


def change(before: str, after: str, port: str = "ge-0/0/1") -> ChangeSet:
    return change_set(IETF, "pe1", before, after, [port])


NEW = change("", internet_access())


@pytest.fixture
def driver() -> Iterator[NetconfDriver]:
    found = NetconfDriver()
    yield found
    found.close()


@pytest.fixture
def target(clean: Simulated) -> Target:
    return clean.target("pe1")


@pytest.fixture
def session(driver: NetconfDriver, target: Target) -> Iterator[NetconfSession]:
    """A session, and an element that is as it was when the test ends."""
    with_session = driver.open(target, soon())
    was = running(with_session)
    yield with_session
    with_session.close()
    last = driver.open(target, soon())
    now = running(last)
    last.close()
    assert now == was, "the test left something behind"


def running(session: NetconfSession) -> str:
    return stored(session, "running")


def stored(session: NetconfSession, datastore: str) -> str:
    everything = '<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"/>'
    return rpc.data(session._client.request(rpc.get_config(datastore, everything), soon()))


def committed(session: NetconfSession, change: ChangeSet, persist: str = "plan-1", timeout: timedelta = MINUTE) -> None:
    session.lock(soon())
    session.stage(change, soon())
    session.commit(change, persist, timeout, soon())


def confirmed(session: NetconfSession, change: ChangeSet) -> None:
    committed(session, change)
    session.confirm("plan-1", soon())
    session.abort(soon())


def test_staging_is_invisible(session: NetconfSession) -> None:
    session.lock(soon())
    session.stage(NEW, soon())
    assert session.standing(NEW, soon()) is Standing.BEFORE
    session.abort(soon())


def test_a_change_is_committed_verified_confirmed_saved_and_taken_back(session: NetconfSession) -> None:
    committed(session, NEW)
    assert session.verify(NEW, soon()).problems == ()
    session.extend("plan-1", MINUTE, soon())
    session.confirm("plan-1", soon())
    session.save(soon())
    session.abort(soon())
    assert session.standing(NEW, soon()) is Standing.AFTER
    confirmed(session, change(internet_access(), ""))
    assert session.standing(NEW, soon()) is Standing.BEFORE


@pytest.fixture
def sent(session: NetconfSession, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What leaves in one breath."""
    breaths: list[list[str]] = []
    post = session._client.post

    def heard(operations: Sequence[rpc.Operation], deadline: float) -> Posted:
        breaths.append([operation.name for operation in operations])
        return post(operations, deadline)

    monkeypatch.setattr(session._client, "post", heard)
    return breaths


def test_what_waits_for_no_answer_leaves_in_one_breath(
    session: NetconfSession, sent: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivers.netconf.session.FRESH", 600.0)  # however long this machine is away between commit and verify
    session.verify(NEW, soon())  # finds out that it serves the states of ports
    sent.clear()
    committed(session, NEW)
    assert session.verify(NEW, soon()).problems == ()
    session.confirm("plan-1", soon())
    session.save(soon())
    session.abort(soon())
    assert sent == [
        ["lock", "lock"],
        ["discard-changes", "edit-config"],
        ["commit", "get-config", "get"],
        ["commit", "copy-config", "discard-changes", "unlock", "unlock"],
    ]
    confirmed(session, NEW.inverted())


def test_what_was_read_with_the_commit_is_read_again_after_a_while(
    session: NetconfSession, sent: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivers.netconf.session.FRESH", 0.0)
    committed(session, NEW)
    sent.clear()
    assert session.verify(NEW, soon()).missing == ()
    assert sent[0] == ["get-config"]
    session.revert(NEW, "plan-1", soon())
    session.abort(soon())


def test_answers_that_nobody_asks_for_any_more_are_passed_over(session: NetconfSession) -> None:
    committed(session, NEW)  # what was to be read back is left
    session.revert(NEW, "plan-1", soon())
    session.abort(soon())
    assert session.standing(NEW, soon()) is Standing.BEFORE
    assert session._client._exchange._due == {}


def test_an_answer_missing_when_it_is_read_back_leaves_the_commit_made(
    clean: Simulated, driver: NetconfDriver, target: Target, session: NetconfSession
) -> None:
    silent = driver.open(target, soon())
    silent.lock(soon())
    silent.stage(NEW, soon())
    clean.sim.call(lambda _: clean.faults("pe1").slow(30, Phase.READ))
    silent.commit(NEW, "plan-1", MINUTE, soon())
    with pytest.raises(ElementTimeout, match="<get-config>"):
        silent.verify(NEW, soon(0.1))
    silent.close()
    clean.sim.call(lambda _: clean.faults("pe1").clear())
    assert session.standing(NEW, soon()) is Standing.AFTER
    reverted_when_free(session)


def reverted_when_free(session: NetconfSession) -> None:
    """An element may take a moment to notice that the session that has its locks is gone."""
    deadline = soon()
    while True:
        try:
            session.revert(NEW, "plan-1", soon())
            return session.abort(soon())
        except ElementLocked:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_confirming_twice_is_harmless(session: NetconfSession) -> None:
    confirmed(session, NEW)
    session.confirm("plan-1", soon())
    confirmed(session, NEW.inverted())


def test_a_pending_commit_is_reverted(session: NetconfSession) -> None:
    committed(session, NEW)
    session.revert(NEW, "plan-1", soon())
    session.abort(soon())
    assert session.standing(NEW, soon()) is Standing.BEFORE


def test_a_confirmed_commit_is_reverted(session: NetconfSession) -> None:
    confirmed(session, NEW)
    session.revert(NEW, "plan-1", soon())
    session.abort(soon())
    assert session.standing(NEW, soon()) is Standing.BEFORE


def test_reverting_what_never_happened_is_harmless(session: NetconfSession) -> None:
    session.revert(NEW, "plan-1", soon())
    assert session.standing(NEW, soon()) is Standing.BEFORE


def died_pending(driver: NetconfDriver, target: Target) -> None:
    """A commit is pending, and what its session held is ended as a takeover does it."""
    dead = driver.open(target, soon())
    committed(dead, NEW)
    dead._client.end()
    dead.close()
    driver.end_session(target, dead.session_id, soon())


def test_another_session_reverts_what_a_dead_one_left_pending(
    driver: NetconfDriver, target: Target, session: NetconfSession
) -> None:
    died_pending(driver, target)
    assert session.standing(NEW, soon()) is Standing.AFTER
    session.revert(NEW, "plan-1", soon())
    session.abort(soon())
    assert session.standing(NEW, soon()) is Standing.BEFORE


def test_a_commit_that_waits_is_withdrawn_by_its_name_and_by_no_other(
    driver: NetconfDriver, target: Target, session: NetconfSession
) -> None:
    died_pending(driver, target)
    session.withdraw("plan-2", soon())
    assert session.standing(NEW, soon()) is Standing.AFTER
    session.withdraw("plan-1", soon())
    assert session.standing(NEW, soon()) is Standing.BEFORE
    session.withdraw("plan-1", soon())


def test_another_session_confirms_what_a_dead_one_left_pending(
    driver: NetconfDriver, target: Target, session: NetconfSession
) -> None:
    died_pending(driver, target)
    session.confirm("plan-1", soon())
    assert session.standing(NEW, soon()) is Standing.AFTER
    confirmed(session, NEW.inverted())


def test_an_expired_commit_cannot_be_confirmed_and_says_so(session: NetconfSession) -> None:
    committed(session, NEW, timeout=timedelta(seconds=1))
    limit = soon()
    while session.standing(NEW, soon()) is not Standing.BEFORE:
        assert time.monotonic() < limit
    with pytest.raises(VerificationFailed, match="has undone it"):
        session.confirm("plan-1", soon())
    session.revert(NEW, "plan-1", soon())
    session.abort(soon())


@pytest.mark.parametrize("taken_over", [False, True])
def test_a_refused_confirmation_is_told_and_can_be_tried_again(
    clean: Simulated, driver: NetconfDriver, target: Target, session: NetconfSession, *, taken_over: bool
) -> None:
    if taken_over:
        died_pending(driver, target)
    else:
        committed(session, NEW)
    clean.faults("pe1").inject(Fault("refuse", Phase.CONFIRM, times=1))
    with pytest.raises(EditRefused, match="refused by fault injection"):
        session.confirm("plan-1", soon())
    session.confirm("plan-1", soon())
    session.save(soon())
    assert stored(session, "startup") == running(session)  # also what was saved with the refused one
    other = driver.open(target, soon())
    other.lock(soon())
    other.close()
    confirmed(session, NEW.inverted())


def refused_and_saved(clean: Simulated, driver: NetconfDriver, target: Target) -> None:
    """The element has refused to confirm, and carried out what was said with it: what it starts with has the change already."""
    session = driver.open(target, soon())
    committed(session, NEW)
    clean.faults("pe1").inject(Fault("refuse", Phase.CONFIRM, times=1))
    with pytest.raises(EditRefused, match="refused by fault injection"):
        session.confirm("plan-1", soon())
    session.close()


def test_rebooted_after_a_refused_confirmation_it_has_what_was_decided(
    clean: Simulated, driver: NetconfDriver, target: Target
) -> None:
    refused_and_saved(clean, driver, target)
    driver.close()  # else the session that is kept may be taken up before the reboot's end of it has come
    clean.sim.call(lambda network: network.reboot("pe1"))
    session = driver.open(target, soon())
    assert session.standing(NEW, soon()) is Standing.AFTER
    session.confirm("plan-1", soon())
    session.save(soon())
    assert stored(session, "startup") == running(session)
    confirmed(session, NEW.inverted())
    session.close()


def test_expired_after_a_refused_confirmation_it_is_pushed_again_and_what_is_stored_is_what_runs(
    clean: Simulated, driver: NetconfDriver, target: Target, session: NetconfSession
) -> None:
    refused_and_saved(clean, driver, target)
    session._client.request(rpc.cancel_commit("plan-1"), soon())  # what an expiry does, without the wait
    assert session.standing(NEW, soon()) is Standing.BEFORE
    assert stored(session, "startup") != running(session), "a reboot now would bring what was decided, only sooner"
    confirmed(session, NEW)
    session.save(soon())
    assert stored(session, "startup") == running(session)
    confirmed(session, NEW.inverted())


def test_reverted_by_an_operator_after_a_refused_confirmation_nothing_of_it_is_stored(
    clean: Simulated, driver: NetconfDriver, target: Target, session: NetconfSession
) -> None:
    refused_and_saved(clean, driver, target)
    session.revert(NEW, "plan-1", soon())
    session.save(soon())
    assert session.standing(NEW, soon()) is Standing.BEFORE
    assert stored(session, "startup") == running(session)


def test_only_ours_is_removed_where_somebody_else_configures_the_same_port(session: NetconfSession) -> None:
    theirs = internet_access(description="by hand", address="172.16.0.0")
    by_hand = change("", theirs)
    confirmed(session, by_hand)
    ours = change("", internet_access())
    confirmed(session, ours)
    confirmed(session, ours.inverted())
    assert "172.16.0.0" in running(session)
    assert "10.0.0.0" not in running(session)
    confirmed(session, by_hand.inverted())


def test_a_port_that_does_not_exist_is_found_by_verify(session: NetconfSession) -> None:
    odd = change("", internet_access("ge-9/9/9"), "ge-9/9/9")
    committed(session, odd)
    assert session.verify(odd, soon()).problems == ("port ge-9/9/9 does not exist",)
    session.revert(odd, "plan-1", soon())
    session.abort(soon())


def test_a_port_that_is_down_is_found_by_verify(clean: Simulated, session: NetconfSession) -> None:
    clean.sim.call(lambda network: network.plug("pe1", "ge-0/0/1", plugged=False))
    try:
        committed(session, NEW)
        assert session.verify(NEW, soon()).problems == ("port ge-0/0/1 is down",)
        session.revert(NEW, "plan-1", soon())
        session.abort(soon())
    finally:
        clean.sim.call(lambda network: network.plug("pe1", "ge-0/0/1", plugged=True))


def test_what_is_not_there_is_named_by_verify(session: NetconfSession) -> None:
    assert "interfaces/interface[ge-0/0/1]/description = Acme" in session.verify(NEW, soon()).missing


def test_what_is_still_there_is_named_by_verify(session: NetconfSession) -> None:
    confirmed(session, NEW)
    gone = NEW.inverted()
    assert "interfaces/interface[ge-0/0/1]" in session.verify(gone, soon()).leftover
    confirmed(session, gone)


def test_the_elements_own_words_reach_the_error_and_the_transcript(session: NetconfSession) -> None:
    session.lock(soon())
    with pytest.raises(EditRefused, match=r"pe1: .*10\.0\.0\.999"):
        session.stage(change("", internet_access(address="10.0.0.999")), soon())
    assert "10.0.0.999" in session.transcript
    session.abort(soon())


def test_several_refusals_are_all_told(session: NetconfSession) -> None:
    session.lock(soon())
    bad = internet_access(address="x").replace("<description>", "<nope>1</nope><description>")
    with pytest.raises(EditRefused, match=r"nope.*; .*not an IPv4"):
        session.stage(change("", bad), soon())
    session.abort(soon())


@pytest.mark.parametrize("lacking", [":candidate", ":confirmed-commit:1.1"])
def test_a_server_that_cannot_take_part_is_refused_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, session: NetconfSession, lacking: str
) -> None:
    offers = session._client.has
    monkeypatch.setattr(session._client, "has", lambda capability: capability != lacking and offers(capability))
    with pytest.raises(PlatformUnsupported, match=r"pe1: the element does not offer .*; correct its platform"):
        session.stage(NEW, soon())
    assert session.transcript == ""


def test_who_holds_the_lock_is_named(driver: NetconfDriver, target: Target, session: NetconfSession) -> None:
    session.lock(soon())
    other = driver.open(target, soon())
    with pytest.raises(ElementLocked, match=f"session {session.session_id} holds it") as caught:
        other.lock(soon())
    assert caught.value.session == session.session_id
    session.abort(soon())
    other.lock(soon())
    other.abort(soon())
    other.close()


def test_ending_a_session_frees_what_it_held(driver: NetconfDriver, target: Target, session: NetconfSession) -> None:
    other = driver.open(target, soon())
    other.lock(soon())
    driver.end_session(target, other.session_id, soon())
    session.lock(soon())
    session.abort(soon())
    with pytest.raises(ElementDisconnected):
        other.standing(NEW, soon())
    other.abort(soon())
    other.close()


@pytest.mark.parametrize("gone", ["", "4711"])
def test_ending_a_session_that_is_gone_is_harmless(driver: NetconfDriver, target: Target, gone: str) -> None:
    driver.end_session(target, gone, soon())


def test_a_session_is_used_again_without_the_locks_it_had(driver: NetconfDriver, target: Target) -> None:
    first = driver.open(target, soon())
    first.lock(soon())
    first.stage(NEW, soon())
    first.close()
    again = driver.open(target, soon())
    assert again.session_id == first.session_id
    again.lock(soon())
    assert again.standing(NEW, soon()) is Standing.BEFORE
    again.abort(soon())
    again.close()


def test_no_answer_is_a_time_out_and_ends_the_session(
    clean: Simulated, driver: NetconfDriver, target: Target, session: NetconfSession
) -> None:
    clean.sim.call(lambda _: clean.faults("pe1").hang(Phase.READ, 30))
    other = driver.open(target, soon())
    name = other.session_id
    with pytest.raises(ElementTimeout, match="<get-config>"):
        other.standing(NEW, soon(0.3))
    other.close()
    clean.sim.call(lambda _: clean.faults("pe1").clear())
    fresh = driver.open(target, soon())
    assert fresh.session_id != name
    assert fresh.standing(NEW, soon()) is Standing.BEFORE
    fresh.close()
    assert session.standing(NEW, soon()) is Standing.BEFORE


def test_a_deadline_that_passes_before_netconf_is_begun_with_is_a_time_out(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.netconf.client.remaining", lambda element, _, what: remaining(element, 0.0, what))
    with pytest.raises(ElementTimeout, match="to start NETCONF"):
        Client.connect(target, soon())


def test_a_deadline_in_the_past_asks_nothing(session: NetconfSession) -> None:
    with pytest.raises(ElementTimeout, match="deadline has passed"):
        session.standing(NEW, time.monotonic() - 1)


@pytest.mark.parametrize("phase", [Phase.COMMIT, Phase.AFTER_COMMIT])
def test_a_connection_lost_in_the_commit_is_told_and_another_session_reverts(
    clean: Simulated, driver: NetconfDriver, target: Target, session: NetconfSession, phase: Phase
) -> None:
    lost = driver.open(target, soon())
    lost.lock(soon())
    lost.stage(NEW, soon())
    clean.sim.call(lambda _: clean.faults("pe1").disconnect(phase))
    with pytest.raises(ElementDisconnected, match="<commit>"):
        lost.commit(NEW, "plan-1", MINUTE, soon())
    lost.abort(soon())
    lost.close()
    driver.end_session(target, lost.session_id, soon())
    session.revert(NEW, "plan-1", soon())
    session.abort(soon())
    assert session.standing(NEW, soon()) is Standing.BEFORE


def test_a_refused_reverse_leaves_the_element_in_doubt(clean: Simulated, session: NetconfSession) -> None:
    confirmed(session, NEW)
    clean.sim.call(lambda _: clean.faults("pe1").refuse_edit("hands off"))
    with pytest.raises(RevertFailed, match="hands off"):
        session.revert(NEW, "plan-1", soon())
    session.revert(NEW, "plan-1", soon())
    session.abort(soon())


def test_requests_leave_at_once(session: NetconfSession) -> None:
    """ncclient alone takes 0.1 s for each. Most of a hundred are looked at, for a machine may be away during some."""
    nothing = rpc.get_config(
        "running",
        '<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"><interface><name>x</name></interface></interfaces>',
    )
    took: list[float] = []
    for _ in range(100):
        begun = time.monotonic()
        session._client.request(nothing, soon())
        took.append(time.monotonic() - begun)
    assert median(took) < 0.05
