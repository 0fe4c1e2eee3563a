"""Settings: file, then environment, then flags; every mistake named with its source, key and remedy."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.config import DriftSettings, Settings, load_settings
from agent.errors import ConfigurationError


def load(tmp_path, text="", environment=None, flags=None) -> Settings:
    file = tmp_path / "fabd.toml"
    file.write_text(text)
    return load_settings(file, flags, environment or {})


def mistakes(tmp_path, text="", environment=None, flags=None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text, environment, flags)
    return caught.value.mistakes


def test_without_anything_it_listens_on_this_machine_alone(tmp_path):
    settings = load(tmp_path)
    assert (settings.api.host, settings.api.port, settings.database_url) == ("127.0.0.1", 8640, "sqlite:///fabd-data/fabd.db")
    assert (settings.known_hosts_file, settings.credentials_file) == (
        Path("fabd-data/known_hosts"),
        Path("fabd-data/credentials.toml"),
    )
    assert settings.bin_length == timedelta(minutes=5)


def test_flags_go_before_the_environment_and_that_before_the_file(tmp_path):
    text = "[api]\nport = 1\nhost = 'file'\nrate_per_minute = 7"
    environment = {"FABD_API__PORT": "2", "FABD_API__HOST": "environment"}
    api = load(tmp_path, text, environment, {"api": {"port": 3}}).api
    assert (api.port, api.host, api.rate_per_minute) == (3, "environment", 7)


def test_lists_and_tables_come_from_the_environment_as_json(tmp_path):
    environment = {
        "FABD_OUTBOX__WEBHOOKS": '[{"url": "https://x", "secret": "s"}]',
        "FABD_CATALOG__SLAS": '["/etc/fabd/slas"]',
        "FABD_DATA_DIR": "/var/lib/fabd",
    }
    settings = load(tmp_path, environment=environment)
    assert [(hook.url, hook.secret) for hook in settings.outbox.webhooks] == [("https://x", "s")]
    assert settings.catalog.slas == [Path("/etc/fabd/slas")]
    assert settings.database_url == "sqlite:////var/lib/fabd/fabd.db"


def test_variables_of_other_parts_are_no_settings(tmp_path):
    environment = {"FABD_TOKEN": "x", "FABD_URL": "x", "FABD_CREDENTIAL_CORE": "{}", "FABD_TEST_DATABASE": "x", "PATH": "x"}
    assert load(tmp_path, environment=environment) == Settings()


@pytest.mark.parametrize(
    ("text", "environment", "flags", "said"),
    [
        ("prot = 1", {}, {}, ["fabd.toml: prot: unknown key"]),
        ("[api]\nprot = 1", {}, {}, ["fabd.toml: api.prot: unknown key; did you mean 'port'?"]),
        ("[api]\nzzz = 1", {}, {}, ["fabd.toml: api.zzz: unknown key; known here: host, port"]),
        ("[api]\nport = 70000", {}, {}, ["fabd.toml: api.port: input should be less than or equal to 65535 (found 70000)"]),
        ("[api]\nport = 'x'", {}, {}, ["fabd.toml: api.port: input should be a valid integer"]),
        ("[api]\ntls_key = 'k'", {}, {}, ["fabd.toml: api: ", "tls_certificate and tls_key go together"]),
        ("", {"FABD_API__PORT": "x"}, {}, ["environment: FABD_API__PORT: "]),
        ("", {"FABD_API__PROT": "1"}, {}, ["environment: FABD_API__PROT: unknown key; did you mean 'port'?"]),
        ("", {}, {"api": {"port": -1}}, ["flag: api.port: "]),
        ("[outbox]\nwebhooks = [{url = 'x'}]", {}, {}, ["fabd.toml: outbox.webhooks.0.secret: field required"]),
        ("[log]\nlevel = 'loud'", {}, {}, ["fabd.toml: log.level: ", "'debug', 'info', 'warning' or 'error'"]),
        ("[polling]\ninterval_s = 0", {}, {}, ["fabd.toml: polling.interval_s: input should be greater than 0"]),
        ("[api", {}, {}, ["fabd.toml: not valid TOML"]),
        ("api = 7", {}, {}, ["fabd.toml: api: this is a section; set the keys in it"]),
        ("[traps]\ncredentials = 'a'", {}, {}, ["fabd.toml: traps.credentials: write a list", "(found 'a')"]),
        ("", {"FABD_TRAPS__CREDENTIALS": "a,b"}, {}, ["environment: FABD_TRAPS__CREDENTIALS: write a list"]),
        ("", {"FABD_API": "x", "FABD_API__PORT": "1"}, {}, ["environment: FABD_API__PORT: FABD_API is set as one value, too"]),
        ("", {"FABD_OUTBOX__WEBHOOKS": '[{"url": "x", "secret": "s", "sekret": 1}]'}, {}, ["environment: FABD_OUTBOX__WEBHOOKS: "]),
        ("[[outbox.webhooks]]\nurl = 'x'\nsecret = 's'\nqury = 1", {}, {}, ["outbox.webhooks.0.qury: ", "did you mean 'query'?"]),
        ("[fulfillment]\ncarry_out = false", {}, {}, ["fabd.toml: fulfillment: carry_out is off, and on SQLite no other process"]),
        ("[polling]\ninterval_s = inf", {}, {}, ["fabd.toml: polling.interval_s: input should be less than or equal to 86400"]),
        ("[keep]\nevents_days = 99999999999", {}, {}, ["fabd.toml: keep.events_days: "]),
        ("[api]\nhost = ''", {}, {}, ["fabd.toml: api.host: "]),
        ("[api]\ntrusted_proxies = ['proxy']", {}, {}, ["fabd.toml: api.trusted_proxies: 'proxy' is no address or network"]),
    ],
)
def test_a_mistake_is_named_with_where_it_is_and_what_to_do(tmp_path, text, environment, flags, said):
    (mistake,) = mistakes(tmp_path, text, environment, flags)
    for words in said:
        assert words in mistake


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("database = 'postgresql://fabd:geheim@db/fabd'", {}),
        ("[database]\nurl = ['postgresql://fabd:geheim@db/fabd']", {}),
        ("[[outbox.webhooks]]\nurl = 'https://x'\nsecret = 'whsec_geheim'", {}),
        ("", {"FABD_DATABASE": "postgresql://fabd:geheim@db/fabd"}),
        ("", {"FABD_PASSWORD": "geheim"}),
    ],
)
def test_a_mistake_does_not_repeat_a_secret(tmp_path, text, environment):
    (mistake,) = mistakes(tmp_path, text, environment)
    assert "geheim" not in mistake


def test_a_file_from_a_windows_editor_is_read(tmp_path):
    (tmp_path / "fabd.toml").write_bytes(b"\xef\xbb\xbf[api]\nport = 7")
    assert load_settings(tmp_path / "fabd.toml", environment={}).api.port == 7


def test_all_mistakes_are_told_at_once(tmp_path):
    found = mistakes(tmp_path, "[api]\nport = 'x'\nprot = 1", {"FABD_LOG__LEVEL": "loud"})
    assert len(found) == 3
    assert sum("environment" in mistake for mistake in found) == 1


def test_a_file_that_is_named_must_be_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_settings(environment={}) == Settings()
    for arguments in ((Path("gone.toml"), None, {}), (None, None, {"FABD_CONFIG": "gone.toml"})):
        with pytest.raises(ConfigurationError, match=r"gone.toml: no such file; create it or leave out --config"):
            load_settings(*arguments)
    (tmp_path / "fabd.toml").write_text("[api]\nport = 7")
    assert load_settings(environment={}).api.port == 7


def test_a_file_that_cannot_be_read_is_said(tmp_path):
    (tmp_path / "bad.toml").write_bytes(b"\xff")
    for name in (".", "bad.toml"):
        with pytest.raises(ConfigurationError, match="cannot be read"):
            load_settings(tmp_path / name, environment={})


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (datetime(2026, 1, 5, 2, 0, tzinfo=UTC), timedelta(minutes=30)),
        (datetime(2026, 1, 5, 2, 30, tzinfo=UTC), timedelta(days=1)),
        (datetime(2026, 1, 5, 9, 0, tzinfo=UTC), timedelta(hours=17, minutes=30)),
    ],
)
def test_the_daily_comparison_comes_at_its_time(now, until):
    assert DriftSettings().until(now) == until
