"""`fabd work`: carries out the orders that daemons place on the same PostgreSQL database, and does nothing else.

It listens to nobody, polls nothing and judges no alarm: so it has a core of its own for plans, and who asks the API waits for none
of them. What services tell assurance as they begin and end is written in the plan's own transaction, and found there by daemons.
"""

import asyncio
from datetime import timedelta

import structlog

from agent.config import Settings
from agent.errors import ConfigurationError
from agent.fulfillment.journal import Checkpoint, no_checkpoint
from agent.measurement.service import MeasurementService
from agent.wiring.assurance import lifecycle
from agent.wiring.base import Base
from agent.wiring.fulfilment import fulfilment

log = structlog.get_logger(__name__)

ON_SQLITE = (
    "database.url: `fabd work` works beside `fabd run` on one database, and SQLite serves one process; set it to PostgreSQL, or "
    "leave the work to `fabd run`"
)
STOP_DEADLINE = timedelta(seconds=6)
"""Steps that are not through so long after SIGTERM are left to the journal."""


class Carrier:
    def __init__(self, settings: Settings, *, checkpoint: Checkpoint = no_checkpoint) -> None:
        """Raises what keeps it from starting, each error with its remedy."""
        if settings.on_sqlite:
            raise ConfigurationError([ON_SQLITE])
        own = settings.fulfillment.model_copy(update={"carry_out": True})
        self.base = base = Base(settings.model_copy(update={"fulfillment": own}))
        self.measurement = MeasurementService(
            base.database, base.clock, base.catalog, base.credentials.resolve, settings.measurement
        )
        self.fulfilment = fulfilment(base, lifecycle(base, self.measurement), self.measurement, {}, checkpoint)

    async def start(self) -> None:
        await asyncio.to_thread(self.fulfilment.start)
        log.info("fabd is at work", database=self.base.database.url.render_as_string(hide_password=True))

    async def stop(self) -> None:
        in_time = await asyncio.to_thread(self.fulfilment.stop, STOP_DEADLINE)
        await asyncio.to_thread(self.measurement.stop)
        await asyncio.to_thread(self.base.close)
        log.info("fabd is down", finished=in_time)
