"""What every part stands on: settings, catalog, clock, database, credentials, drivers."""

from agent import storage
from agent.api import idempotency
from agent.catalog import load_catalog, load_foresight
from agent.clock import SystemClock
from agent.config import Settings
from agent.instance import Instance
from agent.security.audit import DAEMON, record
from agent.security.credentials import CredentialResolver
from crm_bridge import deliveries
from drivers.platform import Platforms
from drivers.registry import Drivers
from inventory.db import Database
from inventory.servertime import ServerTime
from inventory.work import DatabaseQueue
from policies.values import Clock


class Base:
    """The first that is opened and the last that is closed."""

    def __init__(self, settings: Settings) -> None:
        """Raises what keeps a daemon from this catalog or this database, each error with its remedy."""
        self.settings = settings
        self.clock = SystemClock()
        self.catalog = load_catalog(settings.catalog)
        self.foresight = load_foresight(settings.catalog)
        self.database = Database(settings.database_url, pool_size=settings.database.pool_size)
        storage.make_file(self.database)
        self.instance = Instance(self.database)
        prepare(self.database, self.clock)
        self._inherit()
        self.queue = DatabaseQueue(self.database, server_time=ServerTime())
        self.credentials = CredentialResolver(settings.credentials_file)
        self.drivers = Drivers()
        self.platforms = Platforms(tuple(settings.catalog.platforms))

    def close(self) -> None:
        self.drivers.close()
        self.database.close()
        self.instance.release()

    def _inherit(self) -> None:
        """Requests and events that a predecessor had in hand when it died may be sent again at once."""
        if self.instance.sole:
            with self.database.write() as session:
                idempotency.abandon(session)
                deliveries.inherit(session, self.clock.now())


def prepare(database: Database, clock: Clock) -> None:
    """A new database gets its schema; an old or newer one is refused with the remedy."""
    if storage.current_revision(database) is None:
        schema = storage.upgrade(database)
        with database.write() as session:
            record(session, DAEMON, "upgrade", "database", clock.now(), after={"schema": schema})
    storage.require_current(database)
