"""A plan as the worker sees it: values read once from its rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row

from agent.fulfillment.lifecycle import CounterReadings
from agent.fulfillment.states import PlanState as PlanState  # noqa: PLC0414  told with the plan to all who read plans
from agent.fulfillment.tables import ChangeSetRow, PlanRow
from drivers.errors import ElementError
from drivers.port import ChangeSet, Check, Commitment

VERSION = 1
"""Of the steps below. A journal of an older version is finished by the steps of that version."""


class Step(StrEnum):
    """The forward path in order, and the one way back."""

    CONNECT = "connect"
    HOLD = "hold"
    STAGE = "stage"
    COMMIT = "commit"
    VERIFY = "verify"
    DECIDE = "decide"
    CONFIRM = "confirm"
    SAVE = "save"
    ACTIVATE = "activate"
    RELEASE = "release"
    REVERT = "revert"


ENDED = frozenset({PlanState.DONE, PlanState.FAILED, PlanState.CANCELLED})


class Purpose(StrEnum):
    """What a plan is for."""

    ORDER = "order"
    REDEPLOY = "redeploy"
    """The network is made to match the intent again: no order stands behind it."""
    BOUNCE = "bounce"
    """A port is shut for a moment: the change is always taken back, and that is its success."""


class Approval(StrEnum):
    """Of a plan that needs one; "" otherwise."""

    REQUIRED = "required"
    APPROVED = "approved"
    REJECTED = "rejected"


class Decision(StrEnum):
    """The row that decides the transaction: before it everything reverts, after it everything rolls forward."""

    COMMIT = "commit"
    REVERT = "revert"


class ChangeState(StrEnum):
    PLANNED = "planned"
    STAGED = "staged"
    COMMITTED = "committed"
    CONFIRMED = "confirmed"
    SAVED = "saved"
    REVERTED = "reverted"
    KEPT = "kept"
    IN_DOUBT = "inDoubt"


SETTLED = frozenset({ChangeState.SAVED, ChangeState.REVERTED, ChangeState.KEPT})
"""Nothing is left to do on the element."""


class Verb(StrEnum):
    """What an operator says of an element in doubt."""

    KEEP = "keep"
    """Leave it as it is; it has been put right by hand."""
    REVERT = "revert"
    """Undo the whole plan, even if it was decided to commit."""
    REPLACED = "replaced"
    """Another device stands in its place: there is nothing to undo, and nothing to be kept."""


@dataclass(frozen=True, slots=True)
class PlannedChange:
    change: ChangeSet
    commitment: Commitment
    state: ChangeState
    session_id: str
    """Of a worker that went before."""
    resolution: Verb | None
    own: tuple[str, str] = ("", "")
    """What the plan's services say by themselves, before and after."""

    @property
    def element(self) -> str:
        return self.change.element


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """What never changes of an order item once it is planned."""

    action: str
    service_id: str


@dataclass(frozen=True, slots=True)
class Plan:
    id: str
    order_id: str
    version: int
    state: PlanState
    step: Step
    decision: Decision | None
    deadline: datetime
    readings: CounterReadings | None
    changes: tuple[PlannedChange, ...]
    """Sorted by element."""
    purpose: str = Purpose.ORDER
    items: tuple["PlannedItem", ...] = ()
    """Of the order, that it carries out; where they are asked for."""
    rest: timedelta | None = None
    """How long a port that is bounced stays shut, where that is said."""

    @property
    def actions(self) -> frozenset[str]:
        return frozenset(item.action for item in self.items)

    @property
    def services(self) -> tuple[str, ...]:
        """That it changes."""
        return tuple(item.service_id for item in self.items if item.action != "noChange")

    @property
    def open_changes(self) -> tuple[PlannedChange, ...]:
        """Where something is left to do. What was saved is open again once an operator has decided to revert."""
        settled = SETTLED - {ChangeState.SAVED} if self.decision is Decision.REVERT else SETTLED
        return tuple(planned for planned in self.changes if planned.state not in settled)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something did not happen, in the element's own words where it was an element."""

    element: str
    """"" when it was none."""
    code: str
    message: str

    @classmethod
    def of(cls, error: ElementError) -> "Failure":
        name = type(error).__name__
        return cls(error.element, name[0].lower() + name[1:], error.message)

    def __str__(self) -> str:
        return f"{self.element}: {self.message}" if self.element else self.message

    def to_document(self) -> dict[str, str]:
        return {"element": self.element, "code": self.code, "message": self.message}

    @classmethod
    def from_document(cls, document: Mapping[str, str]) -> "Failure":
        return cls(document["element"], document["code"], document["message"])


CANCELLED = Failure("", "cancelled", "the order was cancelled before this was decided")


def read_plan(row: PlanRow, changes: Iterable[ChangeSetRow | Row[Any]] | None = None, items: Iterable[PlannedItem] = ()) -> Plan:
    """`changes`: its change sets, sorted by element, where they were read already."""
    return Plan(
        id=row.id,
        order_id=row.order_id,
        version=row.version,
        state=PlanState(row.state),
        step=Step(row.step),
        decision=Decision(row.decision) if row.decision else None,
        deadline=row.deadline,
        readings=CounterReadings.from_document(row.readings) if row.readings else None,
        changes=tuple(_planned(change) for change in (row.change_sets if changes is None else changes)),
        purpose=row.purpose,
        items=tuple(items),
        rest=None if row.rest_s is None else timedelta(seconds=row.rest_s),
    )


def _planned(row: ChangeSetRow | Row[Any]) -> PlannedChange:
    checks = tuple(Check(**document) for document in row.checks)
    change = ChangeSet(row.element, row.platform, row.before, row.after, row.forward, row.reverse, tuple(row.ports), checks)
    resolution = Verb(row.resolution) if row.resolution else None
    own = (
        row.before if row.own_before is None else row.own_before,
        row.after if row.own_after is None else row.own_after,
    )
    return PlannedChange(change, Commitment(row.commitment), ChangeState(row.state), row.session_id, resolution, own)
