"""How a command line behaves: which lines open a level, exclude each other, and how they are taken away."""

import re
from typing import Literal, Self

from pydantic import model_validator

from drivers.platform.data import Data


class LineRule(Data):
    """How lines that match behave; the first rule that matches decides."""

    match: re.Pattern[str]
    slot: str = ""
    """Lines of one slot exclude each other within a section (`description`); "" means every different line stands for itself."""
    replace: Literal["remove", "overwrite"] = "remove"
    """Whether the old line of a slot must be removed first or is overwritten by the new one."""
    negate: str = "no {line}"
    """The command that removes the line; "" when it is never removed, only set."""
    add: str = ""
    """With a named group `members` in `match` (`100,200-205`): the command that adds some, `{members}`."""
    remove: str = ""
    literal: bool = False
    """Free text: its words stay as they are, where elsewhere addresses are brought to their shortest form."""
    clears: re.Pattern[str] | None = None
    """Setting or removing this line wipes the section's lines that match (IOS: `vrf forwarding` wipes addresses)."""
    do: str = ""
    """The shell's command that makes the line so, with the groups of `match` and of its section's: `ip link set dev {name} up`."""
    undo: str = ""
    """The shell's command that takes it back; "" when it is never taken back."""

    @model_validator(mode="after")
    def _members_need_both_commands(self) -> Self:
        if ("members" in self.match.groupindex) != bool(self.add and self.remove):
            raise ValueError("a rule with a group named `members` needs both `add` and `remove`, and only such a rule has them")
        return self


class SectionRule(Data):
    """A line that opens a section. `whole` sections are ours alone and are removed by their header, others only by their lines."""

    match: re.Pattern[str]
    removal: Literal["whole", "contents"] = "contents"
    leave: str = "exit"
    """The command that returns to the level above."""
    shell: bool = False
    """Nothing that is typed into the command line: what stands in it is done by the shell's commands, as `do` and `undo` say."""
    do: str = ""
    """The shell's command that makes the section, with the groups of `match`; "" when it is there anyhow."""
    undo: str = ""
    filled: bool = False
    """Only when something stands in it; alone, the line is a line (EOS: `vrf X` below `router bgp`, and below an interface)."""
    makes: str = ""
    """The port that a `whole` section makes (`{port}.{unit}`); otherwise the second word of its header."""


class FlatRules(Data):
    """A command line without levels: every line bears its whole path (`set interfaces ethernet eth1 mtu 9000`).

    Sections are the beginnings of paths that a section rule matches; they are written and read in full.
    """

    set: str = "set"
    delete: str = "delete"


class LineRules(Data):
    """A hierarchical command line (two levels or more, told by indentation), or a flat one."""

    ignore: re.Pattern[str] = re.compile(r"^(!.*|exit|exit-address-family|exit-vrf|end)$")
    """Lines of a running configuration that say nothing."""
    forbidden: re.Pattern[str] = re.compile(r"[\x00-\x1f\x7f?]")
    """What cannot be typed: control characters, and `?`, which asks for help."""
    sections: tuple[SectionRule, ...] = ()
    lines: tuple[LineRule, ...] = ()
    flat: FlatRules | None = None
