"""What keeps a plan from beginning though a worker has it in hand: its day, an approval, a reference, a change freeze."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from agent.fulfillment.freezes import frozen
from agent.fulfillment.plan import Approval, Failure
from agent.fulfillment.requests import URGENT
from agent.fulfillment.settings import FulfilmentSettings
from agent.fulfillment.tables import OrderItemRow, OrderRow, PlanRow


class Waits(StrEnum):
    """For what; in `plan.waits`."""

    START = "start"
    APPROVAL = "approval"
    REFERENCE = "reference"
    FREEZE = "freeze"


@dataclass(frozen=True, slots=True)
class Barrier:
    """Why the plan does not begin now."""

    waits: Waits
    until: datetime
    """When it ends by itself: the plan begins then, or fails if it has waited for somebody."""
    words: str
    expired: bool = False
    """Nobody did in time what the plan waited for, or somebody said no."""
    code: str = ""
    """Where it is not that of what it waits for."""

    def to_failure(self) -> Failure:
        usual = f"{self.waits}Expired" if self.expired else _CODES[self.waits]
        return Failure("", self.code or usual, self.words)


_CODES = {
    Waits.START: "notYet",
    Waits.APPROVAL: "awaitsApproval",
    Waits.REFERENCE: "awaitsReference",
    Waits.FREEZE: "changeFreeze",
}


def barrier(  # noqa: PLR0917  a plan with all that stands around it
    session: Session, order: OrderRow, items: Sequence[OrderItemRow], plan: PlanRow, settings: FulfilmentSettings, at: datetime
) -> Barrier | None:
    """The first thing that keeps the plan; None when it may begin."""
    if plan.approval == Approval.REJECTED:
        return Barrier(Waits.APPROVAL, at, _words(plan), expired=True, code="rejected")
    if order.requested_start is not None and order.requested_start > at:
        return Barrier(Waits.START, order.requested_start, f"ordered for {_told(order.requested_start)}")
    return (
        _approval(order, plan, settings, at)
        or _reference(order, items, settings, at)
        or _freeze(session, order, items, settings, at)
    )


def _approval(order: OrderRow, plan: PlanRow, settings: FulfilmentSettings, at: datetime) -> Barrier | None:
    if plan.approval != Approval.REQUIRED:
        return None
    until = max(plan.created_at, order.requested_start or plan.created_at) + settings.approval_wait
    if until <= at:
        return Barrier(Waits.APPROVAL, until, f"nobody approved plan {plan.id} until {_told(until)}", expired=True)
    words = f"waits until {_told(until)} for an approval: `fabd plan approve {plan.id}` or `fabd plan reject {plan.id}`"
    return Barrier(Waits.APPROVAL, until, words)


def _reference(order: OrderRow, items: Sequence[OrderItemRow], settings: FulfilmentSettings, at: datetime) -> Barrier | None:
    for item in items:
        if not item.waits_for or item.released_at is not None:
            continue
        until = item.wait_until or max(order.order_date, order.requested_start or order.order_date) + settings.reference_wait
        if until <= at:
            words = f"{item.waits_for}, which item {item.reference} waited for, was not completed until {_told(until)}"
            return Barrier(Waits.REFERENCE, until, words, expired=True)
        words = f"waits until {_told(until)} for {item.waits_for}"
        return Barrier(Waits.REFERENCE, until, f"{words}: `fabd order release {order.id} {item.reference}`")
    return None


def _freeze(
    session: Session, order: OrderRow, items: Sequence[OrderItemRow], settings: FulfilmentSettings, at: datetime
) -> Barrier | None:
    """What only takes away is never frozen, nor what undoes a cancelled order."""
    if order.undoes or all(item.action in _NEVER_FROZEN for item in items):
        return None
    found = frozen(session, settings.freezes, at, urgent=order.priority == URGENT)
    if found is None:
        return None
    return Barrier(Waits.FREEZE, found.until, f"change freeze until {_told(found.until)}: {found.reason}")


_NEVER_FROZEN = frozenset({"delete", "noChange"})


def _words(plan: PlanRow) -> str:
    """With which it was rejected."""
    failures = (plan.error or {}).get("failures") or [{"message": f"rejected by {plan.approved_by}"}]
    return str(failures[0]["message"])


def _told(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
