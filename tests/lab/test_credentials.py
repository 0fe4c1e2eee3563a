from pathlib import Path

import pytest

from agent.security.credentials import CredentialResolver
from tests.lab.credentials import CLI, NETCONF, SHELL, SNMP_V2C, Credentials, snmp_v3
from tests.lab.topology import ROUTERS

DRAWN = Credentials.drawn(Path("/dev/null"))
SNMP_REFERENCES = [snmp_v3(router.name) for router in ROUTERS]


def secrets_of(drawn: Credentials) -> set[str]:
    return set(vars(drawn).values()) - {drawn.shell_key}


def test_two_labs_have_no_secret_in_common() -> None:
    first, second = (secrets_of(Credentials.drawn(Path("/dev/null"))) for _ in range(2))
    assert len(first | second) == 2 * len(first) == 10


def test_secrets_are_written_for_their_owner_only_and_read_back(tmp_path: Path) -> None:
    DRAWN.write(tmp_path / "secrets")
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o600
    assert Credentials.read(tmp_path / "secrets") == DRAWN


@pytest.mark.parametrize("reference", [CLI, NETCONF, SHELL, SNMP_V2C, *SNMP_REFERENCES])
def test_the_daemon_resolves_every_reference_of_the_lab(tmp_path: Path, reference: str) -> None:
    DRAWN.write_for_fabd(tmp_path / "credentials.toml")
    resolved = CredentialResolver(tmp_path / "credentials.toml", {}).resolve(reference)
    told = DRAWN.by_reference()[reference]
    assert {key: str(getattr(resolved, key)) for key in told} == told


def test_no_secret_shows_when_credentials_are_printed() -> None:
    assert not any(secret in repr(DRAWN) for secret in secrets_of(DRAWN))
