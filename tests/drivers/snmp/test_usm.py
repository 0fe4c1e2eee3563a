"""Who is believed to have sent an SNMPv3 notification."""

import pytest

from drivers.port import Credential
from drivers.snmp import ber
from drivers.snmp.usm import TIME_WINDOW, Gate, User, Verdict
from tests.drivers.snmp import messages

OWN = bytes.fromhex("80001f8804aaaaaaaa")
SHA1 = User.of(Credential("r1", username="traps", auth_key="authpass12", priv_key="privpass12"))
SHA256 = User.of(Credential("r2", username="t256", auth_protocol="sha256", auth_key="authpass12", priv_key="privpass12"))
BOUND = User.of(Credential("r3", username="bound", auth_key="authpass12", priv_key="privpass12", engine_id=messages.ENGINE.hex()))


def judged(gate: Gate, datagram: bytes) -> Verdict:
    return gate.judge(ber.v3_header(datagram), datagram)[0]


@pytest.fixture
def gate() -> Gate:
    return Gate([SHA1, SHA256, BOUND], OWN)


def test_master_keys_are_those_of_rfc_3414_a_3() -> None:
    user = User.of(Credential("rfc", username="u", auth_key="maplesyrup", priv_key="maplesyrup"))
    assert user.auth_master.hex() == "9fb5cc0381497b3793528939ff788d5d79145211"


def test_keys_are_not_shown() -> None:
    assert "authpass12" not in repr(SHA1)
    assert SHA1.auth_master.hex() not in repr(SHA1)
    assert repr(SHA1.auth_master) not in repr(SHA1)


def test_an_authentic_message_is_genuine(gate: Gate) -> None:
    assert judged(gate, messages.v3(master=SHA1.auth_master)) is Verdict.GENUINE


def test_a_longer_digest_of_another_protocol_is_genuine(gate: Gate) -> None:
    datagram = messages.v3(user=b"t256", master=SHA256.auth_master, protocol="sha256", digest_octets=24)
    assert judged(gate, datagram) is Verdict.GENUINE


@pytest.mark.parametrize(
    "datagram",
    [
        messages.v3(user=b"nobody", master=SHA1.auth_master),
        messages.v3(master=SHA256.auth_master),
        messages.v3(),
        messages.v3(flags=0),
        messages.v3(flags=1, master=SHA1.auth_master),
        messages.v3(master=SHA1.auth_master, digest_octets=4),
        messages.v3(master=SHA1.auth_master)[:-1] + b"!",
        messages.v3(user=b"bound", engine=messages.ENGINE + b"x", master=BOUND.auth_master),
        messages.v3(user=b"", flags=3),
    ],
    ids=[
        "user",
        "key",
        "no digest",
        "noAuth",
        "authNoPriv",
        "short digest",
        "altered",
        "engine of another",
        "anonymous but signed",
    ],
)
def test_everybody_else_is_a_stranger(gate: Gate, datagram: bytes) -> None:
    assert judged(gate, datagram) is Verdict.STRANGER


@pytest.mark.parametrize("datagram", [messages.v3(user=b"", engine=b"", flags=0), messages.v3(engine=b"", flags=0)])
def test_a_question_for_our_engine_is_a_discovery(gate: Gate, datagram: bytes) -> None:
    assert judged(gate, datagram) is Verdict.DISCOVERY


@pytest.mark.parametrize(
    ("boots", "time", "verdict"),
    [
        (5, 1000, Verdict.GENUINE),
        (5, 1001, Verdict.GENUINE),
        (5, 1000 - TIME_WINDOW, Verdict.GENUINE),
        (5, 1000 - TIME_WINDOW - 1, Verdict.STALE),
        (4, 9999, Verdict.STALE),
        (6, 0, Verdict.GENUINE),
    ],
)
def test_old_messages_are_not_believed_twice(gate: Gate, boots: int, time: int, verdict: Verdict) -> None:
    assert judged(gate, messages.v3(master=SHA1.auth_master, boots=5, time=1000)) is Verdict.GENUINE
    assert judged(gate, messages.v3(master=SHA1.auth_master, boots=boots, time=time)) is verdict


def test_a_late_message_does_not_set_the_engines_time_back(gate: Gate) -> None:
    for time in (1000, 900, 1000 - TIME_WINDOW):
        assert judged(gate, messages.v3(master=SHA1.auth_master, time=time)) is Verdict.GENUINE
    assert judged(gate, messages.v3(master=SHA1.auth_master, time=900 - TIME_WINDOW)) is Verdict.STALE


def test_forged_messages_do_not_move_an_engines_time(gate: Gate) -> None:
    assert judged(gate, messages.v3(boots=2**30)) is Verdict.STRANGER
    assert judged(gate, messages.v3(master=SHA1.auth_master)) is Verdict.GENUINE
