"""Which elements are asked by which collectors, as the inventory has them now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.elements import LOCKED
from inventory.tables import ElementRow, EndpointRow
from policies.collecting.collector import Collector

ATTRIBUTE = "collectors"
"""Element attribute: false where none shall ask, or a list of the names of those that shall."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an element is asked."""

    element: str
    platform: str
    protocol: str
    host: str
    port: int
    credential: str
    """Reference."""


@dataclass(frozen=True, slots=True)
class Assignment:
    place: Place
    collectors: tuple[Collector, ...]
    locked: bool = False
    """Nobody asks it for now."""


Roster = Mapping[tuple[str, str], Assignment]
"""By element and protocol: one session asks for all of them."""


def load_roster(session: Session, collectors: Sequence[Collector]) -> Roster:
    """With the locked ones, which are not asked."""
    platforms = sorted({platform for collector in collectors for platform in collector.platforms})
    rows = session.execute(
        select(ElementRow, EndpointRow)
        .join(EndpointRow, EndpointRow.element_id == ElementRow.id)
        .where(ElementRow.platform.in_(platforms))
        .order_by(ElementRow.name, EndpointRow.protocol)
    )
    found: dict[tuple[str, str], Assignment] = {}
    for element, endpoint in rows:
        if asked := tuple(each for each in collectors if _asks(each, element, endpoint)):
            place = Place(element.name, element.platform, endpoint.protocol, endpoint.host, endpoint.port, endpoint.credential)
            found[element.name, endpoint.protocol] = Assignment(place, asked, locked=element.administrative == LOCKED)
    return found


def _asks(collector: Collector, element: ElementRow, endpoint: EndpointRow) -> bool:
    wanted = element.attributes.get(ATTRIBUTE, True)
    named = collector.name in wanted if isinstance(wanted, list) else bool(wanted)
    return named and element.platform in collector.platforms and endpoint.protocol == collector.ask.protocol
