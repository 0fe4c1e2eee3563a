"""How the worker gets at an element: a driver, an address and a credential, looked up at the moment they are needed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import bindparam, select

from agent.fulfillment.errors import EndpointUnusable
from drivers.errors import DriverSetupError
from drivers.port import Credential, ElementDriver, ElementSession, Target
from inventory.db import Database
from inventory.tables import ElementRow, EndpointRow

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


@dataclass(frozen=True, slots=True)
class InventoryDoors:
    database: Database
    drivers: DriverLookup
    credentials: CredentialResolver
    protocol_of: ProtocolOf
    known_hosts: Path | None = None
    place_of: Callable[[str], str] = str
    """Platform → what a driver loads it by."""

    def to(self, element: str) -> Door:
        return _InventoryDoor(self, element)

    def way(self, element: str) -> tuple[ElementDriver, Target]:
        with self.database.read() as session:
            rows = session.connection().execute(_ENDPOINTS, {"element": element}).all()
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


_ENDPOINTS = (
    select(
        ElementRow.platform,
        ElementRow.administrative,
        EndpointRow.protocol,
        EndpointRow.host,
        EndpointRow.port,
        EndpointRow.credential,
    )
    .outerjoin(EndpointRow, EndpointRow.element_id == ElementRow.id)
    .where(ElementRow.name == bindparam("element"))
)
"""A row for each of its endpoints."""
