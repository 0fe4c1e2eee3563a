"""How the worker gets at an element: a driver, an address and a credential, looked up at the moment they are needed."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from agent.fulfillment.errors import EndpointUnusable
from drivers.errors import DriverSetupError
from drivers.port import Credential, ElementDriver, ElementSession, Target
from inventory.db import Database
from inventory.prepared import Prepared, among
from inventory.tables import ElementRow, EndpointRow

AHEAD_S = 0.5
"""So long an element may be opened by what was looked up ahead: as if it had been opened a little sooner."""

_Endpoint = Row[str, str, str, str, str, int, str]
DriverLookup = Callable[[str], ElementDriver]
"""Protocol → driver; always the same one, it pools sessions."""
CredentialResolver = Callable[[str], Credential]
ProtocolOf = Callable[[str], str]
"""Platform → the protocol it is configured by."""


class Door(Protocol):
    """Raises an `ElementError` when the element cannot be reached or the inventory does not say how."""

    def open(self, deadline: float) -> ElementSession: ...

    def end(self, session_id: str, deadline: float) -> None:
        """End a session that another worker left behind."""
        ...


class Doors(Protocol):
    def to(self, element: str) -> Door: ...

    def look_ahead(self, session: Session, elements: Collection[str]) -> None:
        """They will be opened at once: whatever is to be looked up for that may be looked up here, for all of them together."""
        ...


@dataclass(frozen=True, slots=True)
class InventoryDoors:
    database: Database
    drivers: DriverLookup
    credentials: CredentialResolver
    protocol_of: ProtocolOf
    known_hosts: Path | None = None
    place_of: Callable[[str], str] = str
    """Platform → what a driver loads it by."""
    monotonic: Callable[[], float] = time.monotonic
    _ahead: dict[str, tuple[float, Sequence[_Endpoint]]] = field(default_factory=dict)
    """Element → what was looked up ahead, and when; good for once, and for a moment."""

    def to(self, element: str) -> Door:
        return _InventoryDoor(self, element)

    def look_ahead(self, session: Session, elements: Collection[str]) -> None:
        now = self.monotonic()
        found: dict[str, list[_Endpoint]] = {}
        for row in _ENDPOINTS.named(session.connection(), {"elements": elements}):
            found.setdefault(row.name, []).append(row)
        self._ahead.update((element, (now, rows)) for element, rows in found.items())

    def way(self, element: str) -> tuple[ElementDriver, Target]:
        rows = self._rows(element)
        row = rows[0] if rows else None
        if row is None:
            raise EndpointUnusable(element, "it is no longer in the inventory; import it again")
        if row.administrative == "locked":
            raise EndpointUnusable(element, "it is locked by an operator; unlock it first")
        try:
            protocol = self.protocol_of(row.platform)
            driver = self.drivers(protocol)
        except DriverSetupError as error:
            raise EndpointUnusable(element, str(error)) from error
        endpoint = next((row for row in rows if row.protocol == protocol), None)
        if endpoint is None:
            raise EndpointUnusable(element, f"it has no {protocol} endpoint; add one to the inventory")
        try:
            credential = self.credentials(endpoint.credential)
        except (LookupError, OSError, ValueError) as error:
            raise EndpointUnusable(element, f"credential {endpoint.credential}: {error}") from error
        address = (endpoint.host, endpoint.port)
        return driver, Target(element, self.place_of(row.platform), protocol, *address, credential, self.known_hosts)

    def _rows(self, element: str) -> Sequence[_Endpoint]:
        looked_up, rows = self._ahead.pop(element, (float("-inf"), ()))
        if self.monotonic() - looked_up < AHEAD_S:
            return rows
        with self.database.read() as session:
            return _ENDPOINTS.named(session.connection(), {"elements": [element]})


@dataclass(frozen=True, slots=True)
class _InventoryDoor:
    doors: InventoryDoors
    element: str

    def open(self, deadline: float) -> ElementSession:
        driver, target = self.doors.way(self.element)
        return driver.open(target, deadline)

    def end(self, session_id: str, deadline: float) -> None:
        driver, target = self.doors.way(self.element)
        driver.end_session(target, session_id, deadline)


_ENDPOINTS = Prepared(
    select(
        ElementRow.name,
        ElementRow.platform,
        ElementRow.administrative,
        EndpointRow.protocol,
        EndpointRow.host,
        EndpointRow.port,
        EndpointRow.credential,
    )
    .outerjoin(EndpointRow, EndpointRow.element_id == ElementRow.id)
    .where(among(ElementRow.name, "elements"))
)
"""A row for each of its endpoints."""
