"""Answering a TMF645 qualification: at once, or as work that the daemon does when it has time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import structlog

from agent.api.query import Document
from agent.api.tables import RecordRow
from agent.api.tmf import qualifying
from agent.fulfillment.qualification import Qualifier
from agent.fulfillment.service import FulfilmentService
from agent.security.audit import DAEMON
from inventory.db import Database
from inventory.work import Claim, WorkQueue
from policies.catalog import Catalog
from policies.values import Clock

QUALIFICATION_WORK = "qualification"
CHECK = "checkServiceQualification"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Qualifications:
    database: Database
    catalog: Catalog
    fulfilment: FulfilmentService

    def answer(self, resource: str, document: Document, at: datetime) -> dict[str, Any]:
        """What is to be said of the check or query."""
        qualifier = Qualifier(self.database, self.catalog, partial(self.fulfilment.plan_only, for_anybody=True))
        if resource != CHECK:
            return qualifying.found(document, qualifier.offers(*qualifying.searched(document)), at)
        with self.database.read() as session:
            request = qualifying.asked(session, document)
        wanted = document.get("provideAlternative") is not False
        return qualifying.answered(document, qualifier.check(request, alternatives=wanted), at)


class QualificationRunner:
    """Handles claims of kind `qualification`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        queue: WorkQueue,
        qualifications: Callable[[], Qualifications],
        kinds: Mapping[str, Any],
    ) -> None:
        self._database, self._clock, self._queue = database, clock, queue
        self._qualifications, self._kinds = qualifications, kinds

    def __call__(self, claim: Claim) -> None:
        with self._database.read() as session:
            row = session.get(RecordRow, claim.work.key)
            resource, document = (row.kind, dict(row.document)) if row is not None else ("", {})
        news = self._answer(resource, document) if row is not None else {}
        at = self._clock.now()
        with self._database.write() as session:
            row = session.get(RecordRow, claim.work.key, with_for_update=True)
            if not self._queue.finish(session, claim, at):
                session.rollback()
            elif row is not None:
                self._kinds[resource].settle(session, row, news, DAEMON, at)

    def _answer(self, resource: str, document: Document) -> dict[str, Any]:
        try:
            return self._qualifications().answer(resource, document, self._clock.now())
        except Exception:
            log.exception("a qualification failed", resource=resource)
            return qualifying.failed(document, "fabd could not look at it; its log tells more", self._clock.now())
