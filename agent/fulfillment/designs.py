"""One order on the desk, and what is thought of each of its items."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from agent.fulfillment.planning import NOTHING, Intent
from agent.fulfillment.requests import ItemRequest, OrderRequest
from crm_bridge.customers import Account
from inventory.allocation import Allocation
from inventory.topology import Graph
from policies.layout import Layout
from policies.rendering import VLAN_ROLE, Need
from policies.specification import Specification

ACTIVE, INACTIVE = "active", "inactive"


@dataclass(frozen=True, slots=True)
class Submission:
    """One order on the desk."""

    session: Session
    request: OrderRequest
    customer: Account
    network: Graph
    at: datetime


@dataclass(frozen=True, slots=True)
class Product:
    """What a service is to be and where it is to lie."""

    spec: Specification
    layout: Layout
    name: str
    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class Design:
    """One item, thought through."""

    id: str
    position: int
    request: ItemRequest
    service_id: str
    specification: str
    product: Product | None = None
    """None when the item leaves what the service is as it is: delete, noChange, and suspension alone."""
    state: str = ""
    """What the service is to be: active or inactive; "" when it is to go or to stay as it is."""
    allocations: tuple[Allocation, ...] = ()
    intent: Intent = NOTHING

    @property
    def where(self) -> str:
        return f"/items/{self.position}"

    @property
    def vlan(self) -> int:
        """The allocated one; 0 without."""
        return next((int(given.value) for given in self.allocations if given.role == VLAN_ROLE), 0)

    @property
    def claims(self) -> tuple[tuple[str, int], ...]:
        """Port id and VLAN; 0: the whole port."""
        wanted = self.product.layout.claims if self.product else ()
        return tuple((each.port_id, self.vlan if each.vlan is None else each.vlan) for each in wanted)
