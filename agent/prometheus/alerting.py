"""Alertmanagers, told of the open alarms: at once what is new or has ended, and everything again before they would forget it."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx
import structlog

from agent.config import AlertmanagerSettings
from agent.errors import AgentError
from agent.metrics import Family, Sample
from agent.prometheus.alerts import Alert, Labels, Standing, Writing
from agent.prometheus.receivers import Resolve, client
from inventory.db import Database
from policies.values import Clock

log = structlog.get_logger(__name__)

LOOK_EVERY = timedelta(seconds=2)
BELIEVED = 4
"""Times `resend_s` that an alert is believed without being told again."""
AT_ONCE = 500
"""Alerts of one request."""
PATH = "/api/v2/alerts"
MOST_SHOWN = 200


class Desk:
    """One Alertmanager: what it was told, and how that goes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.failures = self.sent = 0
        self.standing = Standing({})
        self._troubled = ""

    async def tell(self, http: httpx.AsyncClient, alerts: Mapping[Labels, Alert], at: datetime, resend: timedelta) -> None:
        news, ended = self.standing.due(alerts, at, resend)
        until = at + BELIEVED * resend
        problem = await self._post(http, [*(each.document(until) for each in news), *(each.document(at) for each in ended)])
        self._note(problem)
        if not problem:
            self.standing = self.standing.told(alerts, news, at, until)

    async def _post(self, http: httpx.AsyncClient, documents: Sequence[Mapping[str, Any]]) -> str:
        """What went wrong, or ""."""
        for first in range(0, len(documents), AT_ONCE):
            some = documents[first : first + AT_ONCE]
            try:
                answer = await http.post(f"{self.url}{PATH}", json=some)
            except AgentError as error:
                return str(error)
            except httpx.HTTPError as error:
                return f"cannot be reached: {str(error) or type(error).__name__}"
            if not answer.is_success:
                return f"answered {answer.status_code}: {' '.join(answer.text.split())[:MOST_SHOWN]}"
            self.sent += len(some)
        return ""

    def _note(self, problem: str) -> None:
        """Logged once, until it changes."""
        self.failures += bool(problem)
        if problem and problem != self._troubled:
            log.warning("an Alertmanager does not take alerts", url=self.url, problem=problem)
        elif self._troubled and not problem:
            log.info("the Alertmanager takes alerts again", url=self.url)
        self._troubled = problem


class Alerting:
    def __init__(self, settings: AlertmanagerSettings, database: Database, clock: Clock, resolve: Resolve) -> None:
        self._settings, self._database, self._clock, self._resolve = settings, database, clock, resolve
        self._desks = [Desk(url) for url in settings.urls]
        self._resend = timedelta(seconds=settings.resend_s)
        self._writing = Writing({}, "")
        self._client: httpx.AsyncClient | None = None

    def start(self, url: str, instance: str) -> None:
        """Within the loop. `url` of this daemon, `instance` as it is scraped."""
        self._writing = Writing({"instance": instance} | self._settings.labels, url)
        self._client = client(self._settings.timeout_s, self._settings.credential, self._resolve)

    async def look(self) -> None:
        """One turn; called by the scheduler."""
        if self._client is None:
            return
        alerts, at = await asyncio.to_thread(self._open), self._clock.now()
        await asyncio.gather(*(desk.tell(self._client, alerts, at, self._resend) for desk in self._desks))

    async def stop(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    def families(self) -> Iterator[Family]:
        def each(value: str) -> list[Sample]:
            return [Sample({"url": desk.url}, getattr(desk, value)) for desk in self._desks]

        standing = [Sample({"url": desk.url}, len(desk.standing.until)) for desk in self._desks]
        yield Family("fabd_alertmanager_alerts", "gauge", "Alerts that stand at the Alertmanager.", standing)
        yield Family("fabd_alertmanager_alerts_sent_total", "counter", "Alerts told, repetitions and ends included.", each("sent"))
        yield Family("fabd_alertmanager_failures_total", "counter", "Attempts to tell that failed.", each("failures"))

    def _open(self) -> dict[Labels, Alert]:
        with self._database.read() as session:
            return self._writing.open_alerts(session)
