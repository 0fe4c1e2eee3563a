"""Secrets come by reference, from a file of their owner's or the environment, and show themselves nowhere."""

import json
import os

import pytest

from agent.errors import CredentialsExposed, CredentialUnresolved
from agent.security.credentials import CredentialResolver, variable_name

FILE = """
[core-routers]
username = "fabd"
password = "hunter2"

[switches]
community = "hunter2"
auth_protocol = "sha256"
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "credentials.toml"
    path.write_text(FILE)
    path.chmod(0o600)
    return path


def resolver(file, **variables) -> CredentialResolver:
    return CredentialResolver(
        file, {name: json.dumps(value) if isinstance(value, dict) else value for name, value in variables.items()}
    )


def test_a_reference_leads_to_its_table(file):
    found = resolver(file).resolve("core-routers")
    assert (found.reference, found.username, found.password) == ("core-routers", "fabd", "hunter2")
    assert "hunter2" not in repr(found)


def test_the_environment_goes_before_the_file(file):
    found = resolver(file, FABD_CREDENTIAL_CORE_ROUTERS={"username": "other", "password": "x"}).resolve("core-routers")
    assert found.username == "other"


def test_a_changed_file_takes_effect_at_once(file):
    credentials = resolver(file)
    credentials.resolve("core-routers")
    file.write_text(FILE.replace("hunter2", "hunter3"))
    assert credentials.resolve("core-routers").password == "hunter3"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_can_read_is_not_read(file, mode):
    file.chmod(mode)
    with pytest.raises(CredentialsExposed, match=f"chmod 600 {file}"):
        resolver(file).resolve("core-routers")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "create .*credentials.toml"),
        ("", "add a table"),
        ("[core-routers", "not valid TOML"),
        ('core-routers = "hunter2"', "not usable"),
        ('[core-routers]\npass = "hunter2"', "pass: Extra inputs"),
        ("[core-routers]\npassword = 1234567", "password: Input should be a valid string"),
        ('[core-routers]\nauth_protocol = "hunter2"', "auth_protocol"),
    ],
)
def test_a_reference_that_leads_nowhere_is_named_with_the_remedy_but_no_secret(file, text, said):
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    with pytest.raises(CredentialUnresolved, match=said) as caught:
        resolver(file).resolve("core-routers")
    assert "'core-routers'" in str(caught.value)
    assert caught.value.reference == "core-routers"
    for secret in ("hunter2", "1234567"):
        assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "said"), [("hunter2", "is not JSON"), ('["hunter2"]', "not usable"), ('{"x": "hunter2"}', "x: Extra")]
)
def test_a_variable_that_makes_no_sense_is_named(file, value, said):
    with pytest.raises(CredentialUnresolved, match=said) as caught:
        resolver(file, FABD_CREDENTIAL_CORE_ROUTERS=value).resolve("core-routers")
    assert "FABD_CREDENTIAL_CORE_ROUTERS" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_name_of_the_variable_follows_from_the_reference():
    assert variable_name("core-routers.2/é") == "FABD_CREDENTIAL_CORE_ROUTERS_2__"


def test_without_an_environment_of_its_own_it_reads_that_of_the_process(file, monkeypatch):
    monkeypatch.setitem(os.environ, "FABD_CREDENTIAL_X", '{"username": "u"}')
    assert CredentialResolver(file).resolve("x").username == "u"
