"""The states of a bill (TMF678)."""

from enum import StrEnum


class BillState(StrEnum):
    NEW = "new"
    ON_HOLD = "onHold"
    """Needs review."""
    VALIDATED = "validated"
    SENT = "sent"
    PARTIALLY_PAID = "partiallyPaid"
    SETTLED = "settled"


DRAFT = frozenset({BillState.NEW, BillState.ON_HOLD, BillState.VALIDATED})
