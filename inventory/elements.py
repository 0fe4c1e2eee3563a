"""Elements and how they are managed, by name."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.changes import note_network_change
from inventory.errors import UnknownObject
from inventory.tables import ElementRow, EndpointRow, SiteRow

LOCKED = "locked"
"""Neither polled nor configured, by an operator's word."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an element is managed by one protocol; `credential` is a reference."""

    element: str
    protocol: str
    host: str
    port: int
    credential: str


@dataclass(frozen=True, slots=True)
class Element:
    id: str
    name: str
    site: str
    platform: str
    role: str
    administrative: str
    attributes: Mapping[str, object]
    endpoints: tuple[Endpoint, ...]
    """In the order of their protocols' names."""

    def endpoint(self, protocol: str) -> Endpoint:
        """`UnknownObject` when the element is not managed that way."""
        for endpoint in self.endpoints:
            if endpoint.protocol == protocol:
                return endpoint
        remedy = f"the inventory has {', '.join(endpoint.protocol for endpoint in self.endpoints) or 'none'}; add it"
        raise UnknownObject(f"{protocol} endpoint of element", self.name, remedy)


def element(session: Session, name: str) -> Element:
    return _view(session, element_row(session, name))


def elements(session: Session) -> tuple[Element, ...]:
    """All, by name."""
    return tuple(_view(session, row) for row in session.scalars(select(ElementRow).order_by(ElementRow.name)))


def element_row(session: Session, name: str) -> ElementRow:
    row = session.scalars(select(ElementRow).where(ElementRow.name == name)).first()
    if row is None:
        raise UnknownObject("element", name)
    return row


def endpoints(session: Session, protocol: str, *, locked: bool = False) -> tuple[Endpoint, ...]:
    """Every element's endpoint of that protocol, by element; those of locked elements only when asked for."""
    query = (
        select(EndpointRow, ElementRow.name)
        .join(ElementRow, ElementRow.id == EndpointRow.element_id)
        .where(EndpointRow.protocol == protocol)
        .order_by(ElementRow.name)
    )
    if not locked:
        query = query.where(ElementRow.administrative != LOCKED)
    return tuple(_endpoint(row, name) for row, name in session.execute(query))


def set_administrative(session: Session, name: str, state: str) -> None:
    """`locked` or `unlocked` (X.731): whether the element is polled and configured."""
    if state not in {LOCKED, "unlocked"}:
        raise ValueError(f"{state!r} is neither locked nor unlocked")
    element_row(session, name).administrative = state
    note_network_change(session)


def _view(session: Session, row: ElementRow) -> Element:
    ways = sorted(row.endpoints, key=lambda endpoint: endpoint.protocol)
    return Element(
        id=row.id,
        name=row.name,
        site=session.get_one(SiteRow, row.site_id).name,
        platform=row.platform,
        role=row.role,
        administrative=row.administrative,
        attributes=dict(row.attributes),
        endpoints=tuple(_endpoint(endpoint, row.name) for endpoint in ways),
    )


def _endpoint(row: EndpointRow, element: str) -> Endpoint:
    return Endpoint(element, row.protocol, row.host, row.port, row.credential)
