"""Elements as commands reach them by themselves, without a daemon."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.fulfillment.doors import InventoryDoors
from agent.security.credentials import CredentialResolver
from drivers.registry import Drivers

if TYPE_CHECKING:
    from agent.cli.desk import Desk
    from inventory.db import Database


@contextmanager
def doors(desk: Desk, database: Database) -> Iterator[InventoryDoors]:
    """Sessions that were opened through them are ended at the end."""
    drivers, platforms = Drivers(), desk.platforms
    try:
        yield InventoryDoors(
            database,
            drivers,
            CredentialResolver(desk.settings.credentials_file).resolve,
            lambda name: platforms.load(name).protocol,
            desk.settings.known_hosts_file,
            platforms.place,
        )
    finally:
        drivers.close()
