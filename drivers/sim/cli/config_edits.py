"""Private edits at the command line, as EOS has them: `configure session NAME`, `commit timer`, `abort`."""

import difflib

from drivers.sim.cli import eos, exec_commands
from drivers.sim.cli.command import Command, Context, Lines
from drivers.sim.cli.edits import MOST_PENDING, Edits
from drivers.sim.cli.errors import Refused
from drivers.sim.cli.grammar import Word
from drivers.sim.cli.modes import Mode, Position
from drivers.sim.cli.render import running_config
from drivers.sim.faults import Phase

Words = tuple[Word, ...]


def begin(context: Context, words: Words) -> None:
    name = words[0].text
    context.state, context.edit = _edits(context).begin(name), name
    context.enter(Mode.CONFIG)


def abort_named(context: Context, words: Words) -> None:
    _edits(context).abort(words[0].text)


def commit_named(context: Context, words: Words) -> None:
    _edits(context).commit(words[0].text, _seconds(words[1].text) if len(words) > 1 else 0)


def abort(context: Context, words: Words) -> None:  # noqa: ARG001 - every action takes its values
    _edits(context).abort(_inside(context))
    context.position = Position()


def commit(context: Context, words: Words) -> None:
    _edits(context).commit(_inside(context), _seconds(words[0].text) if words else 0)
    context.position = Position()


def leave(context: Context, words: Words) -> None:  # noqa: ARG001 - every action takes its values
    """The edit stays as it is."""
    context.position = Position()


def differences(context: Context, words: Words) -> Lines:  # noqa: ARG001 - every action takes its values
    name = f"session:/{_inside(context)}-session-config"
    running, edited = (eos.shown(running_config(state)) for state in (context.real, context.state))
    return list(difflib.unified_diff(running, edited, "system:/running-config", name, lineterm="", n=1))


def sessions(context: Context, words: Words) -> Lines:  # noqa: ARG001 - every action takes its values
    edits = _edits(context)
    lines = [
        "Maximum number of completed sessions: 1",
        f"Maximum number of pending sessions: {MOST_PENDING}",
        "Merge on commit is disabled",
        "Autosave to startup-config on commit is disabled",
        "",
    ]
    if edits.waiting:
        name, left = edits.waiting
        until = f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02}"
        lines += [f"Session with pending commit timer: {name}", f"Time left until commit timer expiry: in {until}", ""]
    lines += ["  Name                             State     User", "- -------------------------------- --------- -----"]
    lines += [f"  {name:<32} pending" for name in edits.names]
    return lines + [f"  {name:<32} {how}" for name, how in edits.history[-1:]]


def running(context: Context, words: Words) -> Lines:  # noqa: ARG001 - every action takes its values
    return ["! Command: show running-config", *eos.shown(running_config(context.state))]


def width(context: Context, words: Words) -> Lines:  # noqa: ARG001 - every action takes its values
    return [f"Width set to {words[0].text} columns."]


def length(context: Context, words: Words) -> Lines:  # noqa: ARG001 - every action takes its values
    return ["Pagination disabled."]


EXEC_COMMANDS = (
    Command("configure session <name>", begin, Phase.LOCK),
    Command("configure session <name> abort", abort_named, Phase.CONFIRM),
    Command("configure session <name> commit", commit_named, Phase.CONFIRM),
    Command("configure session <name> commit timer <duration>", commit_named, Phase.CONFIRM),
    Command("show configuration sessions detail", sessions, Phase.READ),
    Command("show running-config", running, Phase.READ),
    Command("terminal width <number>", width),
    Command("terminal length <number>", length),
)
CONFIG_COMMANDS = (
    Command("commit", commit, Phase.COMMIT),
    Command("commit timer <duration>", commit, Phase.COMMIT),
    Command("abort", abort),
    Command("show session-config diffs", differences, Phase.VALIDATE),
)
LEAVING = (
    Command("exit", exec_commands.leave),
    Command("end", leave),
)
"""Ending is no commit here."""


def _edits(context: Context) -> Edits:
    if context.edits is None:
        raise Refused("Configuration sessions are not supported on this hardware platform")
    return context.edits


def _inside(context: Context) -> str:
    if not context.edit:
        raise Refused("Not in a configuration session")
    return context.edit


def _seconds(duration: str) -> int:
    hours, minutes, seconds = map(int, duration.split(":"))
    return hours * 3600 + minutes * 60 + seconds
