"""The port behind which every deed stands."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol

from sqlalchemy.orm import Session

from agent.actions.errors import NotMeant
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
class Done:
    """An action whose deed is done, as its way back sees it."""

    subject: Subject
    services: tuple[str, ...]
    plan_id: str = ""
    kept: Mapping[str, Any] = field(default_factory=dict)
    """What the deed kept for it as it began."""
    causes: tuple[str, ...] = ()
    """Of alarms that its rule is for."""
    beside: tuple[Mapping[str, Any], ...] = ()
    """What other actions of the deed kept, whose change stands too."""


@dataclass(frozen=True, slots=True)
class Errand:
    """An action as its deed sees it."""

    action_id: str
    subject: Subject
    services: tuple[str, ...]
    reason: str
    shut_s: int | None = None
    """How long a port stays shut, where its rule says so."""


@dataclass(frozen=True, slots=True)
class Ended:
    done: bool
    words: str
    whole: bool = True
    """Nothing of what was begun failed."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What there is to be waited for; `ended` where that is nothing."""

    plan_id: str = ""
    orders: tuple[str, ...] = ()
    ended: Ended | None = None
    kept: Mapping[str, Any] = field(default_factory=dict)
    """What the way back has to know."""


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

    def back(self, session: Session, done: Done, at: datetime) -> Target:
        """What taking it back comes down to. Only reads. `NotMeant` when nothing is to be taken back, else `NotPossible`."""
        ...

    def unrest(self, session: Session, done: Done, since: datetime) -> str:
        """What of the trouble stands, or has stood since then, so that it is too early to take it back; "" for nothing."""
        ...

    def prepare_back(self, errand: Errand, done: Done) -> Begin:
        """Of the way back, as `prepare` is of the way there."""
        ...

    def look(self, errand: Errand) -> None:
        """After the deed: read what tells whether it helped, where nothing else would soon."""
        ...


class Momentary:
    """What deeds have in common of which nothing lasts: nothing of them is ever taken back."""

    __slots__ = ()
    OVER: ClassVar[str]
    """Why nothing lasts."""

    def back(self, session: Session, done: Done, at: datetime) -> Target:
        del session, at
        raise self._nothing(done)

    def unrest(self, session: Session, done: Done, since: datetime) -> str:
        del session, done, since
        return ""

    def prepare_back(self, errand: Errand, done: Done) -> Begin:
        del errand
        raise self._nothing(done)

    def _nothing(self, done: Done) -> NotMeant:
        return NotMeant(f"{self.OVER}; nothing is left to take back on {done.subject}")
