"""TMF633 Service Catalog 4.0: what can be ordered, as fabd ships it, and what clients keep beside it.

Shipped specifications are files (`fabd spec list`): they are shown, and not changed through the API. Import and export jobs:
`catalog_jobs`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from fastapi import APIRouter
from pydantic import StrictBool

from agent.api.body import Instant
from agent.api.listing import Fixed, Part
from agent.api.openapi import TAG_CATALOG
from agent.api.patch import PatchRules
from agent.api.shapes import ANYTHING, INSTANT, TEXT, TRUTH, WHOLE, many, named, opened
from agent.api.tmf.hub import Hub, hub_routes
from agent.api.tmf.open import Open, Text
from agent.api.tmf.paths import SERVICE_CATALOG
from agent.api.tmf.presenter import text_of
from agent.api.tmf.records import RecordKind, record_routes
from agent.api.tmf.spec_characteristics import spec_characteristics
from policies.catalog import Catalog
from policies.specification import Specification

router = APIRouter(prefix=SERVICE_CATALOG, tags=[TAG_CATALOG])

OWN = "fabd"
"""Id of the catalog and of the category that hold what is shipped."""
NEW = "In study"
"""Lifecycle of what a client keeps, unless it says otherwise."""
_CHANGES = ("Create", "Change", "Delete")


class CatalogPeriod(Open):
    start_date_time: Instant | None = None
    end_date_time: Instant | None = None


class CatalogRef(Open):
    id: Text


class _Entity(Open):
    name: Text
    description: str | None = None
    version: str | None = None
    lifecycle_status: str | None = None
    valid_for: CatalogPeriod | None = None


class CatalogEntry(_Entity):
    """What is read of TMF633's ServiceCatalog."""

    category: tuple[CatalogRef, ...] = ()


class CategoryEntry(_Entity):
    """What is read of TMF633's ServiceCategory."""

    is_root: StrictBool | None = None
    parent_id: str | None = None
    category: tuple[CatalogRef, ...] = ()
    service_candidate: tuple[CatalogRef, ...] = ()


class CandidateEntry(_Entity):
    """What is read of TMF633's ServiceCandidate."""

    service_specification: CatalogRef
    category: tuple[CatalogRef, ...] = ()


class SpecCharacteristicEntry(Open):
    name: str | None = None
    value_type: str | None = None
    configurable: StrictBool | None = None


class SpecificationEntry(_Entity):
    """What is read of TMF633's ServiceSpecification."""

    is_bundle: StrictBool | None = None
    spec_characteristic: tuple[SpecCharacteristicEntry, ...] = ()


_REF = opened(id=TEXT, href=TEXT, name=TEXT, version=TEXT)
_COMMON = {
    "id": TEXT,
    "href": TEXT,
    "name": TEXT,
    "description": TEXT,
    "version": TEXT,
    "lifecycleStatus": TEXT,
    "lastUpdate": INSTANT,
    "validFor": opened(startDateTime=INSTANT, endDateTime=INSTANT),
    "@type": TEXT,
}
CATALOG = named("ServiceCatalog", opened(**_COMMON, category=many(_REF)))
CATEGORY = named(
    "ServiceCategory",
    opened(**_COMMON, isRoot=TRUTH, parentId=TEXT, category=many(_REF), serviceCandidate=many(_REF)),
)
CANDIDATE = named("ServiceCandidate", opened(**_COMMON, serviceSpecification=_REF, category=many(_REF)))
_VALUE = opened(
    regex=TEXT,
    value=ANYTHING,
    valueType=TEXT,
    isDefault=TRUTH,
    valueFrom=WHOLE,
    valueTo=WHOLE,
    rangeInterval=TEXT,
    unitOfMeasure=TEXT,
)
SPECIFICATION = named(
    "ServiceSpecification",
    opened(
        **_COMMON,
        isBundle=TRUTH,
        specCharacteristic=many(
            opened(
                name=TEXT,
                description=TEXT,
                valueType=TEXT,
                regex=TEXT,
                configurable=TRUTH,
                minCardinality=WHOLE,
                maxCardinality=WHOLE,
                characteristicValueSpecification=many(_VALUE),
            )
        ),
        serviceLevelSpecification=many(_REF),
        targetEntitySchema=opened(**{"@type": TEXT, "@schemaLocation": TEXT}),
    ),
)


def _kept(sent: Mapping[str, Any], _at: datetime) -> Mapping[str, Any]:
    return {"lifecycleStatus": sent.get("lifecycleStatus") or NEW}


def _kept_category(sent: Mapping[str, Any], at: datetime) -> Mapping[str, Any]:
    return {**_kept(sent, at), "isRoot": bool(sent.get("isRoot", not sent.get("parentId")))}


def _kept_specification(sent: Mapping[str, Any], at: datetime) -> Mapping[str, Any]:
    return {**_kept(sent, at), "isBundle": bool(sent.get("isBundle", False))}


_RULES = PatchRules(server_set=frozenset({"lastUpdate"}), required=frozenset({"name"}))
_SHARED: dict[str, Any] = {"base": SERVICE_CATALOG, "rules": _RULES, "changed": "Change", "stamp": "lastUpdate"}
CATALOGS = RecordKind("serviceCatalog", prefix="cat", body=CatalogEntry, shape=CATALOG, defaults=_kept, **_SHARED)
CATEGORIES = RecordKind("serviceCategory", prefix="ctg", body=CategoryEntry, shape=CATEGORY, defaults=_kept_category, **_SHARED)
CANDIDATES = RecordKind("serviceCandidate", prefix="cnd", body=CandidateEntry, shape=CANDIDATE, defaults=_kept, **_SHARED)
SPECIFICATIONS = RecordKind(
    "serviceSpecification", prefix="ssp", body=SpecificationEntry, shape=SPECIFICATION, defaults=_kept_specification, **_SHARED
)


class Shipped(Protocol):
    """`agent.api.parts.Parts`, or as much of it."""

    @property
    def catalog(self) -> Catalog: ...

    @property
    def catalog_since(self) -> datetime: ...


def shipped_catalogs(parts: Shipped) -> Sequence[Part]:
    category = _ref(CATEGORIES, OWN, "What fabd can provision")
    document = _own(parts, CATALOGS, OWN, "fabd") | {"description": "What this fabd can provision", "category": [category]}
    return (Fixed((document,), CATALOG),)


def shipped_categories(parts: Shipped) -> Sequence[Part]:
    candidates = [_ref(CANDIDATES, spec.name, spec.title) for spec in _shipped(parts)]
    document = _own(parts, CATEGORIES, OWN, "What fabd can provision") | {"isRoot": True, "serviceCandidate": candidates}
    return (Fixed((document,), CATEGORY),)


def shipped_candidates(parts: Shipped) -> Sequence[Part]:
    return (Fixed(tuple(_candidate(parts, spec) for spec in _shipped(parts)), CANDIDATE),)


def shipped_specifications(parts: Shipped) -> Sequence[Part]:
    return (Fixed(tuple(specification_document(parts, spec) for spec in _shipped(parts)), SPECIFICATION),)


def specification_document(parts: Shipped, spec: Specification) -> dict[str, Any]:
    """TMF633 ServiceSpecification of a shipped specification; its id is its name."""
    known = {
        "description": spec.description or spec.title,
        "version": spec.version,
        "isBundle": False,
        "specCharacteristic": spec_characteristics(spec.characteristics),
        "targetEntitySchema": {"@type": spec.name, "@schemaLocation": f"/api/v1/specifications/{spec.name}"},
    }
    promised = {"serviceLevelSpecification": [{"id": spec.sla, "name": spec.sla}]} if spec.sla else {}
    return _own(parts, SPECIFICATIONS, spec.name, spec.title) | known | promised


def _candidate(parts: Shipped, spec: Specification) -> dict[str, Any]:
    return _own(parts, CANDIDATES, spec.name, spec.title) | {
        "version": spec.version,
        "serviceSpecification": _ref(SPECIFICATIONS, spec.name, spec.title) | {"version": spec.version},
        "category": [_ref(CATEGORIES, OWN, "What fabd can provision")],
    }


def _own(parts: Shipped, kind: RecordKind, identity: str, name: str) -> dict[str, Any]:
    return {
        "id": identity,
        "href": kind.href(identity),
        "name": name,
        "version": "1.0",
        "lifecycleStatus": "Active",
        "lastUpdate": text_of(parts.catalog_since),
        "@type": kind.type,
    }


def _ref(kind: RecordKind, identity: str, name: str) -> dict[str, Any]:
    return {"id": identity, "href": kind.href(identity), "name": name, "@referredType": kind.type}


def _shipped(parts: Shipped) -> list[Specification]:
    return [spec for _, spec in sorted(parts.catalog.specifications.items())]


@dataclass(frozen=True, slots=True)
class Shelf:
    """One kind of resource: what clients keep, and what fabd ships."""

    kind: RecordKind
    shipped: Callable[[Shipped], Sequence[Part]]


SHELVES = (
    Shelf(SPECIFICATIONS, shipped_specifications),
    Shelf(CANDIDATES, shipped_candidates),
    Shelf(CATEGORIES, shipped_categories),
    Shelf(CATALOGS, shipped_catalogs),
)

record_routes(router, CATALOGS, others=shipped_catalogs, example={"name": "Wholesale"})
record_routes(router, CATEGORIES, others=shipped_categories, example={"name": "Access", "isRoot": True})
record_routes(
    router,
    CANDIDATES,
    others=shipped_candidates,
    example={"name": "Internet access", "serviceSpecification": {"id": "internet-access"}},
)
record_routes(
    router,
    SPECIFICATIONS,
    others=shipped_specifications,
    example={"name": "Managed CPE", "specCharacteristic": [{"name": "model", "valueType": "string", "configurable": True}]},
)
hub_routes(
    router,
    Hub(SERVICE_CATALOG, {kind.resource: _CHANGES for kind in (CATALOGS, CATEGORIES, CANDIDATES, SPECIFICATIONS)}),
)
