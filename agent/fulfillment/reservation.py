"""What a placed change keeps for its service until its plan ends: then it is what the service has, or it is given back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.designs import INACTIVE, Design
from agent.fulfillment.planning import port_roles
from agent.fulfillment.tables import OrderItemRow
from inventory.allocation import release_owner
from inventory.ports import keep_claims, release_claims
from inventory.reallocation import settle
from inventory.services import Role, forget_planned_parts, plan_parts, set_resources
from inventory.tables import LinkRow


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a modified service comes to beside its parts; in the order item until then."""

    name: str
    version: str
    """Of its specification."""
    ports: Mapping[str, Role]
    """Port id → role."""
    links: Sequence[str]
    """Ids."""
    claims: Sequence[tuple[str, int]]
    """Port id, VLAN."""
    roles: Mapping[str, int]
    """Of what it is allocated → bit/s, where it is bandwidth."""


def outlook_of(item: OrderItemRow) -> Outlook | None:
    """None when the item leaves the service what it is."""
    return Outlook(**item.outlook) if item.outlook else None


def reserve(session: Session, design: Design) -> dict[str, Any]:
    """Keep the place of what is not to stand at once, beside that of the service as it is; the outlook for its item."""
    if design.request.action == "modify" or design.state == INACTIVE:
        plan_parts(session, design.service_id, design.id, design.intent.planned)
    product = design.product
    if design.request.action != "modify" or product is None:
        return {}
    layout = product.layout
    roles = {given.role: given.amount_bps for given in design.allocations}
    return asdict(Outlook(product.name, product.spec.version, port_roles(layout), layout.links, design.claims, roles))


def take_up(session: Session, service_id: str, item: OrderItemRow, outlook: Outlook, at: datetime) -> None:
    """The change holds: what it kept is the service's, and what the service had besides is free."""
    links = session.scalars(select(LinkRow.id).where(LinkRow.id.in_(outlook.links)))  # one may have been taken out meanwhile
    set_resources(session, service_id, outlook.ports, links.all())
    keep_claims(session, service_id, {(port_id, vlan) for port_id, vlan in outlook.claims})
    settle(session, service_id, item.id, outlook.roles, at)


def give_back(session: Session, service_id: str, item: OrderItemRow, at: datetime, *, used: bool) -> None:
    """The change does not hold: the service has what it had. `used`: it was on the network for a moment."""
    forget_planned_parts(session, service_id, owner=item.id)
    release_owner(session, item.id, at, used=used)
    release_claims(session, service_id=service_id, owner=item.id)
