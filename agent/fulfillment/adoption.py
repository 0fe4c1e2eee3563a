"""Taking what stands on an element as the intent, where the services there can say it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.fulfillment.drift import Drift, DriftState, held_by
from agent.fulfillment.errors import Refusal, StateRefused
from agent.fulfillment.intents import ElementIntent, standing
from drivers.diff import statements, union
from drivers.diff.drift import deviation, within, words
from drivers.diff.uses import uses
from drivers.platform import Platform
from inventory import sharing
from inventory.services import parts_of
from inventory.tables import ElementRow, ServicePartRow, ServiceRow


@dataclass(frozen=True, slots=True)
class Adoption:
    element: str
    parts: Mapping[str, str]
    """Service → its text from now on, of those that it changes for."""


def adoption(platform: Platform, intent: ElementIntent, drift: Drift) -> Adoption:
    """Pure. `StateRefused` says what cannot be taken as the intent."""
    new = {service: within(platform, text, drift.before) for service, text in intent.parts.items()}
    refusals = [
        *(_gone(drift.element, service) for service, text in new.items() if not text.strip()),
        *(refusal for service, text in new.items() if text.strip() for refusal in _values(platform, drift, service, intent, text)),
        *_left(platform, drift, new),
    ]
    if refusals:
        raise StateRefused(*refusals)
    changed = {
        service: text for service, text in new.items() if statements(platform, text) != statements(platform, intent.parts[service])
    }
    return Adoption(drift.element, changed)


def adopt(session: Session, platforms: Callable[[str], Platform], drift: Drift, at: datetime) -> Adoption:
    """Replace the texts of the parts, and mark them. `StateRefused` also when services have changed since it was compared."""
    if drift.state is not DriftState.DRIFTED:
        why = drift.reason or "it is as it should be"
        raise StateRefused(Refusal("nothingToAdopt", drift.element, f"{drift.element}: {why}", "nothing is adopted"))
    intent = standing(session, [drift.element])[drift.element]
    platform = platforms(drift.platform)
    if intent.text(platform) != drift.intent or held_by(session, [drift.element]):
        message = f"services on {drift.element} have changed since it was compared"
        raise StateRefused(Refusal("intentChanged", drift.element, message, "compare it again"))
    found = adoption(platform, intent, drift)
    here = select(ElementRow.id).where(ElementRow.name == drift.element).scalar_subquery()
    for service_id, text in sorted(found.parts.items()):
        mine = (ServicePartRow.service_id == service_id, ServicePartRow.element_id == here)
        part = session.scalars(select(ServicePartRow).where(*mine).with_for_update()).one()
        part.desired, part.adopted_at = text, at
        session.get_one(ServiceRow, service_id).revision += 1
        session.flush()
        _own(session, platforms, service_id)
    return found


def _own(session: Session, platforms: Callable[[str], Platform], service_id: str) -> None:
    """What it says on all its elements, as `sharing` keeps it."""
    parts = parts_of(session, service_id)
    sharing.own(session, service_id, {part.element: statements(platforms(part.platform), part.desired) for part in parts})


def _gone(element: str, service: str) -> Refusal:
    message = f"nothing of service {service} is left on {element}"
    return Refusal("serviceGone", element, message, "redeploy it, or delete the service by an order")


def _values(platform: Platform, drift: Drift, service: str, intent: ElementIntent, text: str) -> list[Refusal]:
    """Values of pools are given out by orders alone."""
    old = {(use.kind, use.value) for use in uses(platform, intent.parts[service])}
    new = {(use.kind, use.value) for use in uses(platform, text)}
    if old == new:
        return []
    told = ", ".join(f"{kind} {value}" for kind, value in sorted(old ^ new))
    message = f"service {service} would have other values on {drift.element} than it was given ({told})"
    return [Refusal("valuesDiffer", drift.element, message, "redeploy it, or modify the service by an order")]


def _left(platform: Platform, drift: Drift, new: Mapping[str, str]) -> list[Refusal]:
    """What no service can say as its own."""
    rest = deviation(platform, union(platform, list(new.values())), drift.before)
    if rest.in_sync:
        return []
    told = "; ".join(words(platform, {**rest.missing, **rest.unexpected}))
    return [Refusal("nobodySays", drift.element, f"no service on {drift.element} can say: {told}", "redeploy it")]
