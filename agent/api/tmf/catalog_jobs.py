"""TMF633 importJob and exportJob: the catalog from, and to, a file at an address of the client's; see `catalog_transfer`."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.access import ActorOf, needs
from agent.api.answers import created, once
from agent.api.body import BodyOf, read_model
from agent.api.errors import BadRequest
from agent.api.idempotency import Answer
from agent.api.openapi import TAG_CATALOG, WRITES, described
from agent.api.parts import Parts, PartsOf
from agent.api.patch import PatchRules
from agent.api.shapes import INSTANT, TEXT, named, opened
from agent.api.tmf.catalog_transfer import CATALOG_WORK, JSON_TYPE, NOT_STARTED, TransferRefused, shelf_of
from agent.api.tmf.open import Open
from agent.api.tmf.paths import SERVICE_CATALOG
from agent.api.tmf.presenter import text_of
from agent.api.tmf.records import RecordKind, lasting_routes
from agent.security.roles import Role
from crm_bridge.callbacks import MAX_URL
from crm_bridge.errors import CallbackRefused
from inventory.db import once_committed
from inventory.work import DatabaseQueue, Work

router = APIRouter(prefix=SERVICE_CATALOG, tags=[TAG_CATALOG])


class JobEntry(Open):
    """What is read of TMF633's ImportJob and ExportJob."""

    url: Annotated[str, Field(min_length=1, max_length=MAX_URL)]
    path: str | None = None
    query: Annotated[str, Field(max_length=MAX_URL)] | None = None
    content_type: str | None = None


_SAID = {
    "id": TEXT,
    "href": TEXT,
    "url": TEXT,
    "path": TEXT,
    "contentType": TEXT,
    "status": {"type": "string", "enum": ["Not Started", "Running", "Succeeded", "Failed"]},
    "creationDate": INSTANT,
    "completionDate": INSTANT,
    "errorLog": TEXT,
    "@type": TEXT,
}
_RULES = PatchRules(server_set=frozenset({"status", "creationDate", "completionDate", "errorLog"}), state="status")


def _begun(sent: Mapping[str, Any], at: datetime) -> Mapping[str, Any]:
    return {"status": NOT_STARTED, "creationDate": text_of(at), "contentType": sent.get("contentType") or JSON_TYPE}


IMPORTS = RecordKind(
    "importJob",
    SERVICE_CATALOG,
    "imp",
    JobEntry,
    named("ImportJob", opened(**_SAID)),
    _RULES,
    defaults=_begun,
    changed="",
    moved="",
)
EXPORTS = RecordKind(
    "exportJob",
    SERVICE_CATALOG,
    "exp",
    JobEntry,
    named("ExportJob", opened(**_SAID, query=TEXT)),
    _RULES,
    defaults=_begun,
    changed="",
    moved="",
)
KINDS = {kind.resource: kind for kind in (IMPORTS, EXPORTS)}


@router.post(
    f"/{IMPORTS.resource}",
    dependencies=[needs(Role.PROVISIONER)],
    status_code=HTTPStatus.CREATED,
    **described(
        "Import a catalog from a file",
        *WRITES,
        answer=IMPORTS.shape,
        body=JobEntry,
        example={"url": "https://files.example/catalog.json"},
    ),
)
def import_catalog(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
    """The file is fetched soon, and kept whole or not at all; look at the job for how it went."""
    return _job(request, parts, actor, body, IMPORTS)


@router.post(
    f"/{EXPORTS.resource}",
    dependencies=[needs(Role.PROVISIONER)],
    status_code=HTTPStatus.CREATED,
    **described(
        "Export the catalog to a file",
        *WRITES,
        answer=EXPORTS.shape,
        body=JobEntry,
        example={"url": "https://files.example/catalog.json", "query": "lifecycleStatus=Active"},
    ),
)
def export_catalog(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
    """A JSON list of resources is sent to the address by PUT soon; look at the job for how it went."""
    return _job(request, parts, actor, body, EXPORTS)


def _job(request: Request, parts: Parts, actor: ActorOf, body: BodyOf, kind: RecordKind) -> Response:
    _check(read_model(JobEntry, body.data), parts)

    def work(session: Session, at: datetime) -> Answer:
        document = kind.create(session, body.data, actor, at)
        DatabaseQueue(parts.database).submit(session, Work(CATALOG_WORK, document["id"]), at)
        once_committed(session, parts.fulfilment.worker.kick)
        return created(document)

    return once(request, parts, actor, body, work)


def _check(wanted: JobEntry, parts: Parts) -> None:
    """What can be said at once. Raises `BadRequest`."""
    try:
        parts.callbacks.check(wanted.url)
    except CallbackRefused as error:
        raise BadRequest("urlRefused", str(error), pointer="/url") from error
    try:
        shelf_of(wanted.path)
    except TransferRefused as error:
        raise BadRequest("invalidValue", str(error), pointer="/path") from error
    if wanted.content_type not in {None, JSON_TYPE}:
        raise BadRequest(
            "invalidValue", f"there is no catalog as {wanted.content_type!r}; ask for {JSON_TYPE}", pointer="/contentType"
        )


for _known in KINDS.values():
    lasting_routes(router, _known)
