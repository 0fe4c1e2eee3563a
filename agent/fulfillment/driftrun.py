"""Comparing or repairing many elements in the background, some at a time; what is through is kept, so that a restart goes on."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.drift import Drift, DriftState
from agent.fulfillment.driftdesk import AT_ONCE, DriftDesk, DriftVerb, told
from agent.fulfillment.errors import FulfilmentError, Superseded
from agent.fulfillment.parallel import in_parallel
from agent.fulfillment.plan import PlanState
from agent.fulfillment.tables import DriftRunRow, PlanRow
from inventory.db import Database
from inventory.work import Claim

log = structlog.get_logger(__name__)

PLANNED = "planned"
"""State of a result whose plan has not ended."""
MOST_TURNS = 50
"""How often the results of one run are written, however many elements it has."""
LOOK_AGAIN = timedelta(seconds=1)
ENDED = frozenset({PlanState.DONE, PlanState.FAILED, PlanState.CANCELLED, PlanState.IN_DOUBT})


class DriftRunner:
    """Handles claims of kind `drift`."""

    def __init__(self, database: Database, desk: DriftDesk, wake: Callable[[], None], stopping: Callable[[], bool]) -> None:
        self._database, self._desk, self._wake, self._stopping = database, desk, wake, stopping

    def __call__(self, claim: Claim) -> None:
        run_id = claim.work.key
        while (batch := self._next(run_id)) and not self._stopping():
            drifts = in_parallel([partial(self._desk.comparer.compare, name) for name in batch], AT_ONCE)
            with self._database.write() as session:
                self._desk.note(session, drifts)
                self._through(session, run_id, {drift.element: self._deal(session, run_id, drift) for drift in drifts})
            self._wake()
        self._settle_plans(run_id)
        self._end_turn(claim, run_id)

    def _next(self, run_id: str) -> list[str]:
        """Elements that are not through."""
        with self._database.read() as session:
            row = session.get(DriftRunRow, run_id)
        if row is None:
            return []
        done = {result["element"] for result in row.results}
        most = max(AT_ONCE, len(row.elements) // MOST_TURNS)
        return [name for name in row.elements if name not in done][:most]

    def _deal(self, session: Session, run_id: str, drift: Drift) -> dict[str, Any]:
        """What the verb makes of one that was compared."""
        row = session.get_one(DriftRunRow, run_id)
        verb, result = DriftVerb(row.verb), told(drift)
        if verb in {DriftVerb.DIFF, DriftVerb.REDEPLOY}:
            result["payload"] = drift.payload
        if drift.state is not DriftState.DRIFTED or verb in {DriftVerb.CHECK, DriftVerb.DIFF}:
            return result
        try:
            with session.begin_nested():
                return result | self._act(session, row, drift)
        except FulfilmentError as refusal:
            return result | {"refused": str(refusal)}

    def _act(self, session: Session, row: DriftRunRow, drift: Drift) -> dict[str, Any]:
        if row.verb == DriftVerb.ADOPT:
            done = self._desk.would_adopt(session, drift) if row.dry_run else self._desk.adopt(session, drift)
            adopted = {"adopted": sorted(done.parts)}
            return adopted if row.dry_run else adopted | {"state": DriftState.IN_SYNC.value}
        return {} if row.dry_run else {"plan_id": self._desk.redeploy(session, [drift]), "state": PLANNED}

    def _through(self, session: Session, run_id: str, results: Mapping[str, dict[str, Any]]) -> None:
        """Another worker may have come first: what it has done stands."""
        row = session.scalars(
            select(DriftRunRow).where(DriftRunRow.id == run_id).with_for_update().execution_options(populate_existing=True)
        ).one()
        before = {result["element"]: result for result in row.results}
        row.state = "running"
        row.results = [*row.results, *(result for name, result in results.items() if name not in before)]

    def _settle_plans(self, run_id: str) -> None:
        """Elements whose plan has ended are compared once more: what it came to is what stands there."""
        with self._database.read() as session:
            row = session.get(DriftRunRow, run_id)
            waiting = [result for result in row.results if result["state"] == PLANNED] if row else []
            plans = {result["plan_id"] for result in waiting}
            ended = {
                plan.id: plan for plan in session.scalars(select(PlanRow).where(PlanRow.id.in_(plans), PlanRow.state.in_(ENDED)))
            }
        due = [result for result in waiting if result["plan_id"] in ended]
        if not due:
            return
        drifts = in_parallel([partial(self._desk.comparer.compare, result["element"]) for result in due], AT_ONCE)
        with self._database.write() as session:
            self._desk.note(session, drifts)
            fresh = {
                drift.element: {**result, **told(drift), **_outcome(ended[result["plan_id"]])}
                for result, drift in zip(due, drifts, strict=True)
            }
            row = session.scalars(select(DriftRunRow).where(DriftRunRow.id == run_id).with_for_update()).one()
            row.results = [fresh.get(result["element"], result) for result in row.results]

    def _end_turn(self, claim: Claim, run_id: str) -> None:
        at = self._desk.clock.now()
        with self._database.write() as session:
            row = session.scalars(select(DriftRunRow).where(DriftRunRow.id == run_id).with_for_update()).first()
            open_ = row is not None and (
                len(row.results) < len(row.elements) or any(result["state"] == PLANNED for result in row.results)
            )
            if open_:
                held = self._desk.queue.release(session, claim, at, run_at=at + LOOK_AGAIN, counted=False)
            else:
                if row is not None:
                    row.state, row.finished_at = "done", at
                    drifted = sum(result["state"] == DriftState.DRIFTED for result in row.results)
                    log.info("elements compared", run_id=run_id, verb=row.verb, elements=len(row.elements), drifted=drifted)
                held = self._desk.queue.finish(session, claim, at)
            if not held:
                raise Superseded(run_id, claim.fence)


def _outcome(plan: PlanRow) -> dict[str, Any]:
    failures = "; ".join(f"{each['element']}: {each['message']}" for each in (plan.error or {}).get("failures", []))
    return {"plan_state": plan.state} | ({"refused": failures} if failures else {})
