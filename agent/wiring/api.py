"""The API, with everything that it answers from."""

from agent.actions.service import ActionService
from agent.api import parts
from agent.api.ratelimit import RateLimiter
from agent.assurance.explain import explain
from agent.assurance.figures import element_families
from agent.fulfillment.service import FulfilmentService
from agent.measurement.testing import ServiceTesting
from agent.metrics import Metrics
from agent.prometheus.services import of_services
from agent.punctuality import cases_of
from agent.wiring.assurance import Assurance
from agent.wiring.base import Base
from crm_bridge.callbacks import CallbackPolicy


def api_parts(  # noqa: PLR0917  one place calls it
    base: Base,
    fulfilment: FulfilmentService,
    assurance: Assurance,
    actions: ActionService,
    tests: ServiceTesting,
    metrics: Metrics,
    policy: CallbackPolicy,
) -> parts.Parts:
    settings = base.settings
    return parts.Parts(
        settings=settings.api,
        database=base.database,
        clock=base.clock,
        catalog=base.catalog,
        fulfilment=fulfilment,
        metrics=metrics,
        limiter=RateLimiter(settings.api.rate_per_minute, base.clock.monotonic),
        readiness=assurance.awaited,
        element_families=lambda shard: element_families(assurance.service.figures(), shard),
        alertmanager=settings.alertmanager,
        service_families=of_services(base.database, base.clock, base.catalog),
        explain=explain,
        hearing=assurance.service.hearing,
        collecting=assurance.service.collecting,
        foresight=base.foresight,
        cases_of=cases_of,
        callbacks=policy,
        actions=actions,
        tests=tests,
    )
