"""What is typed at `name#`, and what moves between the modes."""

from drivers.sim.cli.command import Command, Context, Lines, Logout
from drivers.sim.cli.grammar import Word
from drivers.sim.cli.modes import Mode, Position
from drivers.sim.faults import Phase

Words = tuple[Word, ...]


def nothing(context: Context, words: Words) -> None:
    """For settings of the terminal: output is never paged or folded."""


def configure(context: Context, words: Words) -> Lines:  # noqa: ARG001 - every action takes its values
    context.enter(Mode.CONFIG)
    return ["Enter configuration commands, one per line.  End with CNTL/Z."]


def save(context: Context, words: Words) -> Lines:  # noqa: ARG001 - every action takes its values
    context.state.save()
    return ["Building configuration...", "[OK]"]


def leave(context: Context, words: Words) -> None:  # noqa: ARG001 - every action takes its values
    if context.position.mode is Mode.EXEC:
        raise Logout
    context.position = context.position.up()


def end(context: Context, words: Words) -> None:  # noqa: ARG001 - every action takes its values
    context.position = Position()


def logout(context: Context, words: Words) -> None:  # noqa: ARG001 - every action takes its values
    raise Logout


COMMANDS = (
    Command("enable", nothing),
    Command("terminal length|width <number>", nothing),
    Command("terminal no monitor", nothing),
    Command("configure terminal", configure, Phase.LOCK),
    Command("copy running-config startup-config", save, Phase.SAVE),
    Command("write", save, Phase.SAVE),
    Command("write memory", save, Phase.SAVE),
    Command("exit", leave),
    Command("logout", logout),
    Command("quit", logout),
)
LEAVING = (
    Command("exit", leave),
    Command("end", end, Phase.COMMIT),
)
"""In every configuration mode."""
