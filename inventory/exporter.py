"""The inventory as a document: what an import of it would find unchanged."""

from typing import Any

import yaml
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from inventory.document import (
    ElementEntry,
    EndpointEntry,
    InventoryDocument,
    LinkEntry,
    PoolEntry,
    PortEntry,
    ReservedEntry,
    SiteEntry,
)
from inventory.tables import AllocationRow, ElementRow, LinkRow, PoolRow, PortRow, SiteRow


def export(session: Session) -> InventoryDocument:
    """Everything, in the order of names; parents before their sites."""
    sites = {row.id: row for row in session.scalars(select(SiteRow).order_by(SiteRow.name))}
    elements = list(session.scalars(select(ElementRow).options(selectinload(ElementRow.ports)).order_by(ElementRow.name)))
    references = {port.id: f"{element.name}/{port.name}" for element in elements for port in element.ports}
    kept = _kept_back(session)
    return InventoryDocument(
        sites=[_site(row, sites) for row in sorted(sites.values(), key=lambda row: (_depth(row, sites), row.name))],
        elements=[_element(row, sites[row.site_id].name) for row in elements],
        links=[
            LinkEntry(name=row.name, a=references[row.a_port_id], b=references[row.b_port_id], attributes=row.attributes)
            for row in session.scalars(select(LinkRow).order_by(LinkRow.name))
        ],
        pools=[_pool(row, kept.get(row.id, [])) for row in session.scalars(select(PoolRow).order_by(PoolRow.name))],
    )


def to_data(document: InventoryDocument) -> dict[str, Any]:
    """Plain data without what is empty. What stands by default is said: another inventory may hold something else."""
    return {key: [_filled(entry) for entry in entries] for key, entries in document.model_dump(mode="json").items() if entries}


def to_yaml(document: InventoryDocument) -> str:
    """As people read it."""
    return yaml.safe_dump(to_data(document), sort_keys=False, allow_unicode=True, width=120)


_LISTS = {"ports", "reserved"}


def _filled(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        key: [_filled(each) for each in value] if key in _LISTS else value
        for key, value in entry.items()
        if value not in (None, "", [], {})
    }


def _site(row: SiteRow, sites: dict[str, SiteRow]) -> SiteEntry:
    parent = sites[row.parent_id].name if row.parent_id else None
    return SiteEntry(name=row.name, parent=parent, address=row.address, attributes=row.attributes)


def _depth(row: SiteRow, sites: dict[str, SiteRow]) -> int:
    depth = 0
    while row.parent_id:
        row, depth = sites[row.parent_id], depth + 1
    return depth


def _element(row: ElementRow, site: str) -> ElementEntry:
    ways = sorted(row.endpoints, key=lambda endpoint: endpoint.protocol)
    return ElementEntry.model_validate(
        {
            "name": row.name,
            "site": site,
            "platform": row.platform,
            "role": row.role,
            "administrative": row.administrative,
            "attributes": row.attributes,
            "endpoints": {way.protocol: EndpointEntry(host=way.host, port=way.port, credential=way.credential) for way in ways},
            "ports": [_port(port) for port in sorted(row.ports, key=lambda port: (port.if_index or 0, port.name))],
        }
    )


def _port(row: PortRow) -> PortEntry:
    return PortEntry.model_validate(
        {
            "name": row.name,
            "if_index": row.if_index,
            "speed_bps": row.speed_bps,
            "role": row.role,
            "attributes": row.attributes,
        }
    )


def _pool(row: PoolRow, reserved: list[ReservedEntry]) -> PoolEntry:
    head = {"name": row.name, "kind": row.kind, "quarantine_s": row.quarantine_s, "low_watermark": row.low_watermark}
    return PoolEntry.model_validate(head | row.definition | {"reserved": reserved})


def _kept_back(session: Session) -> dict[str, list[ReservedEntry]]:
    """By pool id, in the order in which they were kept back."""
    found: dict[str, list[ReservedEntry]] = {}
    rows = select(AllocationRow).where(AllocationRow.state == "reserved").order_by(AllocationRow.allocated_at, AllocationRow.id)
    for row in session.scalars(rows):
        found.setdefault(row.pool_id, []).append(ReservedEntry(value=row.value, reason=row.reason))
    return found
