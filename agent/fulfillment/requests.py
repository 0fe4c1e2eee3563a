"""An order as fulfilment understands it, whatever API it came by; and what of it can be judged without the inventory. Pure.

Places are JSON pointers into this shape: `/items/0/characteristics/vlan`.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from agent.fulfillment.errors import Refusal
from agent.fulfillment.planning import bundles, circle

ACTIONS = ("add", "modify", "delete", "noChange")
STATES = ("", "active", "inactive")
"""What an item can want of its service; "" leaves it as the action says."""
FARTHEST = timedelta(days=2 * 366)
"""Ahead of which nothing can be ordered: what is reserved for longer is reserved for nobody."""
BUNDLE = "bundle"
"""One network transaction for both items."""
DEPENDENCIES = frozenset({"reliesOn", "dependency", "dependsOn", "requires"})
"""The item begins when the other is completed."""
NO_CUSTOMER = "customerMissing"
URGENT, ORDINARY, PATIENT = 0, 100, 200


@dataclass(frozen=True, slots=True)
class Related:
    kind: str
    reference: str
    """Of the other item."""


@dataclass(frozen=True, slots=True)
class ItemRequest:
    reference: str
    """The client's own id, unique in the order."""
    action: str
    """add, modify, delete or noChange."""
    specification: str = ""
    service_id: str | None = None
    """Of the service that is there already."""
    characteristics: Mapping[str, Any] = field(default_factory=dict)
    related: tuple[Related, ...] = ()
    state: str = ""
    """The wanted state of the service: active, inactive, or "" as the action says."""
    suspension_reason: str = ""
    """Why it is to be inactive."""
    waits_for: str = ""
    """A reference that another system completes before the item begins."""
    wait_until: datetime | None = None
    """When it fails if that has not happened; by default after a time that the settings say."""
    document: Mapping[str, Any] = field(default_factory=dict)
    """What the client sent, to be echoed."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Role → what it is to be given where the characteristics leave that open. Orders of fabd's own say so."""


@dataclass(frozen=True, slots=True)
class OrderRequest:
    customer: str
    """Account number."""
    items: tuple[ItemRequest, ...]
    external_id: str | None = None
    document: Mapping[str, Any] = field(default_factory=dict)
    """What the client sent, to be echoed."""
    correlation_id: str = ""
    requested_start: datetime | None = None
    requested_completion: datetime | None = None
    priority: int = ORDINARY
    """Lower is sooner."""
    sent_digest: str = ""
    """Of the order as it was sent, when it was completed since by what services had at the time."""
    avoid: frozenset[str] = frozenset()
    """Links (names) that no new way leads over. Orders of fabd's own say so."""

    @property
    def digest(self) -> str:
        """The same for the same order: what `externalId` is compared by."""
        if self.sent_digest:
            return self.sent_digest
        items = [
            [item.reference, item.action, item.specification, item.service_id, item.characteristics, item.related, *_rarely(item)]
            for item in self.items
        ]
        said = [self.customer, self.requested_start, items, self.document]
        return hashlib.sha256(_text(said).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Which items share a plan, and what each waits for."""

    bundles: tuple[tuple[str, ...], ...]
    depends_on: Mapping[str, tuple[str, ...]]


def arrange(request: OrderRequest) -> Arrangement:
    """Call it for a request without `mistakes`."""
    if len(request.items) == 1 and not request.items[0].related:
        only = request.items[0].reference
        return Arrangement(((only,),), {only: ()})
    references = [item.reference for item in request.items]
    pairs = [(item.reference, other.reference) for item in request.items for other in item.related if other.kind == BUNDLE]
    needs = {
        item.reference: tuple(other.reference for other in item.related if other.kind in DEPENDENCIES) for item in request.items
    }
    return Arrangement(tuple(bundles(references, pairs)), needs)


def endings(request: OrderRequest) -> dict[str, frozenset[str]]:
    """Item → services that have ended when it begins, or end with it: deleted by an item that it relies on, or is bundled with.

    Only items before which something ends are named. Call it for a request without `mistakes`.
    """
    deleted = {item.reference: item.service_id for item in request.items if item.action == "delete" and item.service_id}
    if not deleted:
        return {}
    found = {
        reference: frozenset(deleted[other] for other in others if other in deleted)
        for reference, others in before(request).items()
    }
    return {reference: ended for reference, ended in found.items() if ended}


def before(request: OrderRequest) -> dict[str, frozenset[str]]:
    """Item → those that are completed when it begins, or with it: all that it relies on, or is bundled with, and so on."""
    arrangement = arrange(request)
    bundle_of = {reference: bundle for bundle in arrangement.bundles for reference in bundle}
    return {item.reference: _before(item.reference, arrangement, bundle_of) for item in request.items}


def _before(reference: str, arrangement: Arrangement, bundle_of: Mapping[str, Iterable[str]]) -> frozenset[str]:
    found: set[str] = set()
    ahead = [reference]
    while ahead:
        fresh = set(bundle_of[ahead.pop()]) - found
        found |= fresh
        ahead += [needed for each in fresh for needed in arrangement.depends_on[each]]
    return frozenset(found - {reference})


def mistakes(request: OrderRequest, at: datetime) -> list[Refusal]:
    """Everything that cannot be meant at this time, whatever the inventory holds."""
    found = [*_of_order(request), *_of_dates(request, at), *_of_items(request, at), *_of_services(request)]
    return found or list(_of_circles(request))


def _of_order(request: OrderRequest) -> Iterator[Refusal]:
    if not request.customer:
        yield Refusal(NO_CUSTOMER, "/customer", "the order names no customer", "name one by account number")
    if not request.items:
        yield Refusal("noItems", "/items", "the order has no items", "add at least one")


def _of_dates(request: OrderRequest, at: datetime) -> Iterator[Refusal]:
    start, end = request.requested_start, request.requested_completion
    for name, wanted in (("requestedStart", start), ("requestedCompletion", end)):
        if wanted is not None and wanted > at + FARTHEST:
            message = f"{wanted.isoformat()} is more than {FARTHEST.days} days ahead"
            yield Refusal("dateTooFar", f"/{name}", message, "order it nearer to its time")
    if start is not None and end is not None and end < start:
        message = f"it is to be completed at {end.isoformat()}, before it is to begin at {start.isoformat()}"
        yield Refusal("completionBeforeStart", "/requestedCompletion", message, "correct one of them")


def _of_items(request: OrderRequest, at: datetime) -> Iterator[Refusal]:
    references = [item.reference for item in request.items]
    for position, item in enumerate(request.items):
        where = f"/items/{position}"
        if not item.reference:
            yield Refusal("itemIdMissing", f"{where}/id", "the item has no id", "give each item an id of its own")
        elif item.reference in references[:position]:
            yield Refusal("duplicateItem", f"{where}/id", f"two items have the id {item.reference!r}", "give each an id of its own")
        yield from _of_action(item, where)
        yield from _of_state(item, where)
        yield from _of_wait(item, where, at)
        yield from _of_relations(item, where, references)


def _of_action(item: ItemRequest, where: str) -> Iterator[Refusal]:
    if item.action not in ACTIONS:
        yield Refusal("unknownAction", f"{where}/action", f"there is no action {item.action!r}", f"use one of {', '.join(ACTIONS)}")
    elif item.action == "add" and item.service_id is not None:
        yield Refusal("serviceExists", f"{where}/service", "an add names no service; it gets its id from here", "leave the id out")
    elif item.action == "add" and not item.specification:
        yield Refusal("specificationMissing", f"{where}/specification", "the item names no specification", "name the one to add")
    elif item.action != "add" and item.service_id is None:
        yield Refusal("serviceMissing", f"{where}/service", f"{item.action} needs a service", "give the id of the service")


def _of_state(item: ItemRequest, where: str) -> Iterator[Refusal]:
    if item.state not in STATES:
        message = f"a service cannot be ordered to be {item.state!r}"
        yield Refusal("unknownState", f"{where}/state", message, "say active or inactive, or leave it out")
    elif item.suspension_reason and item.state != "inactive":
        message = "a reason for suspension is given for a service that is not to be inactive"
        yield Refusal("suspensionReason", f"{where}/state", message, "order it inactive, or leave the reason out")


def _of_wait(item: ItemRequest, where: str, at: datetime) -> Iterator[Refusal]:
    until = item.wait_until
    if until is None:
        return
    if not item.waits_for:
        message = "it says until when it waits, and not for what"
        yield Refusal("waitsForNothing", f"{where}/waitUntil", message, "name the reference that another system completes")
    elif until <= at:
        message = f"its wait would have ended at {until.isoformat()}, which is past"
        yield Refusal("waitOver", f"{where}/waitUntil", message, "give a time to come")
    elif until > at + FARTHEST:
        message = f"{until.isoformat()} is more than {FARTHEST.days} days ahead"
        yield Refusal("dateTooFar", f"{where}/waitUntil", message, "let it wait for less long")


def _of_services(request: OrderRequest) -> Iterator[Refusal]:
    changed: dict[str, str] = {}
    for position, item in enumerate(request.items):
        if item.service_id is None or item.action == "noChange":
            continue
        if item.service_id in changed:
            message = f"items {changed[item.service_id]} and {item.reference} both change service {item.service_id}"
            yield Refusal("serviceTwice", f"/items/{position}/service", message, "keep one of them")
        changed.setdefault(item.service_id, item.reference)


def _of_relations(item: ItemRequest, where: str, references: list[str]) -> Iterator[Refusal]:
    for number, other in enumerate(item.related):
        there = f"{where}/related/{number}"
        if other.kind != BUNDLE and other.kind not in DEPENDENCIES:
            known = ", ".join([BUNDLE, *sorted(DEPENDENCIES)])
            yield Refusal("unknownRelationship", there, f"there is no relationship {other.kind!r}", f"use one of {known}")
        if other.reference not in references:
            yield Refusal(
                "unknownItem",
                there,
                f"it refers to item {other.reference!r}, which is not in the order",
                "name an item of this order",
            )


def _of_circles(request: OrderRequest) -> Iterator[Refusal]:
    arrangement = arrange(request)
    bundle_of = {reference: bundle[0] for bundle in arrangement.bundles for reference in bundle}
    needs: dict[str, list[str]] = {}
    for reference, others in arrangement.depends_on.items():
        own = bundle_of[reference]
        needs.setdefault(own, []).extend(bundle_of[other] for other in others if bundle_of[other] != own or other == reference)
    if around := circle(needs):
        way = " → ".join(around)
        yield Refusal(
            "cyclicDependency", "/items", f"items wait for each other in a circle: {way}", "remove one of the dependencies"
        )


def _rarely(item: ItemRequest) -> list[object]:
    """What most items do not say; without it the digest is that of the releases that did not know it."""
    said: list[object] = [item.state, item.suspension_reason, item.waits_for, item.wait_until]
    return said if any(said) else []


def _plain(value: object) -> object:
    if isinstance(value, Related):
        return [value.kind, value.reference]
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


_text = json.JSONEncoder(sort_keys=True, default=_plain).encode
