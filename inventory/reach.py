"""What a service stands on, by name: itself, its customer, its ports, the elements with anything of it, and their sites."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from inventory.tables import ElementRow, LinkRow, PortRow, ServicePartRow, ServiceResourceRow, ServiceRow, SiteRow

_BATCH = 500
"""Services asked for at once: databases bound the parameters of a statement."""


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """What something is about."""

    kind: str
    """element, port (element/port), site, service (id) or customer (account number)."""
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Reach:
    service_id: str
    scopes: frozenset[Scope]


def reaches(session: Session, services: Collection[str]) -> list[Reach]:
    """Of these services (ids), in a number of queries that does not grow with what they run over."""
    sites, wanted = _sites_by_element(session), sorted(set(services))
    found: dict[str, set[Scope]] = {}
    for begin in range(0, len(wanted), _BATCH):
        some = wanted[begin : begin + _BATCH]
        _themselves(session, some, found)
        for service_id, element in _elements(session, some):
            found[service_id].update([Scope("element", element), *(Scope("site", name) for name in sites[element])])
        for service_id, element, port in _ports(session, some):
            found[service_id].update([Scope("port", f"{element}/{port}"), Scope("element", element)])
            found[service_id].update(Scope("site", name) for name in sites[element])
    return [Reach(service_id, frozenset(scopes)) for service_id, scopes in found.items()]


def sites_of(session: Session) -> dict[str, frozenset[str]]:
    """Site id → its name and those of the sites above it."""
    rows = {row.id: (row.name, row.parent_id) for row in session.execute(select(SiteRow.id, SiteRow.name, SiteRow.parent_id))}
    return {site_id: frozenset(_upwards(site_id, rows)) for site_id in rows}


def _upwards(site_id: str | None, rows: Mapping[str, tuple[str, str | None]]) -> list[str]:
    names: list[str] = []
    while site_id is not None and rows[site_id][0] not in names:
        name, site_id = rows[site_id]
        names.append(name)
    return names


def _sites_by_element(session: Session) -> dict[str, frozenset[str]]:
    above = sites_of(session)
    return {row.name: above[row.site_id] for row in session.execute(select(ElementRow.name, ElementRow.site_id))}


def _themselves(session: Session, some: Collection[str], found: dict[str, set[Scope]]) -> None:
    rows = session.execute(select(ServiceRow.id, ServiceRow.customer).where(ServiceRow.id.in_(some)))
    found.update({service_id: {Scope("service", service_id), Scope("customer", customer)} for service_id, customer in rows})


def _elements(session: Session, some: Collection[str]) -> Iterable[tuple[str, str]]:
    own = ServicePartRow.service_id.in_(some)
    statement = select(ServicePartRow.service_id, ElementRow.name).join(ElementRow, ElementRow.id == ServicePartRow.element_id)
    return ((service_id, element) for service_id, element in session.execute(statement.where(own)))


def _ports(session: Session, some: Collection[str]) -> Iterable[tuple[str, str, str]]:
    """Its own, and those at both ends of its links."""
    ends = or_(LinkRow.a_port_id == PortRow.id, LinkRow.b_port_id == PortRow.id)
    own = ServiceResourceRow.service_id.in_(some)
    what = select(ServiceResourceRow.service_id, ElementRow.name, PortRow.name)
    direct = what.join(PortRow, PortRow.id == ServiceResourceRow.port_id)
    linked = what.join(LinkRow, LinkRow.id == ServiceResourceRow.link_id).join(PortRow, ends)
    for statement in (direct, linked):
        rows = session.execute(statement.join(ElementRow, ElementRow.id == PortRow.element_id).where(own))
        yield from ((service_id, element, port) for service_id, element, port in rows)
