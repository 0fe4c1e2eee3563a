"""Orders with their items, locked: plans of one order end in different workers, and the order's row is their lock."""

from collections.abc import Collection, Sequence

from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from agent.fulfillment.tables import OrderItemRow, OrderRow
from inventory.loading import Loading, lock
from inventory.prepared import among


def locked_order(session: Session, order_id: str) -> OrderRow | None:
    return lock(session, OrderRow, [order_id], _with_items).get(order_id)


def lock_orders(session: Session, orders: Collection[str]) -> None:
    """Those of several plans; "" for those without one."""
    lock(session, OrderRow, [order_id for order_id in orders if order_id], _with_items)


def _with_items(session: Session, orders: Sequence[OrderRow]) -> None:
    items: dict[str, list[OrderItemRow]] = {order.id: [] for order in orders}
    for item in _ITEMS.rows(session, {"orders": list(items)}):
        items[item.order_id].append(item)
    for order in orders:
        set_committed_value(order, "items", items[order.id])


_ITEMS = Loading(OrderItemRow, among(OrderItemRow.order_id, "orders"), order_by=OrderItemRow.position)
