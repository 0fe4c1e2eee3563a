"""Resources that fabd keeps for others and does not act on: stored as they were sent, with what the server sets; told as events.

`record_routes` gives an API's router all five verbs for one kind of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.access import ActorOf, needs
from agent.api.answers import GONE, changed, created, list_answer, missing, once, one_answer
from agent.api.body import BodyOf, read_model
from agent.api.errors import Conflict
from agent.api.etag import require_match
from agent.api.fitting import fitted
from agent.api.idempotency import Answer
from agent.api.listing import Joined, Listing, Part
from agent.api.openapi import DELETES, PATCHES, WRITES, described
from agent.api.parts import Parts, PartsOf
from agent.api.patch import PatchRules, patched
from agent.api.query import Document
from agent.api.shapes import Shape
from agent.api.tables import RecordRow
from agent.api.tmf.open import refuse_odd_types
from agent.api.tmf.presenter import said, text_of
from agent.security.audit import Actor, record
from agent.security.roles import Role
from crm_bridge import outbox
from policies.values import new_id

Defaults = Callable[[Mapping[str, Any], datetime], Mapping[str, Any]]
"""What the server sets at creation, by what was sent; it wins over what was sent."""


def _nothing(_sent: Mapping[str, Any], _at: datetime) -> Mapping[str, Any]:
    return {}


Others = Callable[[Parts], Sequence[Part]]


def _none(_parts: Parts) -> Sequence[Part]:
    return ()


@dataclass(frozen=True, slots=True)
class RecordKind:
    """One kind of resource that is kept and not acted on."""

    resource: str
    """E.g. serviceCategory: the end of its path, its name in events."""
    base: str
    """Base path of its API."""
    prefix: str
    """Of its ids."""
    body: type[BaseModel]
    """What of it is read and checked; it lets attributes of the client's own pass."""
    shape: Shape
    """Of what is answered."""
    rules: PatchRules = field(default_factory=PatchRules)
    rules_for: Callable[[Document], PatchRules] | None = None
    """Of one of them as it is, where not all of them are the client's alike."""
    defaults: Defaults = _nothing
    changed: str = "AttributeValueChange"
    """Ending of the event of a change; some APIs call it just Change, and some know no such event ("")."""
    moved: str = "StateChange"
    """Ending of the event of a step along its state machine."""
    stamp: str = ""
    """Attribute that tells when it was last changed; "" when it has none."""
    remedy: str = "it changes with the inventory, the catalog or an order"
    """What else to do when a client wants to change or forget what fabd knows by itself."""
    key: str = ""
    """What its rows are kept under, when two APIs have resources of the same name."""

    @property
    def type(self) -> str:
        return self.resource[0].upper() + self.resource[1:]

    @property
    def kind(self) -> str:
        return self.key or self.resource

    @property
    def listing(self) -> Listing[RecordRow]:
        return Listing(
            RecordRow,
            lambda _, rows: [self.document(row) for row in rows],
            texts={"id": RecordRow.id} | ({self.rules.state: RecordRow.state} if self.rules.transitions else {}),
            instants={},
            order=(RecordRow.created_at, RecordRow.id),
            key=RecordRow.id,
            where=(RecordRow.kind == self.kind,),
            shape=self.shape,
        )

    def href(self, identity: str) -> str:
        return f"{self.base}/{self.resource}/{identity}"

    def document(self, row: RecordRow) -> dict[str, Any]:
        return said({"@type": self.type, **row.document, "id": row.id, "href": self.href(row.id)})

    def create(self, session: Session, sent: Mapping[str, Any], actor: Actor, at: datetime, identity: str = "") -> dict[str, Any]:
        """Raises `BadRequest` with the place of every mistake of shape. `identity`: the id that it has elsewhere already."""
        refuse_odd_types(sent)
        read_model(self.body, sent)
        document = {key: value for key, value in sent.items() if key not in {"id", "href"} | self.rules.server_set}
        document = fitted({**document, **self.defaults(sent, at)}, self.shape)
        row = RecordRow(id=identity or new_id(self.prefix, at), kind=self.kind, client=actor.name, created_at=at)
        self._keep(row, document, at)
        session.add(row)
        session.flush()
        whole = self.document(row)
        record(session, actor, "create", f"{self.resource} {row.id}", at, after=whole)
        self.tell(session, "Create", whole, actor, at)
        return whole

    def change(self, session: Session, row: RecordRow, patch: Mapping[str, Any], actor: Actor, at: datetime) -> dict[str, Any]:
        """Raises `BadRequest` or `Conflict`."""
        before = self.document(row)
        after = patched(before, patch, self.rules_for(before) if self.rules_for is not None else self.rules)
        refuse_odd_types(after)
        read_model(self.body, after)
        self._keep(row, fitted({key: value for key, value in after.items() if key not in {"id", "href"}}, self.shape), at)
        session.flush()
        whole = self.document(row)
        record(session, actor, "change", f"{self.resource} {row.id}", at, before=before, after=whole)
        moved = before.get(self.rules.state) != whole.get(self.rules.state)
        self.tell(session, self.moved if moved and self.rules.transitions else self.changed, whole, actor, at)
        return whole

    def settle(self, session: Session, row: RecordRow, news: Mapping[str, Any], actor: Actor, at: datetime) -> dict[str, Any]:
        """What the server itself has to say of it, such as how a task went."""
        before = self.document(row)
        self._keep(row, {**row.document, **news}, at)
        session.flush()
        whole = self.document(row)
        moved = before.get(self.rules.state) != whole.get(self.rules.state)
        self.tell(session, self.moved if moved else self.changed, whole, actor, at)
        return whole

    def delete(self, session: Session, row: RecordRow, actor: Actor, at: datetime) -> None:
        before = self.document(row)
        session.delete(row)
        record(session, actor, "delete", f"{self.resource} {row.id}", at, before=before)
        self.tell(session, "Delete", before, actor, at)

    def row(self, session: Session, identity: str) -> RecordRow | None:
        row = session.get(RecordRow, identity, with_for_update=True)
        return row if row is not None and row.kind == self.kind else None

    def _keep(self, row: RecordRow, document: Mapping[str, Any], at: datetime) -> None:
        stamped = {self.stamp: text_of(at)} if self.stamp else {}
        row.document, row.updated_at = {**document, **stamped}, at
        state = document.get(self.rules.state, "")
        row.state = state if isinstance(state, str) else ""

    def tell(self, session: Session, event: str, whole: Document, actor: Actor, at: datetime) -> None:
        """`event`: its ending; nothing for "", which its API has no event for."""
        if not event:
            return
        outbox.publish(
            session,
            aggregate=f"{self.resource}:{whole['id']}",
            type=f"{self.resource}{event}Event",
            payload={self.resource: dict(whole)},
            correlation_id=actor.correlation_id,
            at=at,
        )


@dataclass(frozen=True, slots=True)
class Wish:
    """A client's wish to change something that is no record."""

    session: Session
    request: Request
    actor: Actor
    identity: str
    patch: Mapping[str, Any]
    at: datetime


def _not_ours(wish: Wish) -> Document | None:
    del wish
    return None


def record_routes(
    router: APIRouter,
    kind: RecordKind,
    *,
    others: Others = _none,
    change_other: Callable[[Wish], Document | None] = _not_ours,
    example: Document | None = None,
) -> None:
    """Adds POST, GET, PATCH and DELETE of the kind to its API's router; see `kept_routes` for what may be left to others."""

    @router.post(
        f"/{kind.resource}",
        dependencies=[needs(Role.PROVISIONER)],
        status_code=HTTPStatus.CREATED,
        **described(f"Keep a {kind.resource}", *WRITES, answer=kind.shape, body=kind.body, example=example),
    )
    def create_record(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
        return once(request, parts, actor, body, lambda session, at: created(kind.create(session, body.data, actor, at)))

    kept_routes(router, kind, others=others, change_other=change_other)


def kept_routes(
    router: APIRouter,
    kind: RecordKind,
    *,
    others: Others = _none,
    change_other: Callable[[Wish], Document | None] = _not_ours,
) -> None:
    """Adds GET, PATCH and DELETE of the kind to its API's router.

    `others`: resources of the same kind that fabd knows by itself; they are listed and shown, and changed by `change_other` alone:
    it answers the resource as it is then, None when that is not for clients to change.
    """
    noun = kind.resource
    one = f"/{noun}/{{{_parameter(kind)}}}"

    @router.patch(
        one, dependencies=[needs(Role.PROVISIONER)], **described(f"Change a {noun}", *PATCHES, answer=kind.shape, patch=True)
    )
    def change_record(request: Request, parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
        def work(session: Session, at: datetime) -> Answer:
            wish = Wish(session, request, actor, _identity(request, kind), body.data, at)
            if kind.row(session, wish.identity) is None and (document := change_other(wish)) is not None:
                return changed(document)
            row = own_row(session, request, kind, others(parts))
            return changed(kind.change(session, row, body.data, actor, at))

        return once(request, parts, actor, body, work)

    lasting_routes(router, kind, others=others)


def lasting_routes(router: APIRouter, kind: RecordKind, *, others: Others = _none) -> None:
    """Adds GET and DELETE of the kind: for what is not changed once it was sent."""
    noun = kind.resource
    one = f"/{noun}/{{{_parameter(kind)}}}"

    @router.get(f"/{noun}", dependencies=[needs(Role.VIEWER)], **described(f"List each {noun}", 206, answer=kind.shape))
    def list_records(request: Request, parts: PartsOf) -> Response:
        return list_answer(request, parts, Joined((*others(parts), kind.listing)))

    @router.get(one, dependencies=[needs(Role.VIEWER)], **described(f"Show one {noun}", 404, answer=kind.shape))
    def show_record(request: Request, parts: PartsOf) -> Response:
        return one_answer(request, parts, Joined((*others(parts), kind.listing)), _identity(request, kind))

    @router.delete(
        one, dependencies=[needs(Role.PROVISIONER)], status_code=HTTPStatus.NO_CONTENT, **described(f"Forget a {noun}", *DELETES)
    )
    def delete_record(request: Request, parts: PartsOf, actor: ActorOf) -> Response:
        def work(session: Session, at: datetime) -> Answer:
            kind.delete(session, own_row(session, request, kind, others(parts)), actor, at)
            return GONE

        return once(request, parts, actor, None, work)


def own_row(session: Session, request: Request, kind: RecordKind, others: Sequence[Part]) -> RecordRow:
    """The record that the request means, as its `If-Match` has it. `Conflict` for what fabd knows by itself."""
    identity = _identity(request, kind)
    row = kind.row(session, identity)
    if row is None:
        if any(each.find(session, identity) is not None for each in others):
            raise Conflict(
                "notARecord",
                f"{kind.resource} {identity} is fabd's own knowledge; {kind.remedy}",
            )
        raise missing(request, identity)
    require_match(request, kind.document(row))
    return row


def _parameter(kind: RecordKind) -> str:
    return f"{kind.resource.lower()}_id"


def _identity(request: Request, kind: RecordKind) -> str:
    identity: str = request.path_params[_parameter(kind)]
    return identity
