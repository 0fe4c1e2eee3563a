"""A session without its transport: a line in, lines out. Pure but for the state it is about."""

import re
from dataclasses import dataclass

from drivers.sim.cli import (
    config_edits,
    config_global,
    config_interface,
    config_routing,
    config_subscriber,
    config_switchport,
    eos,
    exec_commands,
    monitoring,
    reach,
    show,
)
from drivers.sim.cli.command import Command, Context, Lines
from drivers.sim.cli.edits import Edits
from drivers.sim.cli.errors import CliError, InvalidInput
from drivers.sim.cli.grammar import Word, find
from drivers.sim.cli.modes import PARENT, Mode
from drivers.sim.faults import Phase
from drivers.sim.state import ElementState

_EXEC = (*exec_commands.COMMANDS, *show.COMMANDS, *monitoring.COMMANDS, *reach.COMMANDS)
_INTERFACE = (*config_interface.COMMANDS, *config_switchport.COMMANDS, *config_subscriber.PORT_COMMANDS)
COMMANDS: dict[Mode, tuple[Command, ...]] = {
    Mode.EXEC: _EXEC,
    Mode.CONFIG: (*config_global.COMMANDS, *config_subscriber.GLOBAL_COMMANDS),
    Mode.INTERFACE: _INTERFACE,
    Mode.SUBINTERFACE: (*config_interface.COMMANDS, *config_interface.SUBINTERFACE_COMMANDS),
    Mode.VLAN: config_routing.VLAN_COMMANDS,
    Mode.VRF: config_routing.VRF_COMMANDS,
    Mode.VRF_FAMILY: config_routing.VRF_FAMILY_COMMANDS,
    Mode.IGMP_PROFILE: config_subscriber.PROFILE_COMMANDS,
    Mode.BGP: config_routing.BGP_COMMANDS,
    Mode.BGP_FAMILY: config_routing.BGP_FAMILY_COMMANDS,
}


EOS_COMMANDS = COMMANDS | {
    Mode.EXEC: (*config_edits.EXEC_COMMANDS, *monitoring.EOS_COMMANDS, *_EXEC),
    Mode.CONFIG: (*config_edits.CONFIG_COMMANDS, *COMMANDS[Mode.CONFIG]),
}


AS_JSON = "json"
"""Behind the bar, on EOS: the command shows its data as they are."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A line that means something: `run` it once the faults let it pass."""

    command: Command
    values: tuple[Word, ...] = ()
    pipe: tuple[str, str] | None = None
    """(filter, regular expression)"""
    climb: int = 0
    """How many modes up the line belongs."""

    @property
    def phase(self) -> Phase | None:
        return self.command.phase


class Shell:
    """With `edits` it speaks EOS, which has them."""

    def __init__(self, state: ElementState, edits: Edits | None = None) -> None:
        self.context = Context(state, edits=edits)
        self._commands = COMMANDS if edits is None else EOS_COMMANDS

    @property
    def prompt(self) -> str:
        mode = self.context.position.mode.value
        if self.context.edit:
            mode = mode.replace("(config", f"(config-s-{self.context.edit[:6]}")
        return f"{self.context.state.name}{mode}#"

    def parse(self, line: str) -> Parsed | None:
        """None for an empty line or a comment; raises CliError for one that means nothing."""
        if not line.strip() or line.lstrip().startswith("!"):
            return None
        mode = self.context.position.mode
        if mode is Mode.EXEC:
            return _parse_exec(line, self._commands)
        if match := re.match(r"\s*do\s+", line, re.IGNORECASE):
            return _parse_exec(" " * match.end() + line[match.end() :], self._commands)
        if self.context.edits is not None:
            line = eos.typed(line, mode)
        return None if line == eos.NOTHING else _parse_config(line, mode, self._commands)

    def run(self, parsed: Parsed) -> Lines:
        """Carry out; raises CliError when the element refuses, and Logout. What earlier lines did stays."""
        position = self.context.position
        for _ in range(parsed.climb):
            self.context.position = self.context.position.up()
        try:
            lines = parsed.command.action(self.context, parsed.values) or []
        except CliError:
            self.context.position = position
            raise
        self.context.settle()
        if parsed.phase is Phase.EDIT:
            self.context.state.changed()
        return show.piped(lines, *parsed.pipe) if parsed.pipe else lines


def _parse_exec(line: str, commands: dict[Mode, tuple[Command, ...]]) -> Parsed:
    body, bar, tail = line.partition("|")
    if tail.strip() == AS_JSON and commands is EOS_COMMANDS:
        return _lookup(f"{body.rstrip()} {AS_JSON}", commands[Mode.EXEC])
    parsed = _lookup(body, commands[Mode.EXEC])
    if not bar:
        return parsed
    if parsed.phase is not Phase.READ:
        raise InvalidInput(len(body))
    return Parsed(parsed.command, parsed.values, _parse_pipe(tail, len(body) + 1))


def _parse_pipe(tail: str, column: int) -> tuple[str, str]:
    padded = " " * column + tail
    name, pattern = find(padded, ("include|exclude|begin|section <regex...>",)).values
    try:
        re.compile(pattern.text)
    except re.error:
        raise InvalidInput(pattern.column) from None
    return name.text, pattern.text


def _parse_config(line: str, mode: Mode, commands: dict[Mode, tuple[Command, ...]]) -> Parsed:
    """In the present mode, or as IOS does, in the modes around it; the complaint is the innermost mode's."""
    complaint: CliError | None = None
    climb = 0
    while mode is not Mode.EXEC:
        leaving = () if climb else exec_commands.LEAVING if commands is COMMANDS else config_edits.LEAVING
        try:
            found = _lookup(line, (*commands[mode], *leaving))
        except CliError as error:
            complaint = complaint or error
        else:
            return Parsed(found.command, found.values, climb=climb)
        mode, climb = PARENT[mode], climb + 1
    raise complaint or InvalidInput


def _lookup(line: str, commands: tuple[Command, ...]) -> Parsed:
    found = find(line, [command.pattern for command in commands])
    return Parsed(commands[found.index], found.values)
