"""Tests of services in the database."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from agent.measurement.outcome import Occasion, Result, TestResult
from agent.measurement.tables import MeasurementRow


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


def baselines(session: Session, services: Collection[str]) -> dict[str, TestResult]:
    """Service → what it measured when it was new, or was said to be well; those that have none are left out."""
    row = MeasurementRow
    newest = (
        select(row.service_id, func.max(row.id).label("id"))
        .where(row.service_id.in_(services), row.baseline)
        .group_by(row.service_id)
        .subquery()
    )
    rows = session.scalars(select(row).join(newest, newest.c.id == row.id))
    return {each.service_id: result_of(each) for each in rows}


def take_as_baselines(session: Session, services: Collection[str]) -> None:
    """The services hold: of each the latest acceptance test that passed, if it had one, is what later ones are compared with."""
    row = MeasurementRow
    latest = (
        select(func.max(row.id))
        .where(row.service_id.in_(services), row.occasion == str(Occasion.ACCEPTANCE), row.passed)
        .group_by(row.service_id)
    )
    taken = update(row).where(row.id.in_(latest)).values(baseline=True)
    session.execute(taken.execution_options(synchronize_session=False))


def forget(session: Session, *, before: datetime, limit: int) -> int:
    """Delete up to `limit` tests from before then that are nobody's baseline; how many."""
    row = MeasurementRow
    old = session.scalars(select(row.id).where(row.started_at < before, row.baseline.is_(False)).limit(limit)).all()
    session.execute(delete(row).where(row.id.in_(old)).execution_options(synchronize_session=False))
    return len(old)


def result_of(row: MeasurementRow, baseline: TestResult | None = None) -> TestResult:
    found = TestResult(
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
    return replace(found, baseline=baseline)
