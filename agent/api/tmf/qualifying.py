"""TMF645 in fulfilment's terms and back: what is asked as an order that nobody places, verdicts as what TMF645 calls them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import JsonValue, StrictBool
from sqlalchemy.orm import Session

from agent.api.body import Instant, read_model
from agent.api.query import Document
from agent.api.tmf.characteristics import characteristics, overlaid
from agent.api.tmf.open import Open, Reference, Text
from agent.api.tmf.paths import SERVICE_CATALOG
from agent.api.tmf.presenter import text_of
from agent.fulfillment.qualification import Outcome, Verdict, overall
from agent.fulfillment.requests import ItemRequest, OrderRequest
from inventory.tables import ServiceRow

CUSTOMER = "customer"
MAX_ITEMS = 100
DONE, TERMINATED = "done", "terminatedWithError"


class QualifiedCharacteristic(Open):
    name: Text
    value: JsonValue


class QualifiedParty(Open):
    id: Text | None = None
    role: str | None = None


class QualifiedService(Open):
    id: Text | None = None
    service_specification: Reference | None = None
    service_characteristic: tuple[QualifiedCharacteristic, ...] = ()
    related_party: tuple[QualifiedParty, ...] = ()


class QualificationItem(Open):
    id: Text | None = None
    service: QualifiedService | None = None


class _Qualification(Open):
    description: str | None = None
    external_id: Text | None = None
    expected_qualification_date: Instant | None = None
    instant_sync_qualification: StrictBool | None = None
    related_party: tuple[QualifiedParty, ...] = ()


class CheckEntry(_Qualification):
    """What is read of TMF645's CheckServiceQualification."""

    provide_alternative: StrictBool | None = None
    provide_unavailability_reason: StrictBool | None = None
    service_qualification_item: tuple[QualificationItem, ...]


class QueryEntry(_Qualification):
    """What is read of TMF645's QueryServiceQualification."""

    search_criteria: QualificationItem


def identified(items: Sequence[Document]) -> list[dict[str, Any]]:
    """Every item with an id: its own, else its place."""
    return [{**item, "id": item.get("id") or str(place)} for place, item in enumerate(items, start=1)]


def asked(session: Session, document: Document) -> OrderRequest:
    """Of a check, all of whose items have ids. A service that is there already would be modified."""
    entry = read_model(CheckEntry, document)
    items = tuple(_item(session, item) for item in entry.service_qualification_item)
    owners = [row.customer for item in items if item.service_id and (row := session.get(ServiceRow, item.service_id))]
    return OrderRequest(_customer(entry.related_party, entry.service_qualification_item) or next(iter(owners), ""), items)


def searched(document: Document) -> tuple[dict[str, Any], str, str]:
    """Of a query: characteristics, customer ("": anybody) and specification ("": any)."""
    entry = read_model(QueryEntry, document)
    service = entry.search_criteria.service or QualifiedService()
    spec = service.service_specification
    return _values(service), _customer(entry.related_party, [entry.search_criteria]), (spec.id or spec.name or "") if spec else ""


def answered(document: Document, verdicts: Sequence[Verdict], at: datetime) -> dict[str, Any]:
    """What is to be said of a check that is done."""
    reasons = document.get("provideUnavailabilityReason") is not False
    items = [_told(item, verdict, at, reasons=reasons) for item, verdict in zip(_items(document), verdicts, strict=True)]
    return {
        "state": DONE,
        "qualificationResult": overall(verdicts),
        "effectiveQualificationDate": text_of(at),
        "serviceQualificationItem": items,
    }


def found(document: Document, specifications: Sequence[str], at: datetime) -> dict[str, Any]:
    """What is to be said of a query that is done."""
    service = document["searchCriteria"].get("service", {})
    items = [
        {
            "id": str(number),
            "service": {**service, "serviceSpecification": _specification(name), "@type": "Service"},
            "@type": "ServiceQualificationItem",
        }
        for number, name in enumerate(specifications, start=1)
    ]
    return {"state": DONE, "effectiveQualificationDate": text_of(at), "serviceQualificationItem": items}


def failed(document: Document, message: str, at: datetime) -> dict[str, Any]:
    """What is to be said when it could not be looked at."""
    error = {"id": "1", "value": message, "@type": "TerminationError"}
    items = [{**item, "state": TERMINATED, "terminationError": [error]} for item in _items(document)]
    told = {"state": TERMINATED, "effectiveQualificationDate": text_of(at)}
    return told | ({"serviceQualificationItem": items} if items else {})


def _items(document: Document) -> Sequence[Mapping[str, Any]]:
    items: Sequence[Mapping[str, Any]] = document.get("serviceQualificationItem", ())
    return items


def _item(session: Session, item: QualificationItem) -> ItemRequest:
    service = item.service or QualifiedService()
    spec = service.service_specification
    wanted = ItemRequest(
        item.id or "",
        "add",
        specification=(spec.id or spec.name or "") if spec else "",
        characteristics=_values(service),
    )
    row = session.get(ServiceRow, service.id) if service.id else None
    if row is None:
        return wanted
    own = overlaid(row.characteristics, wanted.characteristics)
    return replace(wanted, action="modify", service_id=row.id, specification=row.specification, characteristics=own)


def _values(service: QualifiedService) -> dict[str, Any]:
    return {each.name: each.value for each in service.service_characteristic}


def _customer(parties: Sequence[QualifiedParty], items: Sequence[QualificationItem]) -> str:
    """Empty when none is named: then it is asked for anybody."""
    named = [*parties, *(party for item in items if item.service for party in item.service.related_party)]
    return next((party.id for party in named if (party.role or "").lower() == CUSTOMER and party.id), "")


def _told(item: Mapping[str, Any], verdict: Verdict, at: datetime, *, reasons: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "@type": "CheckServiceQualificationItem",
        **item,
        "state": DONE,
        "qualificationResult": verdict.outcome,
    }
    if verdict.reasons and reasons:
        told["eligibilityUnavailabilityReason"] = [
            {"code": each.code, "label": f"{each.message}; {each.remedy}", "@type": "ServiceEligibilityUnavailabilityReason"}
            for each in verdict.reasons
        ]
    if verdict.outcome is Outcome.ALTERNATE:
        told["alternateServiceProposal"] = [
            {
                "id": str(number),
                "alternateServiceAvailabilityDate": text_of(at),
                "alternateService": _alternate(item.get("service", {}), proposal.characteristics),
                "@type": "AlternateServiceProposal",
            }
            for number, proposal in enumerate(verdict.proposals, start=1)
        ]
    return told


def _alternate(service: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """To be ordered as it stands."""
    kept = {name: value for name, value in service.items() if name not in {"href", "state"}}
    return {"@type": "Service", **kept, "serviceCharacteristic": characteristics(values)}


def _specification(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "href": f"{SERVICE_CATALOG}/serviceSpecification/{name}",
        "name": name,
        "@referredType": "ServiceSpecification",
    }
