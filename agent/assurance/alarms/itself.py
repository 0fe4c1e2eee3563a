"""Alarms of the daemon itself: a part of it that does not do its work, though the process lives.

They stand about `daemon:PART`, with the host as qualifier, so that several daemons on one database speak for themselves.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.assurance.alarms.conditions import take
from agent.assurance.findings import AlarmType, Finding, Meaning, Source, Transition
from agent.assurance.tables import AlarmRow
from agent.assurance.writer import Writer
from policies.values import Clock, Severity

log = structlog.get_logger(__name__)

LOOK_EVERY = timedelta(seconds=15)
CAUSE = "daemonPartFailed"
PREFIX = "daemon:"
"""Before the name of a part, where the alarm is about no element."""

Faults = Mapping[str, Callable[[], str]]
"""Part → why it does not do its work now; "" when it does."""


class Itself:
    """Called by one task at a time."""

    def __init__(self, writer: Writer, clock: Clock, host: str, faults: Faults) -> None:
        self._writer, self._clock, self._host, self._faults = writer, clock, host, faults
        self._told: dict[str, str] | None = None
        """Part → what its alarm says; None before the first look, when an earlier process may have told of some."""

    async def look(self) -> None:
        """Raise, update or clear; nothing is written while nothing changes."""
        found = {part: text for part, fault in self._faults.items() if (text := fault())}
        if found != self._told:
            await self._writer.carry_out(lambda session: self._tell(session, found))
            self._told = found

    def _tell(self, session: Session, found: Mapping[str, str]) -> None:
        told = self._recalled(session) if self._told is None else self._told
        news = [self._finding(part, text, raises=True) for part, text in found.items() if told.get(part) != text]
        over = [self._finding(part, self._over(part), raises=False) for part in told if part not in found]
        for alarm in take(session, [*news, *over], self._clock.now()):
            if alarm.stands:
                log.warning("of the daemon itself", alarm_id=alarm.id, part=alarm.element, text=alarm.text)
            else:
                log.info("well again", alarm_id=alarm.id, part=alarm.element)

    def _over(self, part: str) -> str:
        return f"{part} does its work again" if part in self._faults else f"{part} is switched off"

    def _recalled(self, session: Session) -> dict[str, str]:
        """Of parts that there are not any more, too: nobody else would clear them."""
        standing = select(AlarmRow.element, AlarmRow.text).where(
            AlarmRow.qualifier == self._host, AlarmRow.cause == CAUSE, AlarmRow.cleared_at.is_(None)
        )
        return {element.removeprefix(PREFIX): text for element, text in session.execute(standing)}

    def _finding(self, part: str, text: str, *, raises: bool) -> Finding:
        meaning = Meaning(
            CAUSE, raises, Severity.MAJOR, self._host, type=AlarmType.PROCESSING, probable_cause="softwareProgramError"
        )
        said = f"{part} on {self._host}: {text}" if raises else f"{text} on {self._host}"
        now = Transition.at(self._clock.now())
        return Finding(CAUSE, f"{PREFIX}{part}", "", now, Source.BOOKS, {"text": said}, meaning=meaning)
