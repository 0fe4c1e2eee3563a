"""What can be ordered, promised and charged."""

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from agent.api.access import needs
from agent.api.native.paths import ROOT
from agent.api.native.plain import plain
from agent.api.openapi import described
from agent.api.parts import PartsOf
from agent.api.shapes import ANYTHING, OPTIONAL_TEXT, TEXT, TEXTS, closed, many, named, opened
from agent.security.roles import Role
from policies.specification import Specification

router = APIRouter(prefix=ROOT, tags=["Catalog"])

_MORE = {"characteristics", "features", "layout", "needs", "resources", "monitors", "tests", "samples"}
_SUMMARY = {
    "id": TEXT,
    "version": TEXT,
    "title": TEXT,
    "description": TEXT,
    "platforms": TEXTS,
    "sla": OPTIONAL_TEXT,
    "tariff": OPTIONAL_TEXT,
}
SPECIFICATION = named("Specification", closed(**_SUMMARY))
SPECIFICATION_VIEW = named(
    "SpecificationView",
    closed(
        **_SUMMARY,
        characteristics=ANYTHING,
        features=ANYTHING,
        layout=TEXT,
        needs=ANYTHING,
        resources=ANYTHING,
        monitors=ANYTHING,
        tests=ANYTHING,
        samples=ANYTHING,
    ),
)
SLA = named("Sla", opened(name=TEXT))


@router.get(
    "/specifications", dependencies=[needs(Role.VIEWER)], **described("List service specifications", answer=many(SPECIFICATION))
)
def list_specifications(parts: PartsOf) -> Response:
    return JSONResponse([_summary(each) for _, each in sorted(parts.catalog.specifications.items())])


@router.get(
    "/specifications/{name}",
    dependencies=[needs(Role.VIEWER)],
    **described("Show one specification", 404, answer=SPECIFICATION_VIEW),
)
def show_specification(parts: PartsOf, name: str) -> Response:
    """`characteristics` is the JSON Schema that an order's characteristics must fit, `samples` are some that do."""
    found = parts.catalog.specification(name)
    sorted_needs = {part: sorted(features) for part, features in found.needs.items()}
    return JSONResponse(_summary(found) | found.model_dump(mode="json", include=_MORE) | {"needs": sorted_needs})


@router.get("/slas/{name}", dependencies=[needs(Role.VIEWER)], **described("Show one SLA", 404, answer=SLA))
def show_sla(parts: PartsOf, name: str) -> Response:
    return JSONResponse(plain(parts.catalog.sla(name)))


def _summary(specification: Specification) -> dict[str, object]:
    platforms = sorted({file.split(".")[0] for file in specification.templates})
    return {
        "id": specification.name,
        "version": specification.version,
        "title": specification.title,
        "description": specification.description,
        "platforms": platforms,
        "sla": specification.sla,
        "tariff": specification.tariff,
    }
