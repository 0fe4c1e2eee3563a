"""Who uses which port, and by which VLAN. VLAN 0 is the whole port, untagged; it shares with nobody."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Table, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from inventory.errors import PortInUse, UnknownObject
from inventory.postponed import later, settle, untold
from inventory.prepared import Prepared
from inventory.tables import ElementRow, PortClaimRow, PortRow
from policies.values import new_id

WHOLE_PORT = 0


@dataclass(frozen=True, slots=True)
class PortClaim:
    id: str
    port: str
    """`element/port`."""
    port_id: str
    vlan: int
    service_id: str


def claim(session: Session, port_id: str, *, vlan: int, service_id: str, owner: str, ending: Collection[str] = ()) -> PortClaim:
    """Take `vlan` on the port (0: the whole port) for a service; what it has already, it keeps.

    `ending`: services that the same order ends before this one begins. They stand in nobody's way; what one of them has is
    theirs until then, and this service's from that moment, with nobody in between.

    The port's row is the lock, so of two that race one gets `PortInUse`. A transaction that claims several ports does so in
    the order of their ids. `UnknownObject` when the port is gone.
    """
    settle(session, *((_CLAIMS,) if any(told["port_id"] == port_id for told in untold(session, _CLAIM)) else ()))
    connection = session.connection()
    port = _PORT.first(connection, {"port": port_id})
    if port is None:
        raise UnknownObject("port", port_id)
    name, element = port
    reference = f"{element}/{name}"
    inherited = ""
    for held_id, held_by, held_vlan, heir in _HELD.rows(connection, {"port": port_id}):
        leaves = held_by in ending
        holder = heir if leaves else held_by
        if holder == service_id and held_vlan == vlan:
            return PortClaim(held_id, reference, port_id, vlan, service_id)
        if holder and holder != service_id and (vlan == WHOLE_PORT or held_vlan in {WHOLE_PORT, vlan}):
            raise PortInUse(reference, holder, vlan=vlan, held_vlan=held_vlan)
        if leaves and held_vlan == vlan:
            inherited = held_id
    if inherited:
        session.execute(update(PortClaimRow).where(PortClaimRow.id == inherited).values(heir=service_id))
        return PortClaim(inherited, reference, port_id, vlan, service_id)
    claim_id = new_id("clm")
    new = {"id": claim_id, "port_id": port_id, "vlan": vlan, "service_id": service_id, "owner": owner}
    later(session, _CLAIMS, _CLAIM, [new])
    return PortClaim(claim_id, reference, port_id, vlan, service_id)


def claims(session: Session, service_id: str) -> tuple[PortClaim, ...]:
    """What the service has, by port."""
    rows = session.execute(
        select(PortClaimRow, PortRow.name, ElementRow.name)
        .join(PortRow, PortRow.id == PortClaimRow.port_id)
        .join(ElementRow, ElementRow.id == PortRow.element_id)
        .where(PortClaimRow.service_id == service_id)
        .order_by(ElementRow.name, PortRow.name, PortClaimRow.vlan)
    )
    return tuple(PortClaim(row.id, f"{element}/{port}", row.port_id, row.vlan, service_id) for row, port, element in rows)


def bequeath_claims(session: Session, service_id: str) -> None:
    """The service ends: what has an heir is the heir's from now on, the rest is free."""
    left = update(PortClaimRow).where(PortClaimRow.service_id == service_id, PortClaimRow.heir.is_not(None))
    session.execute(left.values(service_id=PortClaimRow.heir, heir=None), execution_options={"synchronize_session": False})
    release_claims(session, service_id=service_id)


def renounce_claims(session: Session, service_id: str) -> None:
    """The service never begins: it has nothing, and inherits nothing."""
    session.execute(update(PortClaimRow).where(PortClaimRow.heir == service_id).values(heir=None))
    release_claims(session, service_id=service_id)


def release_claims(session: Session, *, service_id: str | None = None, owner: str | None = None) -> int:
    """Give back the ports of a service, of an order item, or of both together; how many claims that were."""
    if service_id is None and owner is None:
        raise ValueError("say whose claims to release: service_id, owner or both")
    statement = delete(PortClaimRow)
    if service_id is not None:
        statement = statement.where(PortClaimRow.service_id == service_id)
    if owner is not None:
        statement = statement.where(PortClaimRow.owner == owner)
    return len(session.scalars(statement.returning(PortClaimRow.id)).all())


def keep_claims(session: Session, service_id: str, wanted: Collection[tuple[str, int]]) -> None:
    """Give back the ports of a service but for these: port id and VLAN."""
    rows = session.scalars(select(PortClaimRow).where(PortClaimRow.service_id == service_id))
    for row in rows.all():
        if (row.port_id, row.vlan) not in wanted:
            session.delete(row)
    session.flush()


_PORT = Prepared(
    select(PortRow.name, ElementRow.name.label("element"))
    .join(ElementRow, ElementRow.id == PortRow.element_id)
    .where(PortRow.id == bindparam("port"))
    .with_for_update(key_share=True, of=PortRow)
)
_HELD = Prepared(
    select(PortClaimRow.id, PortClaimRow.service_id, PortClaimRow.vlan, PortClaimRow.heir)
    .where(PortClaimRow.port_id == bindparam("port"))
    .order_by(PortClaimRow.vlan)
)
_CLAIMS = cast("Table", PortClaimRow.__table__)
_CLAIM = Prepared(insert(_CLAIMS), ["id", "port_id", "vlan", "service_id", "owner"])
