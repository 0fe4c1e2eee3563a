"""Whose frames a VLAN carries on a switch: two services in one VLAN of one element would be one network."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.tables import AllocationRow, ElementRow, PoolRow, ServicePartRow

VLAN = "vlan"
"""The kind of pool whose values are VLANs of elements."""


def carries(session: Session, element: str, vlan: int) -> str | None:
    """The service that has the VLAN, from whatever pool, and a part on the element; None when it is free there.

    The element's row is the lock: take elements in the order of their names, after pools and before ports.
    """
    session.scalars(select(ElementRow.id).where(ElementRow.name == element).with_for_update(key_share=True)).first()
    return session.scalars(
        select(AllocationRow.service_id)
        .join(ServicePartRow, ServicePartRow.service_id == AllocationRow.service_id)
        .join(ElementRow, ElementRow.id == ServicePartRow.element_id)
        .where(
            AllocationRow.pool_id.in_(select(PoolRow.id).where(PoolRow.kind == VLAN)),
            AllocationRow.value == str(vlan),
            AllocationRow.state == "allocated",
            ElementRow.name == element,
        )
    ).first()
