"""The program as a whole: help, versions, exit codes, and what happens to errors."""

import subprocess
import sys
from importlib.metadata import version

import pytest
import typer
from typer.main import get_command

from agent.cli import main
from agent.cli.command import boundary, local
from inventory.errors import InventoryError


def commands(node, path=()):
    for name, child in getattr(node, "commands", {}).items():
        yield (*path, name), child
        yield from commands(child, (*path, name))


EVERY = dict(commands(get_command(main.app)))


def test_the_commands_that_are_promised_are_there():
    promised = {
        ("run",), ("explain",), ("config", "check"), ("config", "show"), ("config", "reference"),
        ("db", "upgrade"), ("db", "check"), ("db", "backup"), ("db", "restore"),
        ("token", "create"), ("token", "list"), ("token", "revoke"),
        ("inventory", "import"), ("inventory", "export"), ("inventory", "show"),
        ("customer", "import"), ("customer", "list"), ("customer", "show"),
        ("element", "trust"), ("element", "list"), ("element", "resolve"),
        ("order", "submit"), ("order", "plan"), ("order", "show"), ("order", "watch"), ("order", "list"),
        ("plan", "show"), ("spec", "list"), ("spec", "show"), ("spec", "check"), ("spec", "render"),
        ("alarm", "list"), ("alarm", "why"), ("problem", "list"), ("ticket", "list"), ("ticket", "show"),
        ("usage", "list"), ("usage", "recycle"), ("bill", "create"), ("bill", "show"), ("bill", "list"), ("sla", "show"),
        ("events", "list"), ("events", "status"), ("events", "replay"), ("outbox", "list"), ("outbox", "replay"),
        ("sim", "run"), ("sim", "fault"), ("sim", "cut"), ("sim", "restore"),
        ("audit", "list"),
    }  # fmt: skip
    assert promised <= set(EVERY)


@pytest.mark.parametrize("path", sorted(EVERY), ids=" ".join)
def test_every_command_explains_itself_and_each_of_its_options(fabd, path):
    said = fabd.ok(*path, "--help")
    assert "Usage: fabd" in said.out or f"Usage: root {' '.join(path)}" in said.out
    assert (EVERY[path].help or "").strip()
    unexplained = [each.name for each in EVERY[path].params if not (getattr(each, "help", "") or "").strip()]
    assert unexplained == []


@pytest.mark.parametrize(("name", "title"), [pair for titles in main.COMMANDS.values() for pair in titles.items()])
def test_the_list_says_of_a_command_what_the_command_says_of_itself(name, title):
    said = EVERY[name,].loaded.help or ""
    assert title.split() == said.partition("\n\n")[0].split()


def test_neither_the_list_nor_a_question_to_the_daemon_loads_the_database():
    look = "import sys; from agent.cli import main, order, ticket; print({'sqlalchemy', 'paramiko', 'typer'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout == "{'typer'}\n"


def test_the_version_is_that_of_the_distribution(fabd):
    assert fabd.ok("--version").out == f"fabd {version('fabd')}\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["order", "submitt", "x"], "No such command 'submitt'"),
        (["token", "create"], "Missing argument 'NAME'"),
        (["token", "create", "x", "--role", "king"], "'king' is not one of"),
        (["token", "create", "x", "--days", "0"], "Input should be greater than or equal to 1"),
        (["token", "list", "--nope"], "No such option"),
        (["element", "trust"], "name the elements, or give --all"),
        (["element", "trust", "pe1", "--all"], "name the elements, or give --all"),
        (["element", "resolve", "pe1"], "say one of --keep, --revert and --replaced"),
        (["element", "resolve", "pe1", "--keep", "--revert"], "say one of --keep, --revert and --replaced"),
        (["sim", "list", "--control", "here"], "'here' is not HOST:PORT"),
        (["sim", "unplug", "pe1"], "'pe1' names no port; write element/port"),
        (["sim", "traffic", "office", "fast"], "'fast' is no rate"),
        (["sim", "fault", "pe1", "explode"], "'explode' is not one of"),
        (["spec", "render", "internet-access", "--set", "port"], "'port' is not KEY=VALUE"),
        (["bill", "create"], "Missing option '--customer'"),
    ],
)
def test_a_wrong_call_ends_with_2_and_says_what_is_wrong(prepared, words, complaint):
    said = prepared(*words)
    assert said.code == 2
    assert complaint in " ".join(said.err.replace("│", " ").split())
    assert said.out == ""


class Odd(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InventoryError("pe9 is not there; look elsewhere"), 1, "pe9 is not there; look elsewhere"),
        (InventoryError("one\ntwo"), 1, "one\ntwo"),
        (Odd("boom"), 1, "fabd made a mistake (Odd: boom); run the command again with --debug to see where, and report it"),
        (Odd(), 1, "fabd made a mistake (Odd); run the command again with --debug to see where, and report it"),
        (KeyboardInterrupt(), 130, ""),
        (typer.BadParameter("not so"), 2, ""),
    ],
    ids=["known", "several", "unknown", "silent", "interrupt", "usage"],
)
def test_errors_end_as_lines_and_exit_codes(fabd, monkeypatch, error, code, words):
    def fail():
        raise error

    monkeypatch.setattr("agent.cli.config.settings_reference", fail)
    said = fabd("config", "reference")
    assert (said.code, said.complaint) == (code, words)
    assert "Traceback" not in said.err


def test_debug_shows_where_an_error_comes_from(fabd, monkeypatch):
    def fail():
        raise Odd("boom")

    monkeypatch.setattr("agent.cli.config.settings_reference", fail)
    for words in (["config", "reference", "--debug"], ["--debug", "config", "reference"]):
        assert isinstance(fabd(*words).error, Odd)


def test_the_boundary_lets_exits_pass():
    with pytest.raises(typer.Exit) as left, boundary(debug=False):
        raise typer.Exit(7)
    assert left.value.exit_code == 7


def test_settings_named_before_or_behind_the_command_count(fabd, folder):
    (folder / "other.toml").write_text("[api]\nport = 1234\n")
    for words in (["--config", "other.toml", "config", "show"], ["config", "show", "--config", "other.toml"]):
        assert "api.port = 1234" in fabd.ok(*words).out


def test_a_command_gets_its_arguments_and_the_common_options():
    app = typer.Typer()
    seen = []

    @app.command()
    @local
    def greet(desk, name: str, loud: bool = False) -> None:
        seen.append((desk.config, name, loud))

    names = [parameter.name for parameter in get_command(app).params]
    assert {"name", "loud", "config_file", "debug_errors"} <= set(names)
    assert "desk" not in names
