"""What TMF633's import and export jobs do: the catalog as one JSON list, from or to a file that a client has put somewhere.

A file is a list of resources, each with its `@type`. What is imported keeps its id, so that references within the file hold; what a
client keeps under that id already is replaced. One mistake, and nothing of the file is kept.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

import structlog
from sqlalchemy.orm import Session

from agent.api.errors import ApiError
from agent.api.listing import Joined
from agent.api.query import MAX_LIMIT, Document, parse_query
from agent.api.tables import RecordRow
from agent.api.tmf.paths import SERVICE_CATALOG
from agent.api.tmf.presenter import text_of
from agent.api.tmf.records import RecordKind
from agent.api.tmf.service_catalog import SHELVES, Shelf, Shipped
from agent.security.audit import DAEMON, Actor
from crm_bridge.errors import BridgeError
from crm_bridge.outbound import Outbound
from inventory.db import Database
from inventory.work import Claim, WorkQueue
from policies.values import Clock

CATALOG_WORK = "catalogJob"
NOT_STARTED, RUNNING, SUCCEEDED, FAILED = "Not Started", "Running", "Succeeded", "Failed"
JSON_TYPE = "application/json"
MOST_ENTRIES = 1000
"""Of one import: it is one transaction."""
_IDENTITY: Final = re.compile(r"[A-Za-z0-9._~-]{1,100}")

log = structlog.get_logger(__name__)


class TransferRefused(ValueError):
    """Of an import or export; says what is wrong where, and what to do."""


def shelf_of(path: str | None) -> Shelf | None:
    """The kind of resource that a job's path names; None when it names none, which means all. Raises `TransferRefused`."""
    if not path or path.rstrip("/") in {"", SERVICE_CATALOG}:
        return None
    noun = path.rstrip("/").rpartition("/")[2]
    found = next((shelf for shelf in SHELVES if shelf.kind.resource == noun), None)
    if found is None:
        known = ", ".join(shelf.kind.resource for shelf in SHELVES)
        raise TransferRefused(f"path {path!r} names nothing of the catalog; end it with one of {known}, or leave it out")
    return found


def exported(session: Session, shipped: Shipped, job: Document) -> bytes:
    """Everything at the job's path that its query lets through. Raises `TransferRefused` or `ApiError`."""
    chosen = shelf_of(job.get("path"))
    query = parse_query([*parse_qsl(job.get("query") or "", keep_blank_values=True), ("limit", str(MAX_LIMIT))])
    found: list[dict[str, Any]] = []
    for shelf in (chosen,) if chosen else SHELVES:
        page = Joined((*shelf.shipped(shipped), shelf.kind.listing)).fetch(session, query)
        if page.partial:
            raise TransferRefused(
                f"there are {page.total} of {shelf.kind.resource}, more than the {MAX_LIMIT} of one file; narrow it by a query"
            )
        found += page.items
    return json.dumps(found, ensure_ascii=False, indent=1).encode()


def entries(job: Document, content: bytes) -> list[tuple[RecordKind, dict[str, Any]]]:
    """What a file holds. Raises `TransferRefused` with the place of the first mistake."""
    chosen = shelf_of(job.get("path"))
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise TransferRefused(f"the file is no JSON: {error}") from None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise TransferRefused("the file is no JSON list of resources; write [{…}, {…}]")
    if len(found) > MOST_ENTRIES:
        raise TransferRefused(f"the file has {len(found)} resources; send at most {MOST_ENTRIES} at a time")
    return [(_kind(chosen, number, each), each) for number, each in enumerate(found, 1)]


def _kind(chosen: Shelf | None, number: int, entry: Document) -> RecordKind:
    """By its `@type`, or where that is the client's own, by its `@baseType` or the path that it had."""
    path = entry.get("href")
    nouns = {entry.get("@type"), entry.get("@baseType"), path.split("/")[-2:][0] if isinstance(path, str) else None}
    found = next((shelf for shelf in SHELVES if not nouns.isdisjoint({shelf.kind.type, shelf.kind.resource})), chosen)
    if found is None or (chosen is not None and found is not chosen):
        wanted = chosen.kind.type if chosen else ", ".join(shelf.kind.type for shelf in SHELVES)
        raise TransferRefused(f"resource {number} has the @type {entry.get('@type')!r}; there is {wanted}")
    return found.kind


@dataclass(frozen=True, slots=True)
class Import:
    """Of one file, in one transaction."""

    session: Session
    shipped: Shipped
    actor: Actor
    at: datetime

    def keep(self, job: Document, content: bytes) -> int:
        """How many were kept. Raises `TransferRefused` for the first that cannot be."""
        found = entries(job, content)
        for number, (kind, entry) in enumerate(found, 1):
            try:
                self._keep(kind, entry)
            except (ApiError, TransferRefused) as error:
                raise TransferRefused(f"resource {number} ({kind.resource} {entry.get('id', 'without id')}): {error}") from error
        return len(found)

    def _keep(self, kind: RecordKind, entry: Document) -> None:
        identity = entry.get("id", "")
        if not identity:
            kind.create(self.session, entry, self.actor, self.at)
            return
        if not isinstance(identity, str) or not _IDENTITY.fullmatch(identity):
            raise TransferRefused("its id is no word of letters, digits and . _ ~ -; correct it or leave it out")
        shelf = next(shelf for shelf in SHELVES if shelf.kind is kind)
        if any(part.find(self.session, identity) is not None for part in shelf.shipped(self.shipped)):
            return  # fabd's own, which an export carries, too: it is here already, and not to be changed
        row = self.session.get(RecordRow, identity, with_for_update=True)
        if row is None:
            kind.create(self.session, entry, self.actor, self.at, identity=identity)
        elif row.kind == kind.kind:
            kind.change(self.session, row, _replacing(kind, kind.document(row), entry), self.actor, self.at)
        else:
            raise TransferRefused(f"its id is that of a {row.kind}; give it another")


def _replacing(kind: RecordKind, before: Document, entry: Document) -> dict[str, Any]:
    """The patch that makes one of the other."""
    fixed = {"id", "href", "@type"} | kind.rules.server_set
    gone = dict.fromkeys(before.keys() - entry.keys() - fixed)
    return {**gone, **{key: value for key, value in entry.items() if key not in fixed - {"@type"}}}


@dataclass(frozen=True, slots=True)
class CatalogTransfers:
    shipped: Shipped
    outbound: Outbound


class CatalogJobRunner:
    """Handles claims of kind `catalogJob`. The file is fetched or sent outside of any transaction."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        queue: WorkQueue,
        transfers: Callable[[], CatalogTransfers],
        kinds: Mapping[str, RecordKind],
    ) -> None:
        self._database, self._clock, self._queue, self._transfers, self._kinds = database, clock, queue, transfers, kinds

    def __call__(self, claim: Claim) -> None:
        job = self._begin(claim)
        content, why = self._exchanged(job) if job else (b"", "")
        with self._database.write() as session:
            at = self._clock.now()
            row = session.get(RecordRow, claim.work.key, with_for_update=True)
            if not self._queue.finish(session, claim, at):
                session.rollback()
                return
            if row is None:
                return  # deleted meanwhile: nothing of it is wanted any more
            if not why and row.kind == "importJob":
                why = self._kept(session, row, content, at)
            news = {"status": FAILED, "errorLog": why} if why else {"status": SUCCEEDED}
            self._kinds[row.kind].settle(session, row, news | {"completionDate": text_of(at)}, DAEMON, at)

    def _begin(self, claim: Claim) -> dict[str, Any]:
        with self._database.write() as session:
            row = session.get(RecordRow, claim.work.key, with_for_update=True)
            if row is None:
                return {}
            self._kinds[row.kind].settle(session, row, {"status": RUNNING}, DAEMON, self._clock.now())
            return {**row.document, "@kind": row.kind}

    def _exchanged(self, job: Document) -> tuple[bytes, str]:
        """The file of an import, and why there is none."""
        transfers = self._transfers()
        try:
            if job["@kind"] == "importJob":
                return transfers.outbound.fetch(job["url"]), ""
            with self._database.read() as session:
                content = exported(session, transfers.shipped, job)
            transfers.outbound.send(job["url"], content, JSON_TYPE)
        except (BridgeError, TransferRefused, ApiError) as error:
            return b"", str(error)
        except Exception:
            log.exception("a catalog job failed", job=job["@kind"])
            return b"", "fabd could not carry it out; its log tells more"
        return b"", ""

    def _kept(self, session: Session, row: RecordRow, content: bytes, at: datetime) -> str:
        """Why nothing was kept; "" when all was."""
        actor = Actor(row.client, DAEMON.role, DAEMON.source)
        try:
            with session.begin_nested():
                Import(session, self._transfers().shipped, actor, at).keep(row.document, content)
        except TransferRefused as error:
            return str(error)
        return ""
