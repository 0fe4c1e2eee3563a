"""The session of a unit of work that writes."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session, SessionTransaction

POSTPONED = "postponed"
"""In its `info`: what is to be written before anybody asks it something (`inventory.postponed`)."""


class UnitOfWork(Session):
    _held: tuple[SessionTransaction, Connection] | None = None

    def connection(self, *args: Any, **options: Any) -> Connection:  # noqa: ANN401  whatever the session takes
        """Asked for with each statement that is said past the session, so it is found once in a transaction."""
        begun, held = self.get_transaction(), self._held
        if held is not None and held[0] is begun and begun.is_active and not self.in_nested_transaction() and not (args or options):
            return held[1]
        found = super().connection(*args, **options)
        begun = self.get_transaction()
        self._held = None if begun is None else (begun, found)
        return found

    def flush(self, objects: Sequence[Any] | None = None) -> None:
        postponed = self.info.get(POSTPONED)
        if postponed is not None:
            postponed.write(self.connection())
        super().flush(objects)
