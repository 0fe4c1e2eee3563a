"""What a command is: a pattern, the modes that know it, the phase faults may strike, and what it does."""

from collections.abc import Callable
from dataclasses import dataclass, field

from drivers.sim.cli.edits import Edits
from drivers.sim.cli.grammar import Word
from drivers.sim.cli.modes import Mode, Position
from drivers.sim.faults import Phase
from drivers.sim.state import ElementState


class Logout(Exception):
    """The session ends."""


@dataclass(slots=True)
class Context:
    """One session's view of its element. Actions change `state` and may move `position`."""

    state: ElementState
    position: Position = field(default_factory=Position)
    edits: Edits | None = None
    """Where the element has private edits."""
    edit: str = ""
    """The one this session is in; `state` is its copy then."""
    real: ElementState = field(init=False)

    def __post_init__(self) -> None:
        self.real = self.state

    def settle(self) -> None:
        """Out of configuration, out of the edit."""
        if self.position.mode is Mode.EXEC:
            self.state, self.edit = self.real, ""

    @property
    def subject(self) -> str:
        return self.position.subject

    def enter(self, mode: Mode, subject: str = "", family: str = "") -> None:
        self.position = Position(mode, subject, family)


Lines = list[str]
Action = Callable[[Context, tuple[Word, ...]], Lines | None]


@dataclass(frozen=True, slots=True)
class Command:
    """`action` gets the values of the pattern in order and returns what to print; it raises CliError."""

    pattern: str
    action: Action
    phase: Phase | None = None
