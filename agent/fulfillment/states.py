"""States of orders and items (TMF641), how an order's follows from its items', and states of plans. Pure."""

from collections.abc import Collection, Mapping
from enum import StrEnum


class ItemState(StrEnum):
    """Of an item, and of an order."""

    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "inProgress"
    PENDING = "pending"
    HELD = "held"
    COMPLETED = "completed"
    FAILED = "failed"
    PARTIAL = "partial"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    ASSESSING_CANCELLATION = "assessingCancellation"
    PENDING_CANCELLATION = "pendingCancellation"


class PlanState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    IN_DOUBT = "inDoubt"


_S = ItemState
TRANSITIONS: Mapping[ItemState, frozenset[ItemState]] = {
    _S.ACKNOWLEDGED: frozenset({_S.IN_PROGRESS, _S.REJECTED, _S.CANCELLED, _S.ASSESSING_CANCELLATION}),
    _S.IN_PROGRESS: frozenset({_S.PENDING, _S.HELD, _S.COMPLETED, _S.FAILED, _S.PARTIAL, _S.CANCELLED, _S.ASSESSING_CANCELLATION}),
    _S.PENDING: frozenset({_S.IN_PROGRESS, _S.CANCELLED, _S.ASSESSING_CANCELLATION}),
    _S.HELD: frozenset({_S.IN_PROGRESS, _S.CANCELLED, _S.ASSESSING_CANCELLATION}),
    _S.ASSESSING_CANCELLATION: frozenset({_S.PENDING_CANCELLATION, _S.ACKNOWLEDGED, _S.IN_PROGRESS, _S.PENDING, _S.HELD}),
    _S.PENDING_CANCELLATION: frozenset({_S.CANCELLED}),
}
"""Of orders, and of items but for what cancelling the rest of the order adds."""
_UNDONE: Mapping[ItemState, frozenset[ItemState]] = {_S.COMPLETED: frozenset({_S.CANCELLED})}
"""TMF641 draws completed as the end. An item that was completed before its order was cancelled leaves it this one way: undone."""
FINAL = frozenset({_S.COMPLETED, _S.FAILED, _S.PARTIAL, _S.CANCELLED, _S.REJECTED})


def can_become(state: ItemState, wanted: ItemState) -> bool:
    return wanted in TRANSITIONS.get(state, frozenset())


def item_can_become(state: ItemState, wanted: ItemState) -> bool:
    return can_become(state, wanted) or wanted in _UNDONE.get(state, frozenset())


def order_state(items: Collection[str], *, cancelling: bool = False) -> ItemState:
    """The order's state by its items': the same when all are alike, partial when some are done and others are not to be.

    `cancelling`: until a cancellation has ended, with what it undoes, the order shows that and nothing else.
    """
    states = {ItemState(state) for state in items}
    if cancelling:
        return _S.ASSESSING_CANCELLATION if _S.ASSESSING_CANCELLATION in states else _S.PENDING_CANCELLATION
    if len(states) == 1:
        return next(iter(states))
    if states <= FINAL:
        if states & {_S.COMPLETED, _S.PARTIAL}:
            return _S.PARTIAL
        return _S.CANCELLED if _S.CANCELLED in states else _S.FAILED
    return next((state for state in _SHOWN_FIRST if state in states), _S.IN_PROGRESS)


_SHOWN_FIRST = (_S.ASSESSING_CANCELLATION, _S.PENDING_CANCELLATION, _S.IN_PROGRESS, _S.HELD, _S.PENDING)
"""Of an order that is under way; with none of these, some items wait for others that have ended: it is in progress."""
