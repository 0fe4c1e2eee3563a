"""What services should be on elements, as the inventory has it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.errors import PhaseFailed
from agent.fulfillment.plan import Failure
from agent.fulfillment.tables import PlanRow
from drivers.diff import union
from drivers.platform import Platform
from inventory.tables import ElementRow, PlannedPartRow, ServicePartRow, ServiceRow

REDEPLOY = "redeploy"
"""Purpose of a plan that makes the network match the intent again; its change sets keep in `own_after` by what they were judged."""
STANDING = ("active",)
"""Services in these states have their parts on the network."""


@dataclass(frozen=True, slots=True)
class ElementIntent:
    element: str
    platform: str
    parts: Mapping[str, str] = field(default_factory=dict)
    """Service → its text, in the order of their ids."""

    def text(self, platform: Platform) -> str:
        """All of it as one text; "" when nothing is to stand there."""
        return union(platform, list(self.parts.values()))


def standing(session: Session, elements: Collection[str] | None = None) -> dict[str, ElementIntent]:
    """Element → what should stand there now; every element (or all those named) is in it, by name."""
    names = select(ElementRow.name, ElementRow.platform).order_by(ElementRow.name)
    parts = (
        select(ElementRow.name, ServicePartRow.service_id, ServicePartRow.desired)
        .join(ServicePartRow, ServicePartRow.element_id == ElementRow.id)
        .join(ServiceRow, ServiceRow.id == ServicePartRow.service_id)
        .where(ServiceRow.state.in_(STANDING))
        .order_by(ServicePartRow.service_id)
    )
    if elements is not None:
        names, parts = names.where(ElementRow.name.in_(elements)), parts.where(ElementRow.name.in_(elements))
    found: dict[str, dict[str, str]] = {}
    for element, service_id, text in session.execute(parts):
        found.setdefault(element, {})[service_id] = text
    return {name: ElementIntent(name, platform, found.get(name, {})) for name, platform in session.execute(names)}


def every_text(session: Session) -> dict[str, list[str]]:
    """Element → all that any service says or is to say there: what fabd knows of, whether it stands now or not."""
    found: dict[str, list[str]] = {}
    for table in (ServicePartRow, PlannedPartRow):
        query = select(ElementRow.name, table.desired).join(table, table.element_id == ElementRow.id)
        for element, text in session.execute(query):
            found.setdefault(element, []).append(text)
    return found


def refuse_other_intent(session: Session, plan: PlanRow, platforms: Callable[[str], Platform]) -> None:
    """`PhaseFailed` when services have come or gone since the elements were compared. Called while the plan holds them."""
    intents = standing(session, [change.element for change in plan.change_sets])
    failures = [
        Failure(change.element, "intentChanged", "services have changed since it was compared; compare it again")
        for change in plan.change_sets
        if intents.get(change.element, ElementIntent(change.element, "")).text(platforms(change.platform)) != change.own_after
    ]
    if failures:
        raise PhaseFailed(failures)
