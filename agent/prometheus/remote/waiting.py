"""Batches on their way to one receiver: a bounded line, tried again while it is worth it, and counted whatever becomes of them."""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

import httpx
import structlog

from agent.errors import AgentError
from agent.prometheus.remote.gathering import Batch
from policies.values import Clock

log = structlog.get_logger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 30.0
MOST_SHOWN = 200
"""Characters of what a receiver says of a refusal."""


class Lost(StrEnum):
    REFUSED = "refused"
    """The receiver does not want it, now or later."""
    TOO_LATE = "too-late"
    """It could not be delivered for too long."""
    OVERTAKEN = "overtaken"
    """The line was full until the port had been read again."""
    STOPPED = "stopped"
    """The daemon ended first."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one attempt came to."""

    done: bool
    problem: str = ""
    pause_s: float | None = None
    """As the receiver wishes."""


class Line:
    """Belongs to one event loop."""

    def __init__(self, clock: Clock, most: int, give_up_s: float) -> None:
        """`most` samples wait at a time, each for `give_up_s` at most."""
        self.sent = 0
        self.lost: Counter[Lost] = Counter()
        self.waiting = 0
        """Samples, that of the attempt under way included."""
        self._clock, self._most, self._give_up_s = clock, most, give_up_s
        self._batches: deque[tuple[float, Batch]] = deque()
        self._news = asyncio.Event()

    @property
    def room(self) -> int:
        """For so many samples."""
        return max(0, self._most - self.waiting)

    def put(self, batches: Sequence[Batch]) -> None:
        at = self._clock.monotonic()
        self._batches.extend((at, batch) for batch in batches)
        self.waiting += sum(batch.samples for batch in batches)
        self._news.set()

    async def next(self) -> Batch:
        """The first that is worth sending; stays in the line until it is `taken`."""
        while True:
            while self._batches and self._batches[0][0] < self._clock.monotonic() - self._give_up_s:
                self.taken(Lost.TOO_LATE)
            if self._batches:
                return self._batches[0][1]
            self._news.clear()
            await self._news.wait()

    def taken(self, lost: Lost | None = None) -> None:
        """The first one has been delivered, or is given up."""
        _, batch = self._batches.popleft()
        self.waiting -= batch.samples
        if lost is None:
            self.sent += batch.samples
        else:
            self.lost[lost] += batch.samples

    def abandon(self) -> None:
        while self._batches:
            self.taken(Lost.STOPPED)


class Sender:
    """Delivers a line in its order, one request at a time: receivers refuse samples older than the last of their series."""

    def __init__(self, line: Line, client: httpx.AsyncClient, url: str) -> None:
        self._line, self._client, self._url = line, client, url
        self._troubled = ""

    async def run(self) -> None:
        """Until it is cancelled."""
        pause = FIRST_PAUSE_S
        while True:
            batch = await self._line.next()
            told = await self._attempt(batch)
            self._note(told.problem)
            if told.done:
                self._line.taken(Lost.REFUSED if told.problem else None)
                pause = FIRST_PAUSE_S
                continue
            await asyncio.sleep(pause * random.uniform(0.5, 1) if told.pause_s is None else told.pause_s)  # noqa: S311  no secret
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _attempt(self, batch: Batch) -> Told:
        try:
            answer = await self._client.post(self._url, content=batch.body)
        except AgentError as error:
            return Told(done=False, problem=str(error))
        except httpx.HTTPError as error:
            return Told(done=False, problem=f"cannot be reached: {str(error) or type(error).__name__}")
        if answer.is_success:
            return Told(done=True)
        problem = f"answered {answer.status_code}: {' '.join(answer.text.split())[:MOST_SHOWN]}"
        later = answer.is_server_error or answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
        return Told(done=not later, problem=problem, pause_s=_pause(answer) if later else None)

    def _note(self, problem: str) -> None:
        """Once, until it changes."""
        if problem == self._troubled:
            return
        if problem:
            log.warning("the receiver of samples does not take them", url=self._url, problem=problem)
        else:
            log.info("the receiver takes samples again", url=self._url)
        self._troubled = problem


def _pause(answer: httpx.Response) -> float | None:
    wished = answer.headers.get("retry-after", "")
    if not wished.isascii() or not wished.isdigit():
        return None
    return max(FIRST_PAUSE_S, min(float(wished), LONGEST_PAUSE_S))  # at once means soon: nobody is asked without a pause
