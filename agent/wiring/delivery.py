"""Events on their way to those who subscribed: where they may be sent, the webhooks of the settings, the dispatcher."""

import asyncio

from agent.webhooks import keep_webhooks
from agent.wiring.base import Base
from crm_bridge.callbacks import CallbackPolicy
from crm_bridge.dispatcher import Dispatcher, DispatchSettings

LAST_S = 1
"""How long the end of the daemon waits for a delivery that is under way."""


class Delivery:
    def __init__(self, base: Base) -> None:
        """Raises `CallbackRefused` or `InvalidSubscription` for a webhook of the settings."""
        settings = base.settings.outbox
        self.policy = CallbackPolicy.of(settings.allow_private, http=settings.allow_http)
        with base.database.write() as session:
            keep_webhooks(session, settings.webhooks, self.policy, base.clock.now())
        self._dispatcher = Dispatcher(
            base.database,
            base.clock,
            secrets=lambda reference: base.credentials.resolve(reference).password,
            policy=self.policy,
            settings=DispatchSettings(timeout_s=settings.timeout_s),
        )
        self._stopping = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Within the loop."""
        self._running = asyncio.create_task(self._dispatcher.run(self._stopping), name="dispatcher")

    def end(self) -> None:
        """Nothing new is sent."""
        self._stopping.set()

    async def stop(self) -> None:
        self.end()
        if self._running:
            await asyncio.wait({self._running}, timeout=LAST_S)
            self._running.cancel()
