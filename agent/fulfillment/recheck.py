"""No push of a worker that was overtaken survives.

A worker asks whether the plan is still its own before each push, but it can be stopped between asking and pushing. A NETCONF
session that the successor has ended cannot push any more; a command line or an SNMP SET still can. So when the old worker wakes
and finds itself overtaken, it asks for its elements to be looked at again; and a successor that does not know its predecessor to
be dead asks for the same, for when the lease has ended once more. What should not be there is taken away by a plan of its own, and
what a late reverse took from others is brought back by one. A commit that waits for a confirmation is withdrawn where it is found;
of a worker that does not wake, it expires.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.doors import Doors
from agent.fulfillment.drift import Comparer, Drift, DriftState, held_by
from agent.fulfillment.errors import StateRefused
from agent.fulfillment.intents import ElementIntent, standing
from agent.fulfillment.plan import ENDED, PlanState, Purpose
from agent.fulfillment.redeployment import Redeployer
from agent.fulfillment.tables import ChangeSetRow, PlanRow
from drivers.diff import change_set, statements
from drivers.errors import ElementError
from drivers.platform import Platform
from drivers.port import ChangeSet, Commitment, Standing
from inventory import sharing
from inventory.db import Database
from inventory.work import Claim, WorkQueue
from policies.values import Clock

log = structlog.get_logger(__name__)

LOOK = timedelta(seconds=30)
AGAIN = timedelta(seconds=2)
"""A plan has the element, or it does not answer: how long until the next look."""
MOST_TRIES = 100


@dataclass(frozen=True, slots=True)
class Rechecker:
    """Handles claims of kind `recheck`."""

    database: Database
    clock: Clock
    queue: WorkQueue
    doors: Doors
    platforms: Callable[[str], Platform]
    comparer: Comparer
    redeployer: Redeployer

    def __call__(self, claim: Claim) -> None:
        plan_id = str(claim.work.payload["plan"])
        with self.database.read() as session:
            plan = session.get(PlanRow, plan_id)
            changes = plan.change_sets if plan is not None else []
            state = plan.state if plan is not None else PlanState.DONE
        open_ = False
        for change in changes:
            provisional = change.commitment == Commitment.CONFIRMED
            if provisional and (state not in ENDED or not self._withdrawn(change)):
                open_ = True
            elif not provisional or self._may_be_late(change):
                open_ |= not self._settled(change, undone=state in {PlanState.FAILED, PlanState.CANCELLED})
        with self.database.write() as session:
            at = self.clock.now()
            if open_ and claim.attempts < MOST_TRIES:
                self.queue.release(session, claim, at, run_at=at + AGAIN, error="an element could not be looked at yet")
            else:
                self.queue.finish(session, claim, at)

    def _may_be_late(self, change: ChangeSetRow) -> bool:
        """A reverse is for good, and comes late as well; but not over NETCONF, where the successor has ended the session."""
        return self.platforms(change.platform).protocol != "netconf"

    def _settled(self, change: ChangeSetRow, *, undone: bool) -> bool:
        """Whether nothing of the change is on its element that should not be, or a plan is on its way that sees to it."""
        try:
            found = [self._residue(change)] if undone else []
            found.append(self.comparer.compare(change.element))
        except ElementError as error:
            log.warning("element not looked at again", element=change.element, reason=error.message)
            return False
        for drift in found:
            if drift is not None and drift.state is DriftState.DRIFTED:
                self._repair(drift)
                return False  # looked at again once that is done
        return all(drift is None or drift.state is DriftState.IN_SYNC for drift in found)

    def _withdrawn(self, change: ChangeSetRow) -> bool:
        """Whether no commit of the plan, which has ended, waits there any more for a confirmation that nobody will give.

        Until it expires it would stand, and keep others from committing.
        """
        deadline = self.clock.monotonic() + LOOK.total_seconds()
        try:
            session = self.doors.to(change.element).open(deadline)
            try:
                session.withdraw(change.plan_id, deadline)
            finally:
                session.close()
        except ElementError as error:
            log.warning("element not looked at again", element=change.element, reason=error.message)
            return False
        return True

    def _residue(self, change: ChangeSetRow) -> Drift | None:
        """What stands of a change that was undone, in places that nobody else owns."""
        platform = self.platforms(change.platform)
        with self.database.read() as session:
            back = self._way_back(session, platform, change)
            intent = standing(session, [change.element]).get(change.element, ElementIntent(change.element, change.platform))
            held = held_by(session, [change.element])
        if change.element in held:
            return Drift(change.element, DriftState.SKIPPED, held[change.element])
        if back.empty or self._stands(back):
            return None
        return Drift(
            change.element,
            DriftState.DRIFTED,
            platform=change.platform,
            before=back.before,
            after=back.after,
            payload=back.forward,
            reverse=back.reverse,
            intent=intent.text(platform),
        )

    def _way_back(self, session: Session, platform: Platform, change: ChangeSetRow) -> ChangeSet:
        """From what the change made to what was before, but for the places in which services say anything now."""
        sides = {**statements(platform, change.before), **statements(platform, change.after)}
        owned = sharing.others(session, change.element, sides, ())
        theirs = {place: value for place, value in sides.items() if place in owned}
        return change_set(platform, change.element, change.after, change.before, shared=theirs)

    def _stands(self, wanted: ChangeSet) -> bool:
        deadline = self.clock.monotonic() + LOOK.total_seconds()
        session = self.doors.to(wanted.element).open(deadline)
        try:
            return session.standing(wanted, deadline) is Standing.AFTER
        finally:
            session.close()

    def _repair(self, drift: Drift) -> None:
        with self.database.write() as session:
            if _being_repaired(session, drift.element):
                return
            try:
                plan_id = self.redeployer.plan(session, [drift], self.clock.now())
            except StateRefused as refused:
                log.warning("a late push of an overtaken worker stays for now", element=drift.element, reason=str(refused))
                return
        log.warning("undoing a late push of an overtaken worker", element=drift.element, plan_id=plan_id)


def _being_repaired(session: Session, element: str) -> bool:
    """A plan without an order is on its way there; what it leaves is seen by the next look."""
    way = (
        select(PlanRow.id)
        .join(ChangeSetRow, ChangeSetRow.plan_id == PlanRow.id)
        .where(ChangeSetRow.element == element, PlanRow.purpose == Purpose.REDEPLOY, PlanRow.state.not_in(ENDED))
    )
    return session.scalars(way.limit(1)).first() is not None
