"""How a kind of element behaves over a command line."""

import re
from typing import Self

from pydantic import Field, model_validator

from drivers.platform.data import Data
from drivers.platform.transaction import CommandTest, Transaction


class PortTable(Data):
    """The command that lists ports and how a row reads: its groups are `name` and `up`, which matches only when it is."""

    command: str
    row: re.Pattern[str]

    @model_validator(mode="after")
    def _groups_are_named(self) -> Self:
        if not {"name", "up"} <= set(self.row.groupindex):
            raise ValueError("`row` needs the groups `name` and `up`")
        return self


class Question(Data):
    """What the element asks back before it goes on, and what it is told."""

    asks: re.Pattern[str]
    """As it stands at the end of what was printed."""
    reply: str


class Linux(Data):
    """An element whose own shell is used beside its command line; see `drivers.ssh.linux`."""

    cli: str
    """The program behind which the command line is; it takes commands as `-c`."""
    elevate: str = ""
    """What the shell's commands need before them when the user is not root."""
    links: str
    """Prints the kernel's links as JSON."""
    limits: str = ""
    """Prints nftables' netdev tables as JSON; where there is no such program, or none of it in the kernel, nothing is limited."""


class Ssh(Data):
    device_type: str
    """netmiko's."""
    linux: Linux | None = None
    error: re.Pattern[str]
    """What a refused line answers (searched line by line in the answer, never in the echo)."""
    harmless: re.Pattern[str] | None = None
    """Answers that look like an error and are none."""
    enter: str = "configure terminal"
    leave: str = "end"
    prompt: str = "[#>] ?"
    """Regular expression of what follows the host's name and the mode."""
    questions: tuple[Question, ...] = ()
    transaction: Transaction | None = None
    """Needed by platforms whose commitment is `confirmed`."""
    running: str = "show running-config"
    ports: PortTable
    save: str = ""
    """The command that makes the running configuration survive a restart; "" where they are one."""
    tests: dict[str, CommandTest] = Field(default_factory=dict)
    """Kind → how it is asked; `interface` is asked as `ports` are."""

    def complaint(self, answer: str) -> str:
        """The lines of an answer that refuse; "" when there are none."""
        lines = (line.strip() for line in answer.splitlines() if self.error.search(line))
        return "; ".join(line for line in lines if not (self.harmless and self.harmless.search(line)))
