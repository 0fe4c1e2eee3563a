"""Where a configuration uses what pools give out."""

import re
from typing import Literal, Self

from pydantic import model_validator

from drivers.platform.data import Data


class UseRule(Data):
    """Where a configuration uses a value that pools give out: a line with a group named `value`, or an XML leaf."""

    kind: Literal["vlan", "vni", "address", "rd", "rt"]
    match: re.Pattern[str] | None = None
    """`value` may be a list of numbers (`10,20-22`), or an address with its mask."""
    leaf: str = ""
    """`prefix:name`, or with what it stands in `prefix:name/prefix:name`."""
    length: str = ""
    """The leaf beside it that holds the length of the prefix."""

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if (self.match is None) == (not self.leaf):
            raise ValueError("give either `match` (command lines) or `leaf` (XML)")
        if self.match is not None and "value" not in self.match.groupindex:
            raise ValueError("`match` needs a group named `value`")
        return self
