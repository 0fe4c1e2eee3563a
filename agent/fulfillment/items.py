"""The items of an order: which a plan carries out, which may begin, which can never be, and how their states move."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from agent.fulfillment.plan import Failure
from agent.fulfillment.states import FINAL, ItemState, can_become, item_can_become
from agent.fulfillment.tables import OrderItemRow, OrderRow, PlanRow

CANCELLING = frozenset({ItemState.ASSESSING_CANCELLATION, ItemState.PENDING_CANCELLATION})
_NOT_DONE = FINAL - {ItemState.COMPLETED}


def items_of(order: OrderRow, plan: PlanRow) -> list[OrderItemRow]:
    return [item for item in order.items if item.plan_id == plan.id]


def by_reference(order: OrderRow) -> dict[str, OrderItemRow]:
    return {item.reference: item for item in order.items}


def ready_plans(order: OrderRow, done: Iterable[str]) -> list[str]:
    """Plans whose items have not begun and depend on nothing that is not done (or in the plan itself)."""
    finished = set(done)
    return [
        plan_id
        for plan_id, items in _by_plan(order).items()
        if all(item.state == ItemState.ACKNOWLEDGED for item in items) and _needs(items) <= finished
    ]


def kept_plans(order: OrderRow) -> list[str]:
    """Plans that could begin but for what they wait for."""
    return [plan_id for plan_id, items in _by_plan(order).items() if all(item.state == ItemState.PENDING for item in items)]


def doomed_plan(order: OrderRow) -> str | None:
    """One that has not begun and needs an item that was not completed."""
    items = by_reference(order)
    for item in order.items:
        if item.state == ItemState.ACKNOWLEDGED and any(items[needed].state in _NOT_DONE for needed in item.depends_on):
            return item.plan_id
    return None


def missing_items(order: OrderRow, item: OrderItemRow) -> list[str]:
    """What it needs and was not completed, by reference."""
    items = by_reference(order)
    return [reference for reference in item.depends_on if items[reference].state in _NOT_DONE]


def move(item: OrderItemRow, state: ItemState) -> None:
    """Along the state machine; where no single step leads there, through the states between."""
    for step in _way(ItemState(item.state), state):
        item.state = step
    if item.state != state:
        raise RuntimeError(f"item {item.reference} of order {item.order_id} is {item.state} and cannot become {state}")


def tell(items: Iterable[OrderItemRow], failures: Sequence[Failure], at: datetime) -> None:
    """What keeps or has ended the items, in the words they have come with; the same words once."""
    errors = [failure.to_document() | {"at": at.isoformat()} for failure in dict.fromkeys(failures)]
    for item in items:
        item.errors = errors


def _way(now: ItemState, wanted: ItemState) -> tuple[ItemState, ...]:
    if now is wanted:
        return ()
    if item_can_become(now, wanted):
        return (wanted,)
    return next(((over, wanted) for over in _OVER if can_become(now, over) and can_become(over, wanted)), ())


_OVER = (ItemState.IN_PROGRESS, ItemState.ASSESSING_CANCELLATION, ItemState.PENDING_CANCELLATION)


def _by_plan(order: OrderRow) -> dict[str, list[OrderItemRow]]:
    plans: dict[str, list[OrderItemRow]] = {}
    for item in order.items:
        if item.plan_id is not None:
            plans.setdefault(item.plan_id, []).append(item)
    return plans


def _needs(items: Sequence[OrderItemRow]) -> set[str]:
    own = {item.reference for item in items}
    return {reference for item in items for reference in item.depends_on} - own
