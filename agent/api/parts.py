"""What the API is built from, and how an endpoint gets at it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from agent.actions.service import ActionService
from agent.api.admitted import Admitted
from agent.api.company import Company
from agent.api.ratelimit import RateLimiter
from agent.assurance.collectors.collecting import Collecting
from agent.assurance.events.hearing import Hearing
from agent.assurance.levels.sla import CasesOf, no_cases
from agent.config import AlertmanagerSettings, ApiSettings
from agent.fulfillment.service import FulfilmentService
from agent.measurement.testing import ServiceTesting
from agent.metrics import ElementFamilies, Families, Metrics, no_families
from crm_bridge.callbacks import CallbackPolicy, Resolver, system_resolver
from crm_bridge.explain import Explanation, explain
from inventory.db import Database
from policies.catalog import Catalog
from policies.detection.rules import Rule
from policies.values import Clock


@dataclass(frozen=True, slots=True)
class Parts:
    settings: ApiSettings
    database: Database
    clock: Clock
    catalog: Catalog
    fulfilment: FulfilmentService
    metrics: Metrics
    limiter: RateLimiter
    admitted: Admitted = field(default_factory=Admitted)
    company: Company = field(default_factory=Company)
    """Does together what comes together."""
    catalog_since: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When the catalog was loaded: what it says is as old."""
    readiness: Callable[[], Sequence[str]] = tuple
    """What is still awaited; ready when nothing is."""
    cases_of: CasesOf = no_cases
    """Orders and tickets that were due in a period, for reports on service levels."""
    callbacks: CallbackPolicy = field(default_factory=CallbackPolicy)
    """Where events may be sent."""
    resolve: Resolver = system_resolver
    tests: ServiceTesting | None = None
    """Tests services on demand; None where nobody measures."""
    actions: ActionService | None = None
    """Does something about alarms; None where nobody does."""
    element_families: ElementFamilies = no_families
    """Last values of the ports of some elements, for `/metrics/elements`."""
    service_families: Families = tuple
    """Numbers of services and their objectives, for `/metrics/services`."""
    alertmanager: AlertmanagerSettings = AlertmanagerSettings()  # noqa: RUF009  immutable
    """How alerts that are handed in are read."""
    hearing: Hearing | None = None
    """What elements say unasked; None where nobody listens."""
    collecting: Collecting | None = None
    """What elements are asked beside SNMP; None where nobody is."""
    foresight: Sequence[Rule] = ()
    """Rules of what is warned of early."""
    explain: Callable[[Session, str], Explanation] = explain
    """Raises `LookupError` of the bridge's tree for an id that nobody knows."""


def parts(request: Request) -> Parts:
    found: Parts = request.app.state.parts
    return found


async def _parts(request: Request) -> Parts:
    """A coroutine, as all dependencies here that wait for nothing: FastAPI sends others to a thread and back, each by itself."""
    return parts(request)


PartsOf = Annotated[Parts, Depends(_parts)]
