"""What a specification makes of some characteristics, for its author: laid out, allocated and rendered, then forgotten."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from agent.fulfillment.planning import contexts, desired, lay
from drivers.platform import Platforms
from inventory.allocation import allocate
from inventory.capacity import free_bps
from inventory.topology import load_topology
from policies.rendering import ServiceFacts, needs, service_name
from policies.specification import Specification
from policies.values import new_id

CUSTOMER = "1000000"
"""Stands where the customer's account number will be."""


@dataclass(frozen=True, slots=True)
class Sketch:
    name: str
    """Of the service."""
    values: dict[str, str]
    """By role."""
    texts: dict[str, str]
    """By element, in the element's own language."""

    def to_document(self) -> dict[str, Any]:
        return asdict(self)


def sketch(session: Session, spec: Specification, characteristics: Mapping[str, Any], at: datetime, platforms: Platforms) -> Sketch:
    """Rolls back what it took. Raises `policies.errors.Refused`, `RenderingFailed` or an `InventoryError`."""
    network = load_topology(session)
    realises = {name: platforms.load(name).realises for name in platforms.names()}
    layout = lay(spec, characteristics, network, realises, partial(free_bps, session))
    name = service_name(spec, characteristics, CUSTOMER)
    facts = ServiceFacts(new_id("svc", at), name, CUSTOMER)
    values = {
        need.role: allocate(
            session,
            need.pool,
            owner="preview",
            role=need.role,
            service_id=facts.id,
            at=at,
            wanted=need.wanted,
            amount_bps=need.amount_bps,
        ).value
        for need in needs(spec, characteristics, layout)
    }
    session.rollback()
    known = contexts(layout, network, facts, characteristics=characteristics, allocations=values)
    texts = desired(spec, network, known)
    return Sketch(name, values, dict(texts))
