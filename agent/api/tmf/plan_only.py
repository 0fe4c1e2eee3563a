"""A TMF641 order that is only planned: the order as it would be, with what each item would take, change and touch.

It has neither `id` nor `href`: nothing was stored. What is no TMF641 attribute stands in `planPreview`, of each item and of the
order.
"""

from collections.abc import Mapping
from typing import Any

from agent.api.shapes import ANYTHING, TEXT, TEXTS, WHOLE, many, named, opened
from agent.api.tmf.shapes import SERVICE_ORDER
from agent.fulfillment.preview import GivenValue, Impact, Preview, PreviewedChange, TouchedElement, TouchedPort, TouchedService
from agent.fulfillment.states import ItemState

_SERVICE = opened(id=TEXT, name=TEXT, state=TEXT, customer=TEXT)
_CHANGE = opened(element=TEXT, platform=TEXT, commitment=TEXT, diff=TEXT, payload=TEXT, reverse=TEXT)
_VALUE = opened(role=TEXT, pool=TEXT, value=TEXT, bandwidth=WHOLE)
_ITEM_PREVIEW = opened(
    allocation=many(_VALUE),
    release=many(_VALUE),
    change=many(_CHANGE),
    sharedWith=TEXTS,
    approval=TEXT,
    **{"@type": TEXT},
)
_TOUCHED = opened(
    element=TEXT,
    otherServices=WHOLE,
    linesAdded=WHOLE,
    linesRemoved=WHOLE,
    port=many(opened(name=TEXT, otherServices=WHOLE, service=many(_SERVICE))),
)
PLANNED_ORDER = named(
    "PlannedServiceOrder",
    opened(
        **{"@type": TEXT},
        state=TEXT,
        serviceOrderItem=many(opened(action=TEXT, state=TEXT, service=ANYTHING, planPreview=_ITEM_PREVIEW)),
        planPreview=opened(
            touchedElement=many(_TOUCHED),
            changedService=many(opened(item=TEXT, action=TEXT, service=_SERVICE)),
            **{"@type": TEXT},
        ),
    ),
)
ORDER_OR_PLAN = {"anyOf": [SERVICE_ORDER, PLANNED_ORDER]}


def planned_order(body: Mapping[str, Any], preview: Preview) -> dict[str, Any]:
    """The body that was sent, as the order it would become."""
    items = [
        {
            "@type": "ServiceOrderItem",
            **item,
            "state": ItemState.ACKNOWLEDGED,
            "planPreview": _item(str(item["id"]), preview),
        }
        for item in body["serviceOrderItem"]
    ]
    own = {key: value for key, value in body.items() if key not in {"id", "href"}}
    planned = {"@type": "ServiceOrder", **own, "state": ItemState.ACKNOWLEDGED, "serviceOrderItem": items}
    return planned | {"planPreview": _impact(preview.impact)}


def _item(reference: str, preview: Preview) -> dict[str, Any]:
    plan = preview.plan_of(reference)
    return {
        "allocation": [_value(given) for given in preview.allocations if given.item == reference],
        "release": [_value(given) for given in preview.released if given.item == reference],
        "change": [_change(change) for change in plan.changes],
        "approval": plan.approval,
        "sharedWith": [other for other in plan.items if other != reference],
        "@type": "PlanPreview",
    }


def _value(given: GivenValue) -> dict[str, Any]:
    amount = {"bandwidth": given.amount_bps} if given.amount_bps else {}
    return {"role": given.role, "pool": given.pool, "value": given.value} | amount


def _change(change: PreviewedChange) -> dict[str, Any]:
    return {
        "element": change.element,
        "platform": change.platform,
        "commitment": change.commitment,
        "diff": change.diff,
        "payload": change.payload,
        "reverse": change.reverse,
    }


def _impact(impact: Impact) -> dict[str, Any]:
    return {
        "touchedElement": [_element(each) for each in impact.elements],
        "changedService": [
            {"item": each.item, "action": each.action, "service": _service(each.service)} for each in impact.changed
        ],
        "@type": "PlanImpact",
    }


def _element(element: TouchedElement) -> dict[str, Any]:
    return {
        "element": element.element,
        "otherServices": element.services,
        "linesAdded": element.added,
        "linesRemoved": element.removed,
        "port": [_port(each) for each in element.ports],
    }


def _port(port: TouchedPort) -> dict[str, Any]:
    return {"name": port.port, "otherServices": port.count, "service": [_service(each) for each in port.services]}


def _service(service: TouchedService) -> dict[str, Any]:
    return {"id": service.id, "name": service.name, "state": service.state, "customer": service.customer}
