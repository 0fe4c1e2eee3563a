"""What can be set of receivers, and what an operator is told of a mistake."""

import numpy as np
import pytest

from agent.assurance.collection.tracks import Tracks
from agent.cli.checks import mistakes
from agent.config import load_settings
from agent.errors import ConfigurationError
from agent.prometheus.remote.gathering import SERIES
from agent.prometheus.remote.service import RemoteWrite
from drivers.port import Credential


def refusals(tmp_path, text):
    file = tmp_path / "fabd.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        load_settings(file, environment={})
    return [line.removeprefix(f"{file}: ") for line in refused.value.mistakes]


@pytest.mark.parametrize(
    "setting", ['[remote_write]\nurl = "http://u:topsecret@h/x"', '[alertmanager]\nurls = ["http://u:topsecret@h"]']
)
def test_a_secret_in_an_address_is_refused_and_not_repeated(tmp_path, setting):
    (told,) = refusals(tmp_path, setting)
    assert "name that credential" in told
    assert "topsecret" not in told


@pytest.mark.parametrize("setting", ['[remote_write]\nurl = "http://h:99999/x"', '[alertmanager]\nurls = ["http://h:port"]'])
def test_an_address_with_a_port_that_is_none_is_refused(tmp_path, setting):
    (told,) = refusals(tmp_path, setting)
    assert "its port is none; write a number up to 65535" in told


def test_labels_that_fabd_says_itself_are_refused_by_their_names(tmp_path):
    told = refusals(tmp_path, '[remote_write]\nlabels = { element = "x" }\n[alertmanager]\nlabels = { alarm_id = "x" }')
    assert told == [
        "remote_write.labels: element is fabd's own to say; take another name",
        "alertmanager.labels: alarm_id is fabd's own to say; take another name",
    ]


def test_credentials_that_do_not_resolve_are_told_by_their_setting(tmp_path):
    (tmp_path / "fabd.toml").write_text(
        f'data_dir = "{tmp_path}"\n[remote_write]\ncredential = "metrics"\n[alertmanager]\ncredential = "alerts"\n'
    )
    found = dict(mistakes(load_settings(tmp_path / "fabd.toml", environment={})))
    assert list(found) == [("remote_write", "credential"), ("alertmanager", "credential")]
    assert "'metrics' does not resolve" in found["remote_write", "credential"]


def test_labels_may_come_from_the_environment():
    settings = load_settings(environment={"FABD_REMOTE_WRITE__LABELS": '{"site": "b"}'})
    assert settings.remote_write.labels == {"site": "b"}


def test_a_line_without_room_for_one_port_is_refused_with_the_least_that_does(tmp_path, clock):
    file = tmp_path / "fabd.toml"
    file.write_text(f'data_dir = "{tmp_path}"\n[remote_write]\nurl = "http://127.0.0.1:1/x"\nqueue = {SERIES - 1}\n')
    settings = load_settings(file, environment={})
    told = f"{SERIES - 1} samples are fewer than one port has, and none would ever be sent; set it to {SERIES} or more"
    assert (("remote_write", "queue"), told) in list(mistakes(settings))
    with pytest.raises(ConfigurationError, match=r"remote_write\.queue: "):
        RemoteWrite(settings.remote_write, clock, Credential, lambda: Tracks().shown, 60.0)
    least = settings.remote_write.model_copy(update={"queue": SERIES})
    assert RemoteWrite(least, clock, Credential, lambda: Tracks().shown, 60.0)


def test_a_port_has_as_many_series_as_that():
    assert len(list(Tracks().shown.series(np.zeros(0, np.bool_)))) == SERIES
