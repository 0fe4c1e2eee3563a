"""The inventory as TMF639 resources: elements, ports and links are physical; pools and what is given from them are logical.

States are X.731's: administrative is the operator's word, operational what assurance has seen, usage what services take.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, func, literal, select
from sqlalchemy.orm import Session

from agent.api.listing import Listing
from agent.api.query import Document
from agent.api.shapes import ANYTHING, INSTANT, TEXT, Shape, many, named, opened
from agent.api.tmf.characteristics import characteristics
from agent.api.tmf.paths import RESOURCE_INVENTORY, service_href
from agent.api.tmf.presenter import said, text_of
from agent.assurance.alarms.causes import LINK_DOWN, LINK_SILENT, UNREACHABLE
from agent.assurance.tables import AlarmRow
from inventory.ports import WHOLE_PORT
from inventory.tables import AllocationRow, ElementRow, LinkRow, PoolRow, PortClaimRow, PortRow, ServicePartRow, SiteRow

PHYSICAL, LOGICAL = "physicalResource", "logicalResource"
_OF_ALLOCATION = {"allocated": "reserved", "quarantined": "standby", "reserved": "reserved"}


def _one_of(*words: str) -> Shape:
    return {"type": "string", "enum": list(words)}


_COMMON: dict[str, Shape] = {
    "id": TEXT,
    "href": TEXT,
    "name": TEXT,
    "category": TEXT,
    "description": TEXT,
    "resourceVersion": TEXT,
    "startOperatingDate": INSTANT,
    "endOperatingDate": INSTANT,
    "administrativeState": _one_of("locked", "unlocked", "shutdown"),
    "operationalState": _one_of("enable", "disable"),
    "usageState": _one_of("idle", "active", "busy"),
    "resourceStatus": _one_of("standby", "alarm", "available", "reserved", "unknown", "suspended"),
    "resourceCharacteristic": many(opened(name=TEXT, value=ANYTHING, valueType=TEXT)),
    "resourceRelationship": many(opened(id=TEXT, href=TEXT, relationshipType=TEXT)),
    "relatedParty": many(opened(id=TEXT, name=TEXT, role=TEXT)),
    "note": many(opened(author=TEXT, date=TEXT, text=TEXT)),
    "@type": TEXT,
}
RESOURCE = named("Resource", opened(**_COMMON))
PHYSICAL_RESOURCE = named(
    "PhysicalResource",
    opened(**_COMMON, manufactureDate=INSTANT, powerState=TEXT, serialNumber=TEXT, versionNumber=TEXT),
)
LOGICAL_RESOURCE = named("LogicalResource", opened(**_COMMON, value=TEXT))


def element_document(session: Session, row: ElementRow) -> Document:
    return _elements(session, [row])[0]


def _elements(session: Session, rows: Sequence[ElementRow]) -> list[Document]:
    sites = _sites(session, (row.site_id for row in rows))
    down, alarmed = _alarms(session, [row.name for row in rows])
    parts = select(ServicePartRow.element_id, func.count()).where(ServicePartRow.element_id.in_([row.id for row in rows]))
    services = _counts(session, parts.group_by(ServicePartRow.element_id))
    return [
        _physical(
            row.id,
            "Element",
            row.name,
            administrativeState=row.administrative,
            operationalState="disable" if (row.name, UNREACHABLE) in down else "enable",
            usageState="active" if services.get(row.id) else "idle",
            resourceStatus=_status(locked=row.administrative == "locked", alarmed=row.name in alarmed),
            resourceCharacteristic=_characteristics(
                {
                    "site": sites.get(row.site_id, ""),
                    "platform": row.platform,
                    "role": row.role,
                    "managedBy": sorted(endpoint.protocol for endpoint in row.endpoints),
                    "services": services.get(row.id, 0),
                }
            ),
        )
        for row in rows
    ]


def _ports(session: Session, rows: Sequence[PortRow]) -> list[Document]:
    ids = [row.id for row in rows]
    elements = {
        row.id: row for row in session.scalars(select(ElementRow).where(ElementRow.id.in_({row.element_id for row in rows})))
    }
    down, alarmed = _alarms(session, [row.name for row in elements.values()])
    claims: dict[str, list[PortClaimRow]] = {}
    for claim in session.scalars(select(PortClaimRow).where(PortClaimRow.port_id.in_(ids)).order_by(PortClaimRow.vlan)):
        claims.setdefault(claim.port_id, []).append(claim)
    return [_port(row, elements[row.element_id], claims.get(row.id, []), down, alarmed) for row in rows]


def _port(
    row: PortRow, element: ElementRow, claims: Sequence[PortClaimRow], down: set[tuple[str, str]], alarmed: set[str]
) -> Document:
    name = f"{element.name}/{row.name}"
    locked = element.administrative == "locked"
    whole = any(claim.vlan == WHOLE_PORT for claim in claims)
    return _physical(
        row.id,
        "Port",
        name,
        administrativeState=element.administrative,
        operationalState="disable" if {(name, LINK_DOWN), (element.name, UNREACHABLE)} & down else "enable",
        usageState="busy" if whole else "active" if claims else "idle",
        resourceStatus=_status(locked=locked, alarmed=name in alarmed, reserved=bool(claims)),
        resourceCharacteristic=_characteristics(
            {
                "speed": row.speed_bps,
                "role": row.role,
                "ifIndex": row.if_index,
                "vlans": [claim.vlan for claim in claims if claim.vlan],
            }
        ),
        resourceRelationship=[_related("isContainedIn", PHYSICAL, element.id), *_services(claim.service_id for claim in claims)],
    )


def _links(session: Session, rows: Sequence[LinkRow]) -> list[Document]:
    ends = {end for row in rows for end in (row.a_port_id, row.b_port_id)}
    named_ends = select(PortRow.id, ElementRow.name, PortRow.name).join(ElementRow, ElementRow.id == PortRow.element_id)
    names = {port_id: f"{element}/{port}" for port_id, element, port in session.execute(named_ends.where(PortRow.id.in_(ends)))}
    down, _ = _alarms(session, {name.partition("/")[0] for name in names.values()})
    return [
        _physical(
            row.id,
            "Link",
            row.name,
            administrativeState="unlocked",
            operationalState="disable" if _broken(names[row.a_port_id], names[row.b_port_id]) & down else "enable",
            resourceStatus="available",
            resourceCharacteristic=_characteristics({"a": names[row.a_port_id], "b": names[row.b_port_id]}),
            resourceRelationship=[_related("connects", PHYSICAL, end) for end in (row.a_port_id, row.b_port_id)],
        )
        for row in rows
    ]


def _pools(session: Session, rows: Sequence[PoolRow]) -> list[Document]:
    given = select(AllocationRow.pool_id, func.count()).where(AllocationRow.pool_id.in_([row.id for row in rows]))
    counts = _counts(session, given.where(AllocationRow.state != "quarantined").group_by(AllocationRow.pool_id))
    return [_pool(row, counts.get(row.id, 0)) for row in rows]


def _pool(row: PoolRow, given: int) -> Document:
    taken = row.used_bps if row.kind == "bandwidth" else given
    full = taken >= int(row.size)
    return _logical(
        row.id,
        "Pool",
        row.name,
        administrativeState="unlocked",
        operationalState="enable",
        usageState="busy" if full else "active" if taken else "idle",
        resourceStatus="reserved" if full else "available",
        resourceCharacteristic=_characteristics({"kind": row.kind, "size": row.size, "taken": taken, **row.definition}),
    )


def _allocations(session: Session, rows: Sequence[AllocationRow]) -> list[Document]:
    pools = {row.id: row for row in session.scalars(select(PoolRow).where(PoolRow.id.in_({row.pool_id for row in rows})))}
    return [
        _logical(
            row.id,
            "Allocation",
            f"{pools[row.pool_id].name} {row.value}",
            value=row.value,
            administrativeState="unlocked",
            operationalState="enable",
            usageState="busy" if row.state == "allocated" else "idle",
            resourceStatus=_OF_ALLOCATION[row.state],
            startOperatingDate=text_of(row.allocated_at),
            description=row.reason or None,
            resourceCharacteristic=_characteristics(
                {"kind": pools[row.pool_id].kind, "state": row.state, "role": row.role, "bandwidth": row.amount_bps or None}
            ),
            resourceRelationship=[
                _related("isAllocatedFrom", LOGICAL, row.pool_id),
                *_services([row.service_id] if row.service_id else []),
            ],
        )
        for row in rows
    ]


def _physical(identity: str, category: str, name: str, **attributes: object) -> Document:
    return _resource(PHYSICAL, identity, category, name, attributes)


def _logical(identity: str, category: str, name: str, **attributes: object) -> Document:
    return _resource(LOGICAL, identity, category, name, attributes)


def _resource(kind: str, identity: str, category: str, name: str, attributes: Mapping[str, object]) -> Document:
    known = {"id": identity, "href": _href(kind, identity), "name": name, "category": category}
    return said({**known, **attributes, "@type": kind[0].upper() + kind[1:]})


def _href(kind: str, identity: str) -> str:
    return f"{RESOURCE_INVENTORY}/{kind}/{identity}"


def _related(relation: str, kind: str, identity: str) -> dict[str, Any]:
    whole = {"id": identity, "href": _href(kind, identity)}
    return {**whole, "relationshipType": relation, "resource": whole, "@type": "ResourceRelationship"}


def _services(ids: Iterable[str]) -> list[dict[str, Any]]:
    found = []
    for identity in dict.fromkeys(ids):
        whole = {"id": identity, "href": service_href(identity)}
        found.append({**whole, "relationshipType": "isUsedBy", "resource": whole, "@type": "ResourceRelationship"})
    return found


def _characteristics(values: Mapping[str, object]) -> list[dict[str, Any]]:
    return characteristics({name: value for name, value in values.items() if value is not None})


def _status(*, locked: bool, alarmed: bool, reserved: bool = False) -> str:
    if locked:
        return "suspended"
    if alarmed:
        return "alarm"
    return "reserved" if reserved else "available"


def _broken(a: str, b: str) -> set[tuple[str, str]]:
    """Alarms at the ports of a link with which it carries nothing."""
    return {(end, cause) for end in (a, b) for cause in (LINK_DOWN, LINK_SILENT)}


def _alarms(session: Session, elements: Iterable[str]) -> tuple[set[tuple[str, str]], set[str]]:
    """Of the active alarms of these elements: (`element` or `element/port`, cause), and what has any; an element has its ports'."""
    query = select(AlarmRow.element, AlarmRow.object, AlarmRow.cause)
    found = session.execute(query.where(AlarmRow.element.in_(set(elements)), AlarmRow.cleared_at.is_(None))).all()
    causes = {(f"{element}/{thing}", cause) for element, thing, cause in found}
    causes |= {(element, cause) for element, _, cause in found if cause == UNREACHABLE}
    return causes, {name for name, _ in causes} | {element for element, _, _ in found}


def _sites(session: Session, ids: Iterable[str]) -> Mapping[str, str]:
    return dict(session.execute(select(SiteRow.id, SiteRow.name).where(SiteRow.id.in_(set(ids)))).all())


def _counts(session: Session, query: Select[str, int]) -> Mapping[str, int]:
    return dict(session.execute(query).all())


_PORT_NAME = (
    select(ElementRow.name + "/" + PortRow.name).where(ElementRow.id == PortRow.element_id).correlate(PortRow).scalar_subquery()
)
_PORT_STATE = select(ElementRow.administrative).where(ElementRow.id == PortRow.element_id).correlate(PortRow).scalar_subquery()

_ALLOCATION_NAME = (
    select(PoolRow.name + " " + AllocationRow.value)
    .where(PoolRow.id == AllocationRow.pool_id)
    .correlate(AllocationRow)
    .scalar_subquery()
)


def _told(kind: str, category: str) -> dict[str, Any]:
    """What is the same of all of a category, so that the database need not be looked at for another."""
    return {"@type": literal(kind[0].upper() + kind[1:]), "category": literal(category)}


def physical_listings(shape: Shape) -> tuple[Listing[Any], ...]:
    elements = Listing(
        ElementRow,
        _elements,
        texts={
            "id": ElementRow.id,
            "name": ElementRow.name,
            "administrativeState": ElementRow.administrative,
            **_told(PHYSICAL, "Element"),
        },
        instants={},
        order=(ElementRow.name,),
        key=ElementRow.id,
        shape=shape,
    )
    ports = Listing(
        PortRow,
        _ports,
        texts={"id": PortRow.id, "name": _PORT_NAME, "administrativeState": _PORT_STATE, **_told(PHYSICAL, "Port")},
        instants={},
        order=(PortRow.element_id, PortRow.name),
        key=PortRow.id,
        shape=shape,
    )
    links = Listing(
        LinkRow,
        _links,
        texts={
            "id": LinkRow.id,
            "name": LinkRow.name,
            "administrativeState": literal("unlocked"),
            **_told(PHYSICAL, "Link"),
        },
        instants={},
        order=(LinkRow.name,),
        key=LinkRow.id,
        shape=shape,
    )
    return elements, ports, links


def logical_listings(shape: Shape) -> tuple[Listing[Any], ...]:
    always = {"administrativeState": literal("unlocked"), "operationalState": literal("enable")}
    pools = Listing(
        PoolRow,
        _pools,
        texts={"id": PoolRow.id, "name": PoolRow.name, **always, **_told(LOGICAL, "Pool")},
        instants={},
        order=(PoolRow.name,),
        key=PoolRow.id,
        shape=shape,
    )
    allocations = Listing(
        AllocationRow,
        _allocations,
        texts={
            "id": AllocationRow.id,
            "name": _ALLOCATION_NAME,
            "value": AllocationRow.value,
            **always,
            **_told(LOGICAL, "Allocation"),
        },
        instants={"startOperatingDate": AllocationRow.allocated_at},
        order=(AllocationRow.id,),
        key=AllocationRow.id,
        shape=shape,
    )
    return pools, allocations
