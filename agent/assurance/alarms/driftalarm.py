"""An element that has drifted from the intent raises an alarm with the difference in it; in sync again, it clears.

Called by fulfilment without knowing it: `agent.wiring` joins the two.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from agent.assurance.alarms.conditions import Condition, report
from agent.assurance.findings import FindingKind

MOST_TOLD = 20
"""Deviations that the alarm carries; the others are a command away."""


class Deviates(Protocol):
    """How an element stands; `state` is inSync, drifted, or something that tells nothing."""

    @property
    def element(self) -> str: ...

    @property
    def state(self) -> str: ...

    @property
    def digest(self) -> str: ...

    @property
    def missing(self) -> Sequence[str]: ...

    @property
    def unexpected(self) -> Sequence[str]: ...


def watch_drift(session: Session, found: Deviates, at: datetime) -> None:
    """What cannot be known leaves the alarm as it is."""
    if found.state == "inSync":
        report(session, Condition(FindingKind.IN_SYNC, found.element, f"{found.element} is as it should be again"), at)
    elif found.state == "drifted":
        text = (
            f"{found.element} is not configured as it should be: {len(found.missing)} missing, {len(found.unexpected)} unexpected; "
            f"see `fabd element diff {found.element}`"
        )
        evidence = {"missing": list(found.missing[:MOST_TOLD]), "unexpected": list(found.unexpected[:MOST_TOLD])}
        report(session, Condition(FindingKind.DRIFTED, found.element, text, gist=found.digest, evidence=evidence), at)
