"""Secrets come by reference, from a file of their owner's or the environment, and show themselves nowhere."""

import json
import os
import tomllib
from types import SimpleNamespace

import pytest

from agent.errors import CredentialsExposed, CredentialUnresolved
from agent.security import credentials as reading
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


@pytest.fixture
def read(file, monkeypatch):
    """A file that has not been changed for long, and was read."""
    monkeypatch.setattr(reading, "STEADY_S", -3600.0)
    os.utime(file, (1, 1))
    credentials = resolver(file)
    credentials.resolve("core-routers")
    return credentials


def test_a_file_that_stays_as_it_is_is_read_once(read):
    assert read.resolve("core-routers") is read.resolve("core-routers")
    assert read.resolve("switches").community == "hunter2"


def test_a_file_that_was_read_and_has_changed_is_read_again(read, file):
    file.write_text(FILE.replace("hunter2", "hunter3"))
    assert read.resolve("core-routers").password == "hunter3"


def test_a_file_that_has_come_in_the_place_of_another_is_read(read, file):
    other = file.with_name("other")
    other.write_text(FILE.replace("hunter2", "hunter3"))
    other.chmod(0o600)
    os.utime(other, (1, 1))
    other.replace(file)
    assert read.resolve("core-routers").password == "hunter3"


def test_a_file_that_others_can_read_by_now_is_not_believed_any_more(read, file):
    file.chmod(0o640)
    with pytest.raises(CredentialsExposed):
        read.resolve("core-routers")


def test_a_file_that_is_gone_leads_nowhere_though_it_was_read(read, file):
    file.unlink()
    with pytest.raises(CredentialUnresolved, match="create"):
        read.resolve("core-routers")


def test_a_file_that_has_just_been_changed_is_read_each_time(file, monkeypatch):
    monkeypatch.setattr(reading, "STEADY_S", 3600.0)
    credentials = resolver(file)
    assert credentials.resolve("core-routers") is not credentials.resolve("core-routers")


def test_who_is_stopped_while_reading_does_not_take_a_fresh_file_for_a_steady_one(file, monkeypatch):
    stopped = file.stat().st_mtime
    monkeypatch.setattr(reading.time, "time", lambda: stopped)

    def load(opened):
        nonlocal stopped
        stopped += 3600.0
        return tomllib.load(opened)

    monkeypatch.setattr(reading, "tomllib", SimpleNamespace(load=load, TOMLDecodeError=tomllib.TOMLDecodeError))
    credentials = resolver(file)
    assert credentials.resolve("core-routers") is not credentials.resolve("core-routers")


def test_what_was_read_is_good_for_who_asked_while_another_thread_forgets_it(read, monkeypatch):
    def look(found):
        read._read = None
        return before(found)

    before = reading._look
    monkeypatch.setattr(reading, "_look", look)
    assert read.resolve("core-routers").password == "hunter2"


def test_what_is_kept_of_the_file_does_not_show_itself(read):
    assert "hunter2" not in repr(read._read)


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
