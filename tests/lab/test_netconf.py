"""netconfd with the stock client: the exchange against which our own NETCONF sides are measured."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ncclient import manager
from ncclient.operations import RPCError
from ncclient.transport import SSHUnknownHostError

from tests.drivers.sim.exchange import answering
from tests.lab.credentials import NETCONF
from tests.lab.lab import Lab
from tests.lab.topology import NC1, NETCONF_PORT

pytestmark = pytest.mark.lab

IF = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
PORT = NC1.ports[0]
FILTER = ("subtree", f'<interfaces xmlns="{IF}"/>')


def config(*, operation: str = "merge", address: str = "100.64.0.0", prefix: int = 31) -> str:
    ip = f"<address><ip>{address}</ip><prefix-length>{prefix}</prefix-length></address>"
    kind = '<type xmlns:t="urn:ietf:params:xml:ns:yang:iana-if-type">t:ethernetCsmacd</type><description>acme</description>'
    content = f'{kind}<ipv4 xmlns="urn:ietf:params:xml:ns:yang:ietf-ip">{ip}</ipv4>' if operation == "merge" else ""
    return (
        '<nc:config xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0">'
        f'<interfaces xmlns="{IF}"><interface nc:operation="{operation}"><name>{PORT}</name>{content}</interface>'
        "</interfaces></nc:config>"
    )


@pytest.fixture
def nc1(management: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[manager.Manager]:
    """A session under ncclient's own host key check, which reads a file below HOME."""
    folder = tmp_path / ".ssh"
    folder.mkdir()
    (folder / "known_hosts").write_bytes(management.known_hosts.read_bytes())
    monkeypatch.setenv("HOME", str(tmp_path))
    with open_session(management) as session:
        yield session
        if PORT in str(session.get_config("running", filter=FILTER)):
            session.edit_config(target="candidate", config=config(operation="delete"), test_option="test-then-set")
            session.commit()


def open_session(lab: Lab) -> manager.Manager:
    return answering(lambda: connected(lab))


def connected(lab: Lab) -> manager.Manager:
    login = lab.credentials()[NETCONF]
    where = {"host": str(NC1.management.ip), "port": NETCONF_PORT}
    return manager.connect(**where, **login, hostkey_verify=True, allow_agent=False, look_for_keys=False, timeout=60)


def running(session: manager.Manager) -> str:
    return str(session.get_config("running", filter=FILTER))


def test_a_server_whose_key_is_not_known_is_refused(management: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SSHUnknownHostError):
        open_session(management)


def test_the_hello_offers_candidate_confirmed_commit_and_the_interface_models(nc1: manager.Manager) -> None:
    offered = list(nc1.server_capabilities)
    for capability in ("candidate:1.0", "confirmed-commit:1.1", "validate:1.1", "rollback-on-error:1.0"):
        assert f"urn:ietf:params:netconf:capability:{capability}" in offered
    for module in ("ietf-interfaces", "ietf-ip", "iana-if-type"):
        assert any(f"module={module}&" in each for each in offered)


def test_what_was_edited_tested_and_committed_reads_back_and_deletes_without_trace(nc1: manager.Manager) -> None:
    nc1.edit_config(target="candidate", config=config(), test_option="test-then-set")
    assert PORT not in running(nc1)
    nc1.commit()
    assert all(part in running(nc1) for part in (PORT, "acme", "<ip>100.64.0.0</ip>", "<prefix-length>31</prefix-length>"))
    nc1.edit_config(target="candidate", config=config(operation="delete"), test_option="test-then-set")
    nc1.commit()
    assert PORT not in running(nc1)


def test_a_value_outside_the_model_is_refused(nc1: manager.Manager) -> None:
    with pytest.raises(RPCError) as refusal:
        nc1.edit_config(target="candidate", config=config(prefix=64), test_option="test-then-set")
    assert refusal.value.tag == "invalid-value"
    nc1.discard_changes()
    assert PORT not in running(nc1)


def test_an_unconfirmed_commit_is_undone_when_it_is_cancelled(nc1: manager.Manager) -> None:
    nc1.edit_config(target="candidate", config=config(), test_option="test-then-set")
    nc1.commit(confirmed=True, timeout="60", persist="plan-1")
    assert PORT in running(nc1)
    nc1.cancel_commit(persist_id="plan-1")
    assert PORT not in running(nc1)


def test_a_commit_after_validate_says_ok_and_applies_nothing(nc1: manager.Manager) -> None:
    """Which is why a platform says how it wants to be validated, and why every commit is read back."""
    nc1.edit_config(target="candidate", config=config(), test_option="test-then-set")
    nc1.validate("candidate")
    assert nc1.commit().ok
    assert PORT not in running(nc1)
    nc1.discard_changes()


def test_what_is_running_is_saved_when_it_is_copied_to_startup_and_not_before(nc1: manager.Manager) -> None:
    nc1.edit_config(target="candidate", config=config(), test_option="test-then-set")
    nc1.commit()
    assert PORT not in str(nc1.get_config("startup"))
    nc1.copy_config(source="running", target="startup")
    assert PORT in str(nc1.get_config("startup"))
    nc1.edit_config(target="candidate", config=config(operation="delete"), test_option="test-then-set")
    nc1.commit()
    nc1.copy_config(source="running", target="startup")
    assert PORT not in str(nc1.get_config("startup"))


def test_a_held_lock_is_refused_with_the_holders_session(nc1: manager.Manager, management: Lab) -> None:
    with nc1.locked("candidate"), open_session(management) as other:
        with pytest.raises(RPCError) as refusal:
            other.lock("candidate")
        assert refusal.value.tag == "lock-denied"
        assert f"<session-id>{nc1.session_id}</session-id>" in str(refusal.value.info)
