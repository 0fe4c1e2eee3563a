"""Whether elements hold what fabd wants there: what is missing, what is other, what is left over in places that are ours alone.

Nothing is changed here, and nothing that others configured is looked at.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.doors import Doors
from agent.fulfillment.errors import DriverFailed
from agent.fulfillment.intents import ElementIntent, standing
from agent.fulfillment.tables import ElementHoldRow
from drivers.diff import change_set, statements
from drivers.diff.drift import Deviation, deviation, repaired, within, words
from drivers.errors import DriverSetupError, ElementError
from drivers.platform import Platform
from inventory.db import Database

DEADLINE = timedelta(seconds=30)


class DriftState(StrEnum):
    IN_SYNC = "inSync"
    DRIFTED = "drifted"
    UNKNOWN = "unknown"
    """It could not be asked."""
    SKIPPED = "skipped"
    """A plan has it, or is in doubt about it."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How one element stands against what services should be there (all, or one of them)."""

    element: str
    state: DriftState
    reason: str = ""
    """Why nobody knows, or that there is nothing to know."""
    platform: str = ""
    digest: str = ""
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    """Whose configuration is touched by it."""
    before: str = ""
    """The places in question as they stand, in the element's own language."""
    after: str = ""
    """As they should."""
    payload: str = ""
    """What would put them right."""
    reverse: str = ""
    intent: str = ""
    """Everything that should be on the element, by which this was judged."""

    @property
    def known(self) -> bool:
        return self.state in {DriftState.IN_SYNC, DriftState.DRIFTED}


@dataclass(frozen=True, slots=True)
class Comparer:
    database: Database
    doors: Doors
    platforms: Callable[[str], Platform]
    deadline: timedelta = DEADLINE

    def compare(self, element: str, service_id: str = "") -> Drift:
        """With all that should stand there, or with one service's part of it. Never raises for an element's failure."""
        with self.database.read() as session:
            intent, held = self._intent(session, element), held_by(session, [element])
        if element in held:
            return Drift(element, DriftState.SKIPPED, held[element], intent.platform)
        if not intent.parts or (service_id and service_id not in intent.parts):
            return Drift(element, DriftState.IN_SYNC, "nothing is to stand there", intent.platform)
        try:
            platform = self.platforms(intent.platform)
            observed = self._observed(element, intent.text(platform))
            found = assess(platform, intent, observed, service_id)
        except ElementError as error:
            found = Drift(element, DriftState.UNKNOWN, error.message, intent.platform)
        except (DriverSetupError, ValueError) as error:
            found = Drift(element, DriftState.UNKNOWN, str(error), intent.platform)
        with self.database.read() as session:  # what was changed meanwhile proves nothing
            after, held = self._intent(session, element), held_by(session, [element])
        if element in held or after.parts != intent.parts:
            return Drift(element, DriftState.SKIPPED, held.get(element, "a plan has just changed it"), intent.platform)
        return found

    def _intent(self, session: Session, element: str) -> ElementIntent:
        return standing(session, [element]).get(element, ElementIntent(element, ""))

    def _observed(self, element: str, expected: str) -> str:
        deadline = time.monotonic() + self.deadline.total_seconds()
        session = self.doors.to(element).open(deadline)
        try:
            return session.observe(expected, deadline)
        except (ElementError, DriverSetupError, ValueError):
            raise
        except Exception as error:
            raise DriverFailed(element, f"the driver failed: {type(error).__name__}: {error}") from error
        finally:
            session.close()


def assess(platform: Platform, intent: ElementIntent, observed: str, service_id: str = "") -> Drift:
    """Pure. `observed`: what stands in the places of everything that should be on the element."""
    every = deviation(platform, intent.text(platform), observed)
    touched = _touched(platform, intent, observed, every)
    before, after = observed, intent.text(platform)
    if service_id:
        others = [text for owner, text in intent.parts.items() if owner != service_id]
        before, after = repaired(platform, intent.parts[service_id], observed, others)
        every = replace(deviation(platform, after, before), digest=every.digest)
        touched = [service_id] if not every.in_sync else []
    change = change_set(platform, intent.element, before, after)
    return Drift(
        intent.element,
        DriftState.IN_SYNC if every.in_sync else DriftState.DRIFTED,
        platform=intent.platform,
        digest=every.digest,
        missing=words(platform, every.missing),
        unexpected=words(platform, every.unexpected),
        services=tuple(touched),
        before=before,
        after=after,
        payload="" if every.in_sync else change.forward,
        reverse="" if every.in_sync else change.reverse,
        intent=intent.text(platform),
    )


def held_by(session: Session, elements: Collection[str]) -> Mapping[str, str]:
    """Which of the elements a plan has, and why they are left alone."""
    rows = session.scalars(select(ElementHoldRow).where(ElementHoldRow.element.in_(elements)))
    return {row.element: f"in doubt after plan {row.plan_id}" if row.in_doubt else f"held by plan {row.plan_id}" for row in rows}


def _touched(platform: Platform, intent: ElementIntent, observed: str, found: Deviation) -> list[str]:
    def places(text: str) -> frozenset[str]:
        return frozenset(statements(platform, text)) | frozenset(statements(platform, within(platform, text, observed)))

    return [service for service, text in intent.parts.items() if found.places & places(text)] if found.places else []
