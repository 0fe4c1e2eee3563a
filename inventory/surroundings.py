"""The part of the network that is asked for, read as it is asked for: three ports cost three ports, however many there are."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, Table, bindparam, or_, select
from sqlalchemy.orm import Session, aliased

from inventory.errors import UnknownObject
from inventory.postponed import settle
from inventory.prepared import Prepared, among
from inventory.tables import ElementRow, LinkRow, PortRow, SiteRow
from inventory.topology import Accept, ElementNode, Graph, Hop, LinkNode, PortNode, both_ways, no_such_port, split_reference

_TABLES = tuple(cast("Table", kind.__table__) for kind in (SiteRow, ElementRow, PortRow))
_A, _B = aliased(PortRow), aliased(PortRow)
_PORT = (PortRow.id, PortRow.element_id, PortRow.name, PortRow.if_index, PortRow.speed_bps, PortRow.role)
_ELEMENT = (
    ElementRow.id,
    ElementRow.name,
    ElementRow.platform,
    ElementRow.role,
    SiteRow.name,
    ElementRow.administrative,
    ElementRow.attributes,
)


class Surroundings(Graph):
    """In one transaction, and no longer than it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._elements: dict[str, ElementNode] = {}
        self._names: dict[str, str] = {}
        """Element id → name."""
        self._ports: dict[str, PortNode] = {}
        """By id."""
        self._by_reference: dict[str, PortNode] = {}
        self._hops: dict[str, tuple[Hop, ...]] = {}

    def element(self, name: str) -> ElementNode:
        if name not in self._elements:
            settle(self._session, *_TABLES)
            self._keep_elements(_NAMED_ELEMENT.rows(self._session.connection(), {"element": name}))
        try:
            return self._elements[name]
        except KeyError:
            raise UnknownObject("element", name) from None

    def port(self, reference: str) -> PortNode:
        known = self._by_reference.get(reference)
        if known is not None:
            return known
        element, _, name = split_reference(reference)
        settle(self._session, *_TABLES)
        found = _NAMED_PORT.first(self._session.connection(), {"element": element, "port": name})
        if found is None:
            raise no_such_port(self, reference)
        self._keep_elements([found[len(_PORT) :]])
        return self._keep_port(found[: len(_PORT)])

    def port_by_id(self, port_id: str) -> PortNode:
        if port_id not in self._ports:
            settle(self._session, *_TABLES)
            found = _PORT_OF_ID.first(self._session.connection(), {"port": port_id})
            if found is None:
                raise UnknownObject("port", port_id)
            self._keep_elements([found[len(_PORT) :]])
            self._keep_port(found[: len(_PORT)])
        return self._ports[port_id]

    def look_ahead(self, port_ids: Iterable[str]) -> None:
        """They will be asked for: read at once what would else be read one by one. Those that are not there are left out."""
        missing = sorted(set(port_ids) - self._ports.keys())
        if missing:
            for found in _PORTS_OF_IDS.rows(self._session.connection(), {"ports": missing}):
                self._keep_elements([found[len(_PORT) :]])
                self._keep_port(found[: len(_PORT)])

    def link_by_id(self, link_id: str) -> LinkNode:
        found = self._links(LinkRow.id == link_id)
        if not found:
            raise UnknownObject("link", link_id)
        return found[0]

    def link_of(self, reference: str) -> LinkNode | None:
        port = self.port(reference)
        hops = (hop for hop in self.neighbours(port.element) if hop.out_port.id == port.id)
        return next((hop.link for hop in hops), None)

    def neighbours(self, element: str) -> tuple[Hop, ...]:
        if element not in self._hops:
            here = self.element(element)
            self._hops[element] = tuple(
                hop
                for link in self._links(or_(_A.element_id == here.id, _B.element_id == here.id))
                for hop in both_ways(link)
                if hop.out_port.element == here.name
            )
        return self._hops[element]

    # -- reading -------------------------------------------------------------------------------------------------------

    def _links(self, condition: ColumnElement[bool]) -> list[LinkNode]:
        links = (
            select(LinkRow.id, LinkRow.name, LinkRow.a_port_id, LinkRow.b_port_id)
            .join(_A, _A.id == LinkRow.a_port_id)
            .join(_B, _B.id == LinkRow.b_port_id)
            .where(condition)
            .order_by(LinkRow.name)
        )
        rows = self._session.execute(links).all()
        self._ports_by_id({port_id for row in rows for port_id in (row.a_port_id, row.b_port_id)})
        return [LinkNode(row.id, row.name, self._ports[row.a_port_id], self._ports[row.b_port_id]) for row in rows]

    def _ports_by_id(self, wanted: Iterable[str]) -> None:
        missing = sorted(set(wanted) - self._ports.keys())
        if missing:
            rows = self._session.execute(select(*_PORT).where(PortRow.id.in_(missing))).all()
            self._elements_by_id([row.element_id for row in rows])
            for row in rows:
                self._keep_port(row)

    def _elements_by_id(self, wanted: Iterable[str]) -> None:
        missing = sorted(set(wanted) - self._names.keys())
        if missing:
            self._keep_elements(self._session.execute(_elements().where(ElementRow.id.in_(missing))))

    def _keep_elements(self, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            node = ElementNode(*row)
            self._elements[node.name] = node
            self._names[node.id] = node.name

    def _keep_port(self, row: Sequence[Any]) -> PortNode:
        port_id, element_id, name, if_index, speed_bps, role = row
        node = PortNode(port_id, self._names[element_id], name, if_index, speed_bps, role)
        self._ports[node.id] = self._by_reference[node.reference] = node
        return node


class Detour(Surroundings):
    """The same, but for links that no way leads over."""

    def __init__(self, session: Session, without: Collection[str]) -> None:
        super().__init__(session)
        self._without = without

    def route(
        self, start: str, *, goal: Accept, through: Accept = lambda _: True, over: Callable[[LinkNode], bool] = lambda _: True
    ) -> tuple[Hop, ...] | None:
        return super().route(start, goal=goal, through=through, over=lambda link: link.name not in self._without and over(link))


def _elements() -> Select[Any]:
    return select(*_ELEMENT).join(SiteRow, SiteRow.id == ElementRow.site_id)


_NAMED_ELEMENT = Prepared(_elements().where(ElementRow.name == bindparam("element")))
_PORTS = (
    select(*_PORT, *_ELEMENT).join(ElementRow, ElementRow.id == PortRow.element_id).join(SiteRow, SiteRow.id == ElementRow.site_id)
)
_NAMED_PORT = Prepared(_PORTS.where(ElementRow.name == bindparam("element"), PortRow.name == bindparam("port")))
_PORTS_OF_IDS = Prepared(_PORTS.where(among(PortRow.id, "ports")))
_PORT_OF_ID = Prepared(_PORTS.where(PortRow.id == bindparam("port")))
