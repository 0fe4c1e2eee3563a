import time
from base64 import b64encode
from pathlib import Path

import paramiko
import pytest

from drivers import hostkeys
from drivers.errors import ElementUnreachable, HostKeyChanged, HostKeyUnknown
from drivers.hostkeys import HostKey
from tests.drivers.simulated import Simulated, soon


def key(number: int) -> HostKey:
    """Any Ed25519 public key (RFC 8709)."""
    name = b"ssh-ed25519"
    return HostKey(name.decode(), len(name).to_bytes(4, "big") + name + (32).to_bytes(4, "big") + bytes([number] * 32))


def test_a_recorded_key_is_known_under_its_port_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "known_hosts"
    hostkeys.record(path, "192.0.2.1", 830, key(1))
    assert hostkeys.known(path, "192.0.2.1", 830) == (key(1),)
    assert hostkeys.known(path, "192.0.2.1", 22) == ()
    assert path.read_text().startswith("[192.0.2.1]:830 ssh-ed25519 ")


def test_recording_again_replaces_this_element_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text("# by hand\n")
    hostkeys.record(path, "192.0.2.1", 22, key(1))
    hostkeys.record(path, "192.0.2.2", 22, key(2))
    hostkeys.record(path, "192.0.2.1", 22, key(3))
    assert path.read_text().splitlines()[0] == "# by hand"
    assert hostkeys.known(path, "192.0.2.1", 22) == (key(3),)
    assert hostkeys.known(path, "192.0.2.2", 22) == (key(2),)


@pytest.mark.parametrize(
    "damaged",
    [
        b"|1|bad|x ssh-ed25519 AAAA",
        b"|1|!!!|x ssh-ed25519 AAAA",
        b"|1| ssh-ed25519 AAAA",
        b"pe2 ssh-ed25519 AA\xc3\xa4A",
        b"pe2 ssh",
    ],
)
def test_a_damaged_line_keeps_nobody_from_being_known(tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / "known_hosts"
    path.write_bytes(damaged + b"\n")
    hostkeys.record(path, "192.0.2.1", 22, key(1))
    assert hostkeys.known(path, "192.0.2.1", 22) == (key(1),)
    assert hostkeys.known(path, "pe2", 22) == ()
    assert path.read_bytes().startswith(damaged)


def test_hashed_names_are_understood_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    hashed = paramiko.HostKeys.hash_host("192.0.2.1")
    path.write_text(f"{hashed} ssh-ed25519 {b64encode(key(1).blob).decode()}\n")
    assert hostkeys.known(path, "192.0.2.1", 22) == (key(1),)
    hostkeys.record(path, "192.0.2.1", 22, key(2))
    assert hostkeys.known(path, "192.0.2.1", 22) == (key(2),)


def test_a_key_that_was_changed_by_hand_is_seen_at_once(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    hostkeys.record(path, "192.0.2.1", 22, key(1))
    assert hostkeys.known(path, "192.0.2.1", 22) == (key(1),)
    path.write_text(path.read_text() + f"192.0.2.1,192.0.2.9 ssh-ed25519 {b64encode(key(2).blob).decode()} by hand\n")
    assert hostkeys.known(path, "192.0.2.1", 22) == (key(1), key(2))
    assert hostkeys.known(path, "192.0.2.9", 22) == (key(2),)


@pytest.mark.parametrize(
    "line", ["@revoked 192.0.2.1 ssh-ed25519 {key}", "192.0.2.1 ssh-ed25519", "192.0.2.1 ssh-ed25519 !", "# {key}"]
)
def test_lines_that_trust_nobody(tmp_path: Path, line: str) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(line.format(key=b64encode(key(1).blob).decode()))
    assert hostkeys.known(path, "192.0.2.1", 22) == ()


def test_finding_a_key_costs_the_same_among_many(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    public = b64encode(key(1).blob).decode()
    path.write_text("".join(f"[192.0.2.1]:{number} ssh-ed25519 {public}\n" for number in range(30_000, 50_000)))
    hostkeys.known(path, "192.0.2.1", 30_000)
    begun = time.thread_time()
    for number in range(30_000, 31_000):
        assert hostkeys.known(path, "192.0.2.1", number) == (key(1),)
    assert time.thread_time() - begun < 1.0, "each look-up reads the whole file"


def test_no_file_is_no_trust(tmp_path: Path) -> None:
    assert hostkeys.known(tmp_path / "none", "192.0.2.1", 22) == ()


def test_the_fingerprint_is_the_one_openssh_prints(tmp_path: Path) -> None:
    public = tmp_path / "id.pub"
    made = paramiko.RSAKey.generate(2048)
    public.write_text(f"ssh-rsa {made.get_base64()}\n")
    shown = HostKey("ssh-rsa", made.asbytes())
    assert shown.fingerprint == made.fingerprint


def test_the_key_an_element_shows_can_be_fetched(clean: Simulated) -> None:
    target = clean.target("pe1")
    shown = hostkeys.fetch(target.host, target.port, soon())
    assert shown in hostkeys.known(clean.known_hosts, target.host, target.port)
    assert shown.fingerprint.startswith("SHA256:")


def test_nobody_there_is_unreachable(clean: Simulated) -> None:
    with pytest.raises(ElementUnreachable, match="no connection"):
        hostkeys.fetch(clean.target("pe1").host, 9, soon())


def test_an_unknown_key_is_refused_with_the_remedy() -> None:
    with pytest.raises(HostKeyUnknown, match="fabd element trust pe1"):
        hostkeys.check("pe1", (), key(1), "192.0.2.1")


def test_a_changed_key_is_refused_with_both_fingerprints_and_the_remedy() -> None:
    with pytest.raises(HostKeyChanged, match="fabd element trust pe1") as caught:
        hostkeys.check("pe1", (key(1),), key(2), "192.0.2.1")
    assert key(1).fingerprint in caught.value.message
    assert key(2).fingerprint in caught.value.message
