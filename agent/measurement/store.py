"""Tests of services in the database."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from agent.measurement.outcome import Occasion, Result, TestResult
from agent.measurement.tables import MeasurementRow

MOST_BASELINES = 200
"""Tests that are looked at for what a service measured when it was new: places, and how often they were measured anew."""


def keep(session: Session, result: TestResult) -> None:
    session.add(
        MeasurementRow(
            id=result.id,
            service_id=result.service_id,
            occasion=str(result.occasion),
            by=result.by,
            started_at=result.started_at,
            ended_at=result.ended_at,
            passed=result.passed,
            baseline=result.is_baseline,
            results=[each.to_document() for each in result.results],
        )
    )
    session.flush()


def baseline(session: Session, service_id: str) -> TestResult | None:
    """What the service measured when it was new, or was said to be well: of each of its places the latest.

    Each place has an acceptance test of its own; what they came to is told as one, by the name of the last of them.
    """
    row = MeasurementRow
    statement = select(row).where(row.service_id == service_id, row.baseline).order_by(row.id.desc()).limit(MOST_BASELINES)
    tests = [result_of(each) for each in session.scalars(statement)]
    places: dict[tuple[str, str, int], Result] = {}
    for result in (each for test in tests for each in test.results):
        places.setdefault(result.place, result)
    return (
        replace(tests[0], results=tuple(places.values()), passed=all(not each.faults for each in places.values()))
        if tests
        else None
    )


def take_as_baselines(session: Session, services: Collection[str]) -> None:
    """The services hold: what they measured of each place before they were delivered is what later tests are compared with."""
    row = MeasurementRow
    taken = update(row).where(
        row.service_id.in_(services), row.occasion == str(Occasion.ACCEPTANCE), row.passed, row.baseline.is_(False)
    )
    session.execute(taken.values(baseline=True).execution_options(synchronize_session=False))


def forget(session: Session, *, before: datetime, limit: int) -> int:
    """Delete up to `limit` tests from before then that are nobody's baseline; how many."""
    row = MeasurementRow
    old = session.scalars(select(row.id).where(row.started_at < before, row.baseline.is_(False)).limit(limit)).all()
    session.execute(delete(row).where(row.id.in_(old)).execution_options(synchronize_session=False))
    return len(old)


def result_of(row: MeasurementRow) -> TestResult:
    return TestResult(
        id=row.id,
        service_id=row.service_id,
        occasion=Occasion(row.occasion),
        by=row.by,
        started_at=row.started_at,
        ended_at=row.ended_at,
        passed=row.passed,
        results=tuple(Result.from_document(each) for each in row.results),
        is_baseline=row.baseline,
    )
