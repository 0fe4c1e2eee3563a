"""The session of a unit of work that writes."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

POSTPONED = "postponed"
"""In its `info`: what is to be written before anybody asks it something (`inventory.postponed`)."""


class UnitOfWork(Session):
    def flush(self, objects: Sequence[Any] | None = None) -> None:
        postponed = self.info.get(POSTPONED)
        if postponed is not None:
            postponed.write(self.connection())
        super().flush(objects)
