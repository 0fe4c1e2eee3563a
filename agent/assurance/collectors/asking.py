"""One session with one element, in a thread: what it is asked, and what it answered or why it did not."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.assurance.collectors.roster import Place
from drivers.errors import DriverSetupError, EditRefused, ElementError, PlatformUnsupported
from drivers.port import ElementDriver, Question, Shows, Target
from policies.collecting.collector import Collector
from policies.collecting.meaning import Collected, read
from policies.collecting.rows import has_none
from policies.errors import UnreadableAnswer
from policies.values import Clock

TargetOf = Callable[[Place], Target]
"""Raises what the credential resolver raises."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Of one element to one collector."""

    element: str
    collector: Collector
    at: datetime
    seconds: float
    found: Collected | None = None
    failure: str = ""
    """Why there is none."""
    reached: bool = True
    """False where the element could not be spoken to at all."""
    mistake: bool = False
    """Of fabd's own: the element was not the reason."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Thread-safe."""

    drivers: Callable[[str], ElementDriver]
    """By protocol; raises `DriverSetupError`."""
    target_of: TargetOf
    clock: Clock

    def __call__(self, place: Place, collectors: Sequence[Collector], seconds: float) -> list[Reply]:
        """Each has its answer; what fails is one, too. `seconds`: for all of it together."""
        deadline = time.monotonic() + seconds
        try:
            session = self.drivers(place.protocol).open(self.target_of(place), deadline)
        except ElementError as error:
            return self._failed(place, collectors, error.message)
        except (DriverSetupError, LookupError, OSError, ValueError) as error:
            return self._failed(place, collectors, f"{error}")
        try:
            if not isinstance(session, Shows):
                return self._failed(place, collectors, f"the driver for {place.protocol} cannot ask an element to show something")
            return self._asked(place, collectors, session, deadline)
        finally:
            session.close()

    def _asked(self, place: Place, collectors: Sequence[Collector], session: Shows, deadline: float) -> list[Reply]:
        answers: list[Reply] = []
        for position, collector in enumerate(collectors):
            began = time.monotonic()
            try:
                text = session.show(_question(collector), deadline)
            except (EditRefused, PlatformUnsupported) as error:
                if has_none(collector.read, error.message):
                    answers.append(self._read(place, collector, began, error.message))
                else:
                    answers.append(self._answer(place, collector, began, failure=f"it refuses: {error.message}"))
            except ElementError as error:
                return [*answers, *self._failed(place, collectors[position:], error.message)]
            else:
                answers.append(self._read(place, collector, began, text))
        return answers

    def _read(self, place: Place, collector: Collector, began: float, text: str) -> Reply:
        try:
            found = read(collector, text, place.element)
        except UnreadableAnswer as error:
            return self._answer(place, collector, began, failure=str(error))
        return self._answer(place, collector, began, found)

    def _answer(
        self, place: Place, collector: Collector, began: float, found: Collected | None = None, *, failure: str = ""
    ) -> Reply:
        return Reply(place.element, collector, self.clock.now(), time.monotonic() - began, found, failure)

    def _failed(self, place: Place, collectors: Sequence[Collector], failure: str) -> list[Reply]:
        now = self.clock.now()
        return [Reply(place.element, each, now, 0.0, None, failure, reached=False) for each in collectors]


def _question(collector: Collector) -> Question:
    return Question(collector.ask.command, collector.ask.get, collector.ask.rpc)
