"""TMF639 Resource Inventory 4.0: the inventory as resources, and those that clients keep beside it.

What `fabd inventory import` owns changes there; only an element's administrative state can be changed here too.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.access import ActorOf, needs
from agent.api.answers import changed, once
from agent.api.body import BodyOf, Instant
from agent.api.errors import Conflict
from agent.api.etag import require_match
from agent.api.idempotency import Answer
from agent.api.listing import Part
from agent.api.openapi import PATCHES, TAG_RESOURCES, described
from agent.api.parts import Parts, PartsOf
from agent.api.patch import PatchRules, check_attributes, check_state
from agent.api.query import Document
from agent.api.tmf.hub import Hub, hub_routes
from agent.api.tmf.open import Open, Text
from agent.api.tmf.paths import RESOURCE_INVENTORY
from agent.api.tmf.records import RecordKind, Wish, own_row, record_routes
from agent.api.tmf.resources import (
    LOGICAL,
    LOGICAL_RESOURCE,
    PHYSICAL,
    PHYSICAL_RESOURCE,
    RESOURCE,
    element_document,
    logical_listings,
    physical_listings,
)
from agent.security.audit import record
from agent.security.roles import Role
from crm_bridge import outbox
from inventory.elements import set_administrative
from inventory.tables import ElementRow

router = APIRouter(prefix=RESOURCE_INVENTORY, tags=[TAG_RESOURCES])

_EVENTS = ("Create", "AttributeValueChange", "StateChange", "Delete")
_LOCKING = PatchRules(state="administrativeState", transitions={"locked": ("unlocked",), "unlocked": ("locked",)})


class ResourceCharacteristicEntry(Open):
    name: Text


class _Resource(Open):
    category: str | None = None
    description: str | None = None
    resource_version: str | None = None
    start_operating_date: Instant | None = None
    end_operating_date: Instant | None = None
    administrative_state: Literal["locked", "unlocked", "shutdown"] | None = None
    operational_state: Literal["enable", "disable"] | None = None
    usage_state: Literal["idle", "active", "busy"] | None = None
    resource_status: Literal["standby", "alarm", "available", "reserved", "unknown", "suspended"] | None = None
    resource_characteristic: tuple[ResourceCharacteristicEntry, ...] = ()


class ResourceEntry(_Resource):
    """What is read of TMF639's Resource."""

    name: Text


class PhysicalResourceEntry(_Resource):
    """What is read of TMF639's PhysicalResource."""

    name: Text
    manufacture_date: Instant | None = None
    power_state: str | None = None
    serial_number: str | None = None
    version_number: str | None = None


class LogicalResourceEntry(_Resource):
    """What is read of TMF639's LogicalResource."""

    name: Text | None = None
    value: str | None = None


_NAMED = PatchRules(required=frozenset({"name"}))
PHYSICALS = RecordKind(PHYSICAL, RESOURCE_INVENTORY, "phr", PhysicalResourceEntry, PHYSICAL_RESOURCE, rules=_NAMED)
LOGICALS = RecordKind(LOGICAL, RESOURCE_INVENTORY, "lgr", LogicalResourceEntry, LOGICAL_RESOURCE)
RESOURCES = RecordKind("resource", RESOURCE_INVENTORY, "res", ResourceEntry, RESOURCE, rules=_NAMED)


def _physical(_parts: Parts) -> Sequence[Part]:
    return physical_listings(PHYSICAL_RESOURCE)


def _logical(_parts: Parts) -> Sequence[Part]:
    return logical_listings(LOGICAL_RESOURCE)


def _all(_parts: Parts) -> Sequence[Part]:
    return (*physical_listings(RESOURCE), *logical_listings(RESOURCE), PHYSICALS.listing, LOGICALS.listing)


def _change_element(wish: Wish) -> Document | None:
    """Lock or unlock an element: a locked one is neither polled nor configured. None when it is no element."""
    row = wish.session.get(ElementRow, wish.identity, with_for_update=True)
    if row is None:
        return None
    before = element_document(wish.session, row)
    require_match(wish.request, before)
    check_attributes(before, {name: value for name, value in wish.patch.items() if name in {"id", "href"}}, _LOCKING)
    owned = sorted(wish.patch.keys() - {"administrativeState"})
    if owned:
        raise Conflict(
            "ownedByInventory",
            f"{', '.join(owned)} of element {row.name} comes from the inventory; change it there and run `fabd inventory import`",
            pointer=f"/{owned[0]}",
        )
    check_state(before, wish.patch, _LOCKING)
    if wish.patch.get("administrativeState", row.administrative) == row.administrative:
        return before
    set_administrative(wish.session, row.name, wish.patch["administrativeState"])
    wish.session.flush()
    after = element_document(wish.session, row)
    action = "lock" if row.administrative == "locked" else "unlock"
    was, now = ({"administrative": each["administrativeState"]} for each in (before, after))
    record(wish.session, wish.actor, action, f"element {row.name}", wish.at, before=was, after=now)
    outbox.publish(
        wish.session,
        aggregate=f"resource:{row.id}",
        type=f"{PHYSICAL}StateChangeEvent",
        payload={PHYSICAL: dict(after)},
        correlation_id=wish.actor.correlation_id,
        at=wish.at,
    )
    return after


def _change_any(wish: Wish) -> Document | None:
    """Of an element, or of a record that was made as physical or logical."""
    for kind in (PHYSICALS, LOGICALS):
        row = kind.row(wish.session, wish.identity)
        if row is not None:
            require_match(wish.request, kind.document(row))
            return kind.change(wish.session, row, wish.patch, wish.actor, wish.at)
    return _change_element(wish)


record_routes(
    router,
    PHYSICALS,
    others=_physical,
    change_other=_change_element,
    example={"name": "Splice box 12", "category": "Passive", "serialNumber": "SB-0012"},
)
record_routes(router, LOGICALS, others=_logical, example={"name": "Voice number", "category": "E.164", "value": "+49301234567"})
record_routes(router, RESOURCES, others=_all, change_other=_change_any, example={"name": "Rack 7", "category": "Rack"})
hub_routes(router, Hub(RESOURCE_INVENTORY, dict.fromkeys(("resource", PHYSICAL, LOGICAL), _EVENTS)))


@router.put(
    f"/{LOGICAL}/{{logicalresource_id}}",
    dependencies=[needs(Role.PROVISIONER)],
    status_code=HTTPStatus.OK,
    **described(f"Replace a {LOGICAL}", *PATCHES, answer=LOGICAL_RESOURCE, body=LogicalResourceEntry),
)
def replace_logical_resource(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
    """What is not sent is taken away."""

    def work(session: Session, at: datetime) -> Answer:
        row = own_row(session, request, LOGICALS, _logical(parts))
        return changed(LOGICALS.change(session, row, _instead(LOGICALS.document(row), body.data), actor, at))

    return once(request, parts, actor, body, work)


def _instead(document: Document, sent: Mapping[str, Any]) -> dict[str, Any]:
    """The patch that leaves what was sent and nothing else; `id` and `href` may be sent as they are."""
    same = {name for name in ("id", "href") if sent.get(name) == document[name]}
    gone = dict.fromkeys(document.keys() - sent.keys() - {"id", "href"})
    return gone | {name: value for name, value in sent.items() if name not in same}
