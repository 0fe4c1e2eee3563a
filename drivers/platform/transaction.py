"""How a command line commits for a while."""

import re
from typing import Self

from pydantic import model_validator

from drivers.platform.data import Data


class CommandTest(Data):
    """A service test by a command. Arguments stand in it as `{address}`; what is in `[ ]` is said only when they are given."""

    command: str
    passed: re.Pattern[str]
    """Found in the answer when it did."""


class Transaction(Data):
    """How a command line commits provisionally and undoes by itself what is not confirmed.

    `{name}` is the name of the private edit, made of the plan's id, so that another session can confirm or undo it;
    `{hours}`, `{minutes}` and `{seconds}` are the confirmation timeout, each of two digits, and `{all_minutes}` the whole of it.
    """

    begin: str
    """Opens a private edit, without effect on what runs."""
    stale: tuple[str, ...] = ()
    """Said before, to end an edit of the same name that was left behind; whatever they answer."""
    discard: tuple[str, ...]
    """Said wherever the edit stands: ends it without effect."""
    review: str = ""
    """Shows what the edit would change."""
    commit: str
    """Provisional."""
    keep: str
    """The edit takes effect for good, as a reverse does."""
    leave: tuple[str, ...] = ()
    """What is left to be said after `commit` or `keep`."""
    extend: str = ""
    """Starts the confirmation timeout anew; "" where that cannot be done."""
    confirm: tuple[str, ...]
    abort: tuple[str, ...] = ()
    """Undoes a pending commit at once; without it the reverse is committed, and then confirmed."""
    pending: CommandTest | None = None
    """Whether the commit `{name}` waits to be confirmed; without it the answer of `confirm` tells."""
    idle: re.Pattern[str] | None = None
    """Answers of `confirm` and `abort` that mean that nothing was pending."""
    busy: re.Pattern[str] | None = None
    """Refusals that pass: somebody else is at it, or too many are."""

    @model_validator(mode="after")
    def _pending_can_be_told(self) -> Self:
        if self.pending is None and self.idle is None:
            raise ValueError("`pending` or `idle` must say how it is known whether a commit waits to be confirmed")
        return self
