"""`fabd config`: every mistake by file, key and remedy; what is in force; the page about all of it."""

import shutil
import tomllib
from pathlib import Path

import pytest

from agent.cli.reference import settings_reference
from agent.config import Settings, load_settings

HOOK = '[[outbox.webhooks]]\nurl = "{}"\nsecret = "hook"\n'
REPOSITORY = Path(__file__).parents[3]


def test_nothing_set_is_sound(fabd):
    assert "9 specifications" in fabd.ok("config", "check").out


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ("[api]\nprot = 1\n", "fabd.toml: api.prot: unknown key; did you mean 'port'?"),
        ("[api]\nport = 70000\n", "fabd.toml: api.port: input should be less than or equal to 65535 (found 70000)"),
        ("[nonsense]\n", "fabd.toml: nonsense: unknown key; known here: data_dir"),
        ("port = \n", "fabd.toml: not valid TOML:"),
        (HOOK.format("http://x/secret"), "fabd.toml: outbox.webhooks.0: callback http://x/…: is not encrypted; use https"),
        (HOOK.format("https://x"), "fabd.toml: outbox.webhooks.0.secret: credential 'hook' does not resolve"),
        ('[traps]\ncredentials = ["core"]\n', "fabd.toml: traps.credentials.0: credential 'core' does not resolve; create"),
        ('data_dir = "fabd.toml/data"\n', "fabd.toml: data_dir: fabd.toml/data cannot be written"),
        ('[api]\ntls_certificate = "x.pem"\n', "tls_certificate and tls_key go together; set both or neither"),
        ('[api]\ntls_certificate = "x.pem"\ntls_key = "x.key"\n', "fabd.toml: api.tls_key: x.key is not a readable file"),
        ('[credentials]\nfile = "nowhere.toml"\n', "credentials.file: nowhere.toml is not a readable file; create it"),
        ('[database]\nurl = "mysql://x/y"\n', "database.url: mysql is not supported; write postgresql+psycopg://"),
        ('[database]\nurl = "::"\n', "database.url: not a database URL; write postgresql+psycopg://"),
        ('[database]\nurl = "postgresql+pg8000://x/y"\n', "needs the Python module pg8000, which is not installed"),
        ('[actions.modes]\ndance = "manual"\n', "actions.modes.dance: there is no such rule; there are bounce-dead-port, "),
        ('[actions.modes]\nredeploy-drift = "always"\n', "actions.modes.redeploy-drift: "),
        ('[catalog]\nplatforms = ["nowhere"]\n', "catalog.platforms.0: nowhere is not a folder; create it or take it out"),
        (
            '[catalog]\nslas = ["nowhere"]\n',
            "fabd.toml: catalog.slas.0: nowhere is not a folder; create it or take it out of the settings",
        ),
        ('[catalog]\ntranslations = ["nowhere.yaml"]\n', "catalog.translations.0: nowhere.yaml is neither a file nor a folder;"),
    ],
)
def test_each_mistake_is_named_with_its_remedy(fabd, folder, toml, complaint):
    (folder / "fabd.toml").write_text(toml)
    said = fabd("config", "check")
    assert said.code == 1
    assert complaint in said.complaint


@pytest.mark.parametrize("kind", ["actions", "collectors", "foresight", "translations"])
def test_rules_of_ones_own_are_read_before_a_daemon_meets_them(fabd, folder, kind):
    (folder / "own").mkdir()
    (folder / "own" / "mine.yaml").write_text("nonsense: 1\n")
    (folder / "fabd.toml").write_text(f'[catalog]\n{kind} = ["own"]\n')
    said = fabd("config", "check")
    assert said.code == 1
    assert "own/mine.yaml:1: nonsense: no such key; check its spelling" in said.complaint


def test_all_mistakes_are_named_at_once(fabd, folder):
    (folder / "fabd.toml").write_text("[api]\nprot = 1\nport = 70000\n")
    said = fabd("config", "check", FABD_LOG__LEVEL="loud")
    assert len(said.complaint.splitlines()) == 3
    assert "environment: FABD_LOG__LEVEL" in said.complaint


def test_mistakes_of_settings_and_of_all_files_of_the_catalog_are_named_at_once(fabd, folder):
    kinds = ("slas", "tariffs", "collectors", "foresight", "translations", "actions")
    for kind in kinds:
        (folder / kind).mkdir()
        for name in "ab":
            (folder / kind / f"{name}.yaml").write_text("nonsense: 1\n")
    for name in "ab":
        (folder / "specifications" / name).mkdir(parents=True)
        (folder / "specifications" / name / "spec.yaml").write_text("nonsense: 1\n")
    own = "".join(f'{kind} = ["{kind}"]\n' for kind in (*kinds, "specifications"))
    (folder / "fabd.toml").write_text(f'[traps]\ncredentials = ["core"]\n[actions.modes]\ndance = "manual"\n[catalog]\n{own}')
    said = fabd("config", "check")
    lines = [line for line in said.complaint.splitlines() if "nonsense: no such key" in line]
    files = {f"{kind}/{name}.yaml" for kind in kinds for name in "ab"} | {f"{name}/spec.yaml" for name in "ab"}
    assert (said.code, {line.partition(":")[0] for line in lines}, len(lines)) == (1, files, 14)
    assert "fabd.toml: traps.credentials.0: credential 'core' does not resolve" in said.complaint


KINDS = ["specifications", "slas", "tariffs", "collectors", "foresight", "translations", "actions", "platforms"]
RULE = """
rules:
  - name: mine
    title: do something about what there is not
    deed: test-service
    trigger: {causes: [notThere], standing_s: 60}
    guards: {per_object: 1, in_all: 5, within_s: 86400, pause_s: 3600, elements_at_once: 1}
    clears_within_s: 300
"""


@pytest.mark.parametrize("gone", KINDS)
def test_a_folder_that_is_not_there_keeps_no_mistake_in_another_from_being_named(fabd, folder, gone):
    other = "tariffs" if gone == "slas" else "slas"
    (folder / "own").mkdir()
    (folder / "own" / "mine.yaml").write_text("nonsense: 1\n")
    (folder / "fabd.toml").write_text(f'[catalog]\n{gone} = ["nowhere"]\n{other} = ["own"]\n')
    said = fabd("config", "check").complaint
    assert f"fabd.toml: catalog.{gone}.0: nowhere is " in said
    assert said.count("nowhere") == 1
    assert "own/mine.yaml:1: nonsense: no such key" in said


@pytest.mark.parametrize("gone", ["", *KINDS])
def test_what_refers_to_what_a_missing_folder_may_bring_is_no_mistake(fabd, folder, gone):
    shutil.copytree(REPOSITORY / "policies/specifications/internet-access", folder / "own" / "fibre")
    spec = folder / "own" / "fibre" / "spec.yaml"
    spec.write_text(spec.read_text().replace("name: internet-access", "name: fibre").replace("sla: silver", "sla: notThere"))
    (folder / "rules").mkdir()
    (folder / "rules" / "mine.yaml").write_text(RULE)
    own = {"specifications": ["own"], "actions": ["rules"]}
    if gone:
        own[gone] = [*own.get(gone, []), "nowhere"]
    toml = "".join(f"{name} = {paths}\n" for name, paths in own.items())
    (folder / "fabd.toml").write_text(f"[catalog]\n{toml}")
    said = fabd("config", "check").complaint
    assert ("there is no sla 'notThere'" in said) == (gone not in {"slas", "tariffs"})
    assert ("no alarm has the cause notThere" in said) == (gone not in {"collectors", "foresight", "translations"})


def test_the_mode_of_a_rule_that_a_missing_folder_may_bring_is_no_mistake(fabd, folder):
    (folder / "fabd.toml").write_text('[actions.modes]\nmine = "manual"\n[catalog]\nactions = ["nowhere"]\n')
    (said,) = fabd("config", "check").complaint.splitlines()
    assert said.startswith("fabd.toml: catalog.actions.0: nowhere is not a folder;")


MINE = "name: mine\nrules:\n  - {name: mine, trap: [1.3.6.1.4.1.9999.1], means: look, samples: [{trap: 1.3.6.1.4.1.9999.1}]}\n"


def test_a_single_file_of_rules_for_events_is_as_good_as_a_folder(fabd, folder):
    (folder / "mine.yaml").write_text(MINE)
    (folder / "fabd.toml").write_text('[catalog]\ntranslations = ["mine.yaml"]\n')
    fabd.ok("config", "check")


def test_a_platform_of_a_name_that_is_taken_keeps_no_other_mistake_from_being_named(fabd, folder):
    (folder / "platforms" / "frr").mkdir(parents=True)
    (folder / "platforms" / "frr" / "platform.yaml").write_text("name: frr\n")
    (folder / "fabd.toml").write_text('[traps]\ncredentials = ["core"]\n[catalog]\nplatforms = ["platforms"]\n')
    said = fabd("config", "check").complaint
    assert "there is a platform frr already; give this one another name" in said
    assert "traps.credentials.0: credential 'core' does not resolve" in said


def test_a_file_that_is_named_must_be_there(fabd):
    said = fabd("config", "check", "--config", "nowhere.toml")
    assert (said.code, said.complaint) == (1, "nowhere.toml: no such file; create it or leave out --config")


def test_credentials_that_others_can_read_are_a_mistake(fabd, folder):
    file = folder / "credentials.toml"
    file.touch()
    file.chmod(0o644)
    (folder / "fabd.toml").write_text('[credentials]\nfile = "credentials.toml"\n')
    said = "credentials.toml can be read by others than its owner; run: chmod 600 credentials.toml"
    assert fabd("config", "check").complaint == f"fabd.toml: credentials.file: {said}"
    file.chmod(0o600)
    fabd.ok("config", "check")


def test_what_is_shown_can_be_read_again_and_means_the_same(fabd, folder):
    (folder / "fabd.toml").write_text(
        'data_dir = "with \\"quotes\\" and ü"\n[outbox]\nallow_private = ["127.0.0.1/32"]\n'
        '[[outbox.webhooks]]\nurl = "https://a.example"\nsecret = "hook"\n'
    )
    before = load_settings(environment={})
    shown = fabd.ok("config", "show").out
    (folder / "fabd.toml").write_text(shown)
    assert Settings.model_validate(tomllib.loads(shown)).model_dump(exclude={"database"}) == before.model_dump(exclude={"database"})


def test_passwords_are_not_shown(fabd):
    for words in (["config", "show"], ["config", "show", "--json"]):
        out = fabd.ok(*words, FABD_DATABASE__URL="postgresql+psycopg://fabd:hunter2@db/fabd").out
        assert "hunter2" not in out
        assert "fabd:***@db/fabd" in out


def test_the_reference_names_every_setting_with_its_variable():
    page = settings_reference()
    for name, section in Settings.model_fields.items():
        fields = getattr(section.annotation, "model_fields", None)
        for key in [f"{name}.{field}" for field in fields] if fields else [name]:
            assert f"| `{key}` |" in page
            assert f"`FABD_{key.replace('.', '__').upper()}`" in page
    assert "| `api.port` | whole number, at least 0, at most 65535 | `8640` | `FABD_API__PORT` |" in page
    assert "Each `[[outbox.webhooks]]` has:" in page


def test_every_setting_says_what_it_means():
    for line in settings_reference().splitlines():
        if line.startswith("| `"):
            assert line.rstrip(" |").rsplit("|", 1)[1].strip(), line


def test_the_page_in_the_repository_is_up_to_date(fabd):
    assert fabd.ok("config", "reference").out == (REPOSITORY / "docs" / "configuration.md").read_text()
