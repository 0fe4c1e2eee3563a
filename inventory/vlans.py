"""Whose frames a VLAN carries on a switch: two services in one VLAN of one element would be one network."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from inventory.tables import AllocationRow, ElementRow, PlannedPartRow, PoolRow, ServicePartRow

VLAN = "vlan"
"""The kind of pool whose values are VLANs of elements."""


def carries(session: Session, element: str, vlan: int, *, besides: str = "") -> str | None:
    """The service that has the VLAN, from whatever pool, and a part on the element, now or to come; None when it is free there.

    `besides`: the service that asks. The element's row is the lock: take elements in the order of their names, after pools and
    before ports.
    """
    here = select(ElementRow.id).where(ElementRow.name == element)
    session.scalars(here.with_for_update(key_share=True)).first()
    has, will_have = (
        exists().where(part.service_id == AllocationRow.service_id, part.element_id == here.scalar_subquery())
        for part in (ServicePartRow, PlannedPartRow)
    )
    return session.scalars(
        select(AllocationRow.service_id).where(
            AllocationRow.pool_id.in_(select(PoolRow.id).where(PoolRow.kind == VLAN)),
            AllocationRow.value == str(vlan),
            AllocationRow.state == "allocated",
            AllocationRow.service_id != besides,
            has | will_have,
        )
    ).first()
