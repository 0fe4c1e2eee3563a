"""Answering a TMF645 qualification: at once, or as work that the daemon does when it has time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import structlog

from agent.api.query import Document
from agent.api.tmf import qualifying
from agent.api.tmf.record_work import Asked, carry_out
from agent.api.tmf.records import RecordKind
from agent.fulfillment.qualification import Qualifier
from agent.fulfillment.service import FulfilmentService
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
        kinds: Mapping[str, RecordKind],
    ) -> None:
        self._database, self._clock, self._queue = database, clock, queue
        self._qualifications, self._kinds = qualifications, kinds

    def __call__(self, claim: Claim) -> None:
        carry_out(self._database, self._clock, self._queue, claim, kinds=self._kinds, news=self._answer)

    def _answer(self, asked: Asked) -> dict[str, Any]:
        try:
            return self._qualifications().answer(asked.kind, asked.document, self._clock.now())
        except Exception:
            log.exception("a qualification failed", resource=asked.kind)
            return qualifying.failed(asked.document, "fabd could not look at it; its log tells more", self._clock.now())
