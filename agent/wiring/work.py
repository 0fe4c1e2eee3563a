"""What fulfilment's worker does for those who are built of fulfilment: they are asked for when there is work, not before."""

from collections.abc import Mapping
from typing import Protocol

from agent.actions.service import ACTION_WORK, ActionService
from agent.api import parts as api
from agent.api.tmf import catalog_jobs, service_qualification, service_test
from agent.api.tmf.catalog_transfer import CATALOG_WORK, CatalogJobRunner, CatalogTransfers
from agent.api.tmf.qualification_work import QUALIFICATION_WORK, QualificationRunner, Qualifications
from agent.api.tmf.service_test_work import TEST_WORK, ServiceTestRunner
from agent.fulfillment.service import FulfilmentService
from agent.fulfillment.worker import Handler
from agent.measurement.testing import ServiceTesting
from agent.wiring.base import Base
from crm_bridge.callbacks import CallbackPolicy
from crm_bridge.outbound import Outbound


class Above(Protocol):
    """Whose work it is; complete before the worker starts."""

    @property
    def fulfilment(self) -> FulfilmentService: ...

    @property
    def actions(self) -> ActionService: ...

    @property
    def api(self) -> api.Parts: ...


def handlers(base: Base, above: Above, tests: ServiceTesting, policy: CallbackPolicy) -> Mapping[str, Handler]:
    """By kind of work. `policy`: from where catalogs may be fetched, and to where they may be sent."""
    database, clock, queue = base.database, base.clock, base.queue
    outbound = Outbound(policy)

    def qualifications() -> Qualifications:
        return Qualifications(database, base.catalog, above.fulfilment)

    def transfers() -> CatalogTransfers:
        return CatalogTransfers(above.api, outbound)

    return {
        QUALIFICATION_WORK: QualificationRunner(database, clock, queue, qualifications, service_qualification.KINDS),
        CATALOG_WORK: CatalogJobRunner(database, clock, queue, transfers, catalog_jobs.KINDS),
        TEST_WORK: ServiceTestRunner(database, clock, queue, tests, service_test.TESTS),
        ACTION_WORK: lambda claim: above.actions.runner(claim),  # noqa: PLW0108  there are none yet
    }
