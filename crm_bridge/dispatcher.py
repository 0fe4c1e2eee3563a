"""Sends what the outbox holds: at least once, in order per aggregate, with an end to every retry.

A subscriber that does not answer delays nobody else: each has its own few places and its own breaker.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import httpx
import structlog
from sqlalchemy.exc import SQLAlchemyError

from crm_bridge.callbacks import CallbackPolicy, Resolver, bound, system_resolver
from crm_bridge.deliveries import Attempt, Outcome, claim, settle, targets, with_due
from crm_bridge.envelope import Request, hub_request, webhook_request
from crm_bridge.errors import CallbackRefused
from crm_bridge.outbox import DEAD
from crm_bridge.retry import Breaker, retry_after
from crm_bridge.subscriptions import HUB
from inventory.db import Database
from policies.values import Clock

_log = structlog.get_logger(__name__)
_ASKS_FOR_PATIENCE = frozenset({429, 503})
_GONE = 410

SecretResolver = Callable[[str], str]
"""Credential reference → secret; several with spaces between them while a secret is being changed."""


@dataclass(frozen=True, slots=True)
class DispatchSettings:
    source: str = "fabd"
    """CloudEvents `source`; one per installation."""
    timeout_s: float = 10.0
    """Of one attempt as a whole."""
    places: int = 32
    """Attempts under way, over all subscribers."""
    places_each: int = 4
    """Attempts under way, per subscriber."""
    poll_s: float = 1.0
    """How long a delivery may wait to be noticed when nobody calls `wake`."""


class Dispatcher:
    """Runs in an event loop; the database is asked in threads."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        secrets: SecretResolver,
        policy: CallbackPolicy,
        settings: DispatchSettings = DispatchSettings(),
        resolve: Resolver = system_resolver,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database, self._clock, self._secrets, self._policy = database, clock, secrets, policy
        self._settings, self._resolve, self._chance = settings, resolve, chance
        self._breakers: dict[str, Breaker] = {}
        self._busy: Counter[str] = Counter()
        self._running: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self.outcomes: Counter[str] = Counter()
        """delivered, failed, dead and gone, since the start."""

    @property
    def open_breakers(self) -> int:
        now = self._clock.monotonic()
        return sum(breaker.is_open(now) for breaker in self._breakers.values())

    def wake(self) -> None:
        """There may be something to send; call it in the loop's thread."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then no new attempt begins and those under way end within their timeout."""
        stopping = asyncio.create_task(stop.wait())
        async with self._client() as client:
            while not stop.is_set():
                self._woken.clear()
                await self._survive(self._begin(client))
                waiting = asyncio.create_task(self._woken.wait())
                await asyncio.wait({stopping, waiting}, timeout=self._settings.poll_s, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
            await asyncio.gather(*self._running)
        stopping.cancel()

    async def drain(self) -> None:
        """Send what is due now, and what becomes free by that; returns when nothing is due."""
        async with self._client() as client:
            while await self._begin(client) or self._running:
                await asyncio.gather(*self._running)

    def _client(self) -> httpx.AsyncClient:
        """No connection is kept: one made for a name must not serve another name at the same address."""
        return httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            timeout=self._settings.timeout_s,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def _begin(self, client: httpx.AsyncClient) -> int:
        """Start what there are places for; how many."""
        attempts = await asyncio.to_thread(self._claim)
        for attempt in attempts:
            self._busy[attempt.target.id] += 1
            task = asyncio.create_task(self._attempt(client, attempt))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return len(attempts)

    def _claim(self) -> list[Attempt]:
        now, monotonic = self._clock.now(), self._clock.monotonic()
        lease = timedelta(seconds=2 * self._settings.timeout_s + 30)
        with self._database.read() as session:
            known = targets(session)
            due = with_due(session, now) if known else set()
        self._breakers = {target.id: self._breakers.get(target.id, Breaker()) for target in known}
        free = self._settings.places - self._busy.total()
        attempts: list[Attempt] = []
        for target in known:
            allowed = self._breakers[target.id].allowance(self._settings.places_each, monotonic) - self._busy[target.id]
            if min(allowed, free) > 0 and target.id in due:
                with self._database.write() as session:
                    found = claim(session, target, now, limit=min(allowed, free), lease=lease)
                attempts += found
                free -= len(found)
        return attempts

    async def _attempt(self, client: httpx.AsyncClient, attempt: Attempt) -> None:
        try:
            outcome = await self._post(client, attempt)
            self._judge(attempt.target.id, outcome)
            state = await asyncio.to_thread(self._settle, attempt, outcome)
            self._tell(attempt, outcome, state)
        except Exception as error:  # noqa: BLE001  the database is away; the lease runs out and it is tried again
            _log.error(
                "delivery broke off", event_id=attempt.event.id, subscription_id=attempt.target.id, error=type(error).__name__
            )
        finally:
            self._busy[attempt.target.id] -= 1
            self.wake()

    async def _post(self, client: httpx.AsyncClient, attempt: Attempt) -> Outcome:
        """One attempt, from the name to the status; whatever goes wrong is an outcome."""
        try:
            request = self._request(attempt)
        except (LookupError, ValueError, OSError) as error:  # the reference leads nowhere, or to something else than a secret
            return Outcome(delivered=False, error=f"secret {attempt.target.secret_reference}: {error}")
        except Exception as error:  # noqa: BLE001  whatever it is, it may know the secret: its kind is told and not its words
            return Outcome(delivered=False, error=f"secret {attempt.target.secret_reference}: {type(error).__name__}")
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                url, address = await self._policy.locate(attempt.target.callback, self._resolve)
                return await self._send(client, request, url, address)
        except Exception as error:  # noqa: BLE001  a mistake of ours too is retried by the same schedule, and ends
            return self._broken(error)

    def _broken(self, error: Exception) -> Outcome:
        match error:
            case CallbackRefused():
                return Outcome(delivered=False, error=str(error))
            case TimeoutError():
                return Outcome(delivered=False, error=f"no answer within {self._settings.timeout_s:g} s", endpoint_failed=True)
            case httpx.HTTPError() | OSError():
                return Outcome(delivered=False, error=f"{type(error).__name__}: {error}", endpoint_failed=True)
        return Outcome(delivered=False, error=f"could not be sent: {type(error).__name__}")

    def _request(self, attempt: Attempt) -> Request:
        if attempt.target.kind == HUB:
            return hub_request(attempt.event)
        secrets = self._secrets(attempt.target.secret_reference)
        return webhook_request(attempt.event, source=self._settings.source, secrets=secrets, now=self._clock.now())

    async def _send(self, client: httpx.AsyncClient, request: Request, url: httpx.URL, address: str) -> Outcome:
        """Of the answer only the head is read."""
        to = bound(url, address, request.path)
        headers = {**request.headers, **to.headers}
        async with client.stream("POST", to.url, content=request.body, headers=headers, extensions=to.extensions) as response:
            return self._outcome(response)

    def _outcome(self, response: httpx.Response) -> Outcome:
        status = response.status_code
        if response.is_success:
            return Outcome(delivered=True)
        patience = retry_after(response.headers.get("retry-after"), self._clock.now()) if status in _ASKS_FOR_PATIENCE else None
        error = f"answered {status}" + ("; redirects are not followed, correct the callback" if response.is_redirect else "")
        endpoint_failed = response.is_server_error or status in _ASKS_FOR_PATIENCE
        return Outcome(delivered=False, error=error, retry_after=patience, gone=status == _GONE, endpoint_failed=endpoint_failed)

    def _judge(self, subscription_id: str, outcome: Outcome) -> None:
        breaker = self._breakers.get(subscription_id)
        if breaker is None:
            return
        if outcome.endpoint_failed:
            breaker.failed(self._clock.monotonic())
        else:
            breaker.succeeded()

    def _settle(self, attempt: Attempt, outcome: Outcome) -> str:
        with self._database.write() as session:
            return settle(session, attempt, outcome, self._clock.now(), self._chance())

    def _tell(self, attempt: Attempt, outcome: Outcome, state: str) -> None:
        kind = "delivered" if outcome.delivered else "gone" if outcome.gone else "dead" if state == DEAD else "failed"
        self.outcomes[kind] += 1
        if not outcome.delivered:
            _log.warning(
                "delivery failed",
                outcome=kind,
                event_id=attempt.event.id,
                subscription_id=attempt.target.id,
                attempt=attempt.number,
                error=outcome.error,
            )

    @staticmethod
    async def _survive(step: Awaitable[object]) -> None:
        """A database that is away for a moment does not end the dispatcher; the next look comes after `poll_s`."""
        try:
            await step
        except SQLAlchemyError as error:
            _log.warning("outbox not read", error=type(error).__name__)
