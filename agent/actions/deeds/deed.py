"""The port behind which every deed stands."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from agent.actions.subject import Subject

MOST_SERVICES = 20
"""That one action is for."""


@dataclass(frozen=True, slots=True)
class Target:
    """What the deed comes down to."""

    object: str
    """What guards count by."""
    elements: frozenset[str]
    """That it changes."""
    services: tuple[str, ...]
    reverse: str
    """How it is taken back; "" when nobody knows."""


@dataclass(frozen=True, slots=True)
class Errand:
    """An action as its deed sees it."""

    action_id: str
    subject: Subject
    services: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    done: bool
    words: str


@dataclass(frozen=True, slots=True)
class Begun:
    """What there is to be waited for; `ended` where that is nothing."""

    plan_id: str = ""
    orders: tuple[str, ...] = ()
    ended: Ended | None = None


Begin = Callable[[Session, datetime], Begun]
"""Inside the transaction that notes it."""


class Deed(Protocol):
    def target(self, session: Session, subject: Subject, at: datetime) -> Target:
        """Only reads. `NotMeant` or `NotPossible`."""
        ...

    def prepare(self, errand: Errand) -> Begin:
        """What has to be known or done outside any transaction; may take its time. Raises `NotPossible`.

        It may be called again when fabd was killed before the action was noted as begun. Of what it gives, `StateRefused` and
        `OrderRefused` say that it cannot be begun.
        """
        ...

    def look(self, errand: Errand) -> None:
        """After the deed: read what tells whether it helped, where nothing else would soon."""
        ...
