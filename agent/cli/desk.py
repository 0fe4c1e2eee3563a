"""What commands work with that need no running daemon: settings, the database, the clock, and who sits there.

The database and everything else that takes long to load is loaded by those commands that use it.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.errors import NoDatabase
from agent.clock import SystemClock
from agent.config import Settings, load_settings
from policies.values import Clock, new_id

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from agent.security.audit import Actor
    from drivers.platform import Platforms
    from inventory.db import Database


@dataclass(frozen=True)
class Desk:
    """Whoever may read the settings and the database is the administrator; what they change is on record."""

    config: Path | None
    clock: Clock

    @cached_property
    def settings(self) -> Settings:
        """Raises `ConfigurationError` with every mistake."""
        return load_settings(self.config)

    @cached_property
    def actor(self) -> Actor:
        from agent.security.audit import Actor  # noqa: PLC0415  see above
        from agent.security.roles import Role  # noqa: PLC0415  see above

        return Actor(f"cli:{_user()}", Role.ADMIN.value, "local", new_id("cor", self.clock.now()))

    @property
    def platforms(self) -> Platforms:
        from drivers.platform import Platforms  # noqa: PLC0415  see above

        return Platforms(tuple(self.settings.catalog.platforms))

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with self.database() as database, database.read_at_length() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction."""
        with self.database() as database, database.write() as session:
            yield session

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The database of this program's version; raises `NoDatabase` or `DatabaseVersionError`."""
        from agent.storage import require_current  # noqa: PLC0415  see above

        with self.any_database(must_exist=True) as database:
            require_current(database)
            yield database

    @contextmanager
    def any_database(self, *, must_exist: bool) -> Iterator[Database]:
        """The database of whatever version. A look at an SQLite file that is not there would make it."""
        from inventory.db import Database  # noqa: PLC0415  see above

        database = Database(self.settings.database_url)
        path = database.url.database
        try:
            if must_exist and database.is_sqlite and path and path != ":memory:" and not Path(path).exists():
                raise NoDatabase(f"there is no database at {path}; make it with `fabd db upgrade`, or name another with --config")
            yield database
        finally:
            database.close()


def desk(config: Path | None) -> Desk:
    return Desk(config, SystemClock())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return str(os.getuid())
