"""Rows of a small network, for tests of what stands upon it."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.pools import space_of
from inventory.tables import ElementRow, LinkRow, PoolRow, PortRow, SiteRow
from inventory.topology import split_reference
from policies.values import new_id


def add_element(
    session: Session,
    name: str,
    *,
    platform: str = "ios",
    role: str = "edge",
    customer: Sequence[str] = (),
    core: Sequence[str] = (),
    attributes: dict[str, object] | None = None,
) -> ElementRow:
    """An element at site `lab` with customer and core ports; ifIndex counts from 1 in the order given."""
    site = session.scalars(select(SiteRow).where(SiteRow.name == "lab")).first()
    if site is None:
        site = SiteRow(id=new_id("ste"), name="lab", address="", attributes={})
        session.add(site)
        session.flush()
    element = ElementRow(
        id=new_id("elm"),
        name=name,
        site_id=site.id,
        platform=platform,
        role=role,
        attributes=attributes or {},
        endpoints=[],
        ports=[],
    )
    session.add(element)
    names = [*((port, "customer") for port in customer), *((port, "core") for port in core)]
    for index, (port, port_role) in enumerate(names, start=1):
        element.ports.append(
            PortRow(id=new_id("prt"), name=port, if_index=index, speed_bps=1_000_000_000, role=port_role, attributes={})
        )
    session.flush()
    return element


def add_link(session: Session, a: str, b: str) -> None:
    session.add(
        LinkRow(id=new_id("lnk"), name=f"{a}--{b}", a_port_id=port_id(session, a), b_port_id=port_id(session, b), attributes={})
    )
    session.flush()


def port_id(session: Session, reference: str) -> str:
    element, _, port = split_reference(reference)
    query = select(PortRow.id).join(ElementRow).where(ElementRow.name == element, PortRow.name == port)
    return session.scalars(query).one()


def add_pool(
    session: Session, name: str, kind: str, *, quarantine_s: int = 0, low_watermark: int = 0, **definition: object
) -> PoolRow:
    pool = PoolRow(
        id=new_id("pol"),
        name=name,
        kind=kind,
        definition=definition,
        size=str(space_of(kind, definition).size),
        cursor="0",
        used_bps=0,
        quarantine_s=quarantine_s,
        low_watermark=low_watermark,
    )
    session.add(pool)
    session.flush()
    return pool
