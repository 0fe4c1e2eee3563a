"""Assurance's work with the database: in a thread, one piece at a time, so that rounds neither overlap nor hold up the loop."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.orm import Session

from inventory.db import Database

T = TypeVar("T")


class Writer:
    """Lives in one asyncio loop. Whoever changes what rounds remember, or alarms of failures, goes through here."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Lock()

    async def run(self, work: Callable[[], T]) -> T:
        """`work` opens transactions of its own."""
        async with self._turn:
            return await asyncio.to_thread(work)

    async def carry_out(self, work: Callable[[Session], object]) -> None:
        """In one transaction."""

        def carried() -> None:
            with self._database.write() as session:
                work(session)

        await self.run(carried)


def in_pieces(database: Database, work: Callable[[Session], int]) -> int:
    """Each in a transaction of its own, until one finds nothing left: others want to write meanwhile. How much was found."""
    done = 0
    while True:
        with database.write() as session:
            found = work(session)
        if not found:
            return done
        done += found
