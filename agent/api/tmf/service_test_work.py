"""Carrying out a TMF653 test, as work that the daemon does when it has time, and telling what it measured."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import structlog

from agent.api.query import Document
from agent.api.tmf.presenter import text_of
from agent.api.tmf.record_work import Asked, carry_out
from agent.api.tmf.records import RecordKind
from agent.measurement.errors import MeasurementError
from agent.measurement.outcome import Result, TestResult
from agent.measurement.testing import ServiceTesting
from drivers.probing.tally import Figures
from inventory.db import Database
from inventory.errors import InventoryError
from inventory.work import Claim, WorkQueue
from policies.values import Clock

TEST_WORK = "serviceTest"
COMPLETED, FAILED = "completed", "failed"
RESULT = "x-testResultId"
"""Attribute: under which `fabd measure list` has it."""
METRICS = (("loss", "loss_ratio", "1"), ("delay", "delay_s", "s"), ("jitter", "jitter_s", "s"))
"""Metric, its figure, its unit."""
PERCENTILES = (("delayP50", "delay_p50_s", "s"), ("delayP95", "delay_p95_s", "s"), ("delayP99", "delay_p99_s", "s"))

log = structlog.get_logger(__name__)


class ServiceTestRunner:
    """Handles claims of kind `serviceTest`."""

    def __init__(self, database: Database, clock: Clock, queue: WorkQueue, tests: ServiceTesting, kind: RecordKind) -> None:
        self._database, self._clock, self._queue, self._tests, self._kind = database, clock, queue, tests, kind

    def __call__(self, claim: Claim) -> None:
        carry_out(self._database, self._clock, self._queue, claim, kinds={self._kind.resource: self._kind}, news=self._news)

    def _news(self, asked: Asked) -> dict[str, Any]:
        service = asked.document["relatedService"]["id"]
        try:
            result = self._tests.test(service, by=asked.client)
        except (MeasurementError, InventoryError) as error:
            return _failed(asked.document, str(error), self._clock.now())
        except Exception:
            log.exception("a service test failed", service=service)
            return _failed(asked.document, "fabd could not carry it out; its log tells more", self._clock.now())
        return news_of(result)


def news_of(result: TestResult) -> dict[str, Any]:
    """`completed` when it passed, `failed` when it did not; what it measured of each of its targets, either way."""
    return {
        "state": COMPLETED if result.passed else FAILED,
        "startDateTime": text_of(result.started_at),
        "endDateTime": text_of(result.ended_at),
        "testMeasure": [each for one in result.results for each in measures_of(one, result.usual(one), result.ended_at)],
        RESULT: result.id,
    }


def measures_of(result: Result, usual: Figures | None, at: datetime) -> Iterator[dict[str, Any]]:
    """TestMeasures of one target: what it measured, and beside it as `…Baseline` what it measured when it was new."""
    for name, figure, unit in (*METRICS, *PERCENTILES):
        found: float | None = getattr(result.figures, figure)
        if found is not None:
            measure = _measure(result, name, found, unit, at)
            faults = [fault for fault in result.faults if name == _about(fault)]
            if faults:
                measure["ruleViolation"] = [{"name": name, "description": fault} for fault in faults]
            yield measure
    for name, figure, unit in METRICS:
        new: float | None = getattr(usual, figure) if usual else None
        if new is not None:
            yield _measure(result, f"{name}Baseline", new, unit, at)


def _measure(result: Result, name: str, value: float, unit: str, at: datetime) -> dict[str, Any]:
    how = "STAMP" if result.kind == "stamp" else "ICMP echo"
    return {
        "metricName": name,
        "value": {"name": name, "valueType": "number", "value": value},
        "unitOfMeasure": unit,
        "captureDateTime": text_of(at),
        "captureMethod": f"{how} to {result.target}{f' ({result.site})' if result.site else ''}",
        "@type": "TestMeasure",
    }


def _about(fault: str) -> str:
    """The metric that a fault is about; loss, where packets were not answered."""
    first = fault.partition(" ")[0]
    return first if first in {"delay", "jitter"} else "loss"


def _failed(document: Document, why: str, at: datetime) -> dict[str, Any]:
    return {"state": FAILED, "endDateTime": text_of(at), "description": _joined(document.get("description"), why)}


def _joined(said: object, why: str) -> str:
    return f"{said}: {why}" if said else why
