"""States of orders and items (TMF641), and how an order's follows from its items'. Pure."""

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


_S = ItemState
TRANSITIONS: Mapping[ItemState, frozenset[ItemState]] = {
    _S.ACKNOWLEDGED: frozenset({_S.IN_PROGRESS, _S.REJECTED, _S.CANCELLED, _S.ASSESSING_CANCELLATION}),
    _S.IN_PROGRESS: frozenset({_S.PENDING, _S.HELD, _S.COMPLETED, _S.FAILED, _S.PARTIAL, _S.CANCELLED, _S.ASSESSING_CANCELLATION}),
    _S.PENDING: frozenset({_S.IN_PROGRESS, _S.CANCELLED, _S.ASSESSING_CANCELLATION}),
    _S.HELD: frozenset({_S.IN_PROGRESS, _S.CANCELLED, _S.ASSESSING_CANCELLATION}),
    _S.ASSESSING_CANCELLATION: frozenset({_S.PENDING_CANCELLATION, _S.ACKNOWLEDGED, _S.IN_PROGRESS, _S.PENDING, _S.HELD}),
    _S.PENDING_CANCELLATION: frozenset({_S.CANCELLED}),
}
FINAL = frozenset({_S.COMPLETED, _S.FAILED, _S.PARTIAL, _S.CANCELLED, _S.REJECTED})


def can_become(state: ItemState, wanted: ItemState) -> bool:
    return wanted in TRANSITIONS.get(state, frozenset())


def order_state(items: Collection[str]) -> ItemState:
    """The order's state by its items': the same when all are alike, partial when some are done and others are not to be."""
    states = {ItemState(state) for state in items}
    if len(states) == 1:
        return next(iter(states))
    if states <= FINAL:
        return _S.PARTIAL if states & {_S.COMPLETED, _S.PARTIAL} else _S.FAILED
    return next((state for state in _SHOWN_FIRST if state in states), _S.IN_PROGRESS)


_SHOWN_FIRST = (_S.ASSESSING_CANCELLATION, _S.PENDING_CANCELLATION, _S.IN_PROGRESS, _S.HELD, _S.PENDING)
"""Of an order that is under way; with none of these, some items wait for others that have ended: it is in progress."""
