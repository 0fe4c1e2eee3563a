"""Alarms with their history, and why each stands as root or symptom."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import case, select
from sqlalchemy.orm import Session
from starlette.responses import Response

from agent.api.access import needs
from agent.api.answers import list_answer, one_answer
from agent.api.listing import Listing
from agent.api.native.paths import ROOT
from agent.api.native.plain import columns
from agent.api.openapi import described
from agent.api.parts import PartsOf
from agent.api.query import Document
from agent.api.shapes import TRUTH, many, named, row
from agent.assurance.tables import AlarmChangeRow, AlarmRow
from agent.security.roles import Role

router = APIRouter(prefix=f"{ROOT}/alarms", tags=["Alarms and problems"])

ALARM = named("Alarm", row(AlarmRow, cleared=TRUTH))
ALARM_HISTORY = named("AlarmHistory", row(AlarmRow, cleared=TRUTH, changes=many(row(AlarmChangeRow, "alarm_id"))))


def _render(_session: Session, rows: Sequence[AlarmRow]) -> list[Document]:
    return [_document(row) for row in rows]


def _render_history(session: Session, rows: Sequence[AlarmRow]) -> list[Document]:
    changes: dict[str, list[dict[str, Any]]] = defaultdict(list)
    history = select(AlarmChangeRow).where(AlarmChangeRow.alarm_id.in_([row.id for row in rows]))
    for change in session.scalars(history.order_by(AlarmChangeRow.at, AlarmChangeRow.id)):
        changes[change.alarm_id].append(columns(change, "alarm_id"))
    return [_document(row) | {"changes": changes[row.id]} for row in rows]


def _document(row: AlarmRow) -> dict[str, Any]:
    return columns(row) | {"cleared": row.cleared_at is not None}


ALARMS = Listing(
    AlarmRow,
    _render,
    texts={
        "id": AlarmRow.id,
        "element": AlarmRow.element,
        "object": AlarmRow.object,
        "cause": AlarmRow.cause,
        "severity": AlarmRow.severity,
        "standing": AlarmRow.standing,
        "problem_id": AlarmRow.problem_id,
        "cleared": case((AlarmRow.cleared_at.is_(None), "false"), else_="true"),
    },
    instants={"raised_at": AlarmRow.raised_at, "last_at": AlarmRow.last_at, "cleared_at": AlarmRow.cleared_at},
    order=(AlarmRow.raised_at.desc(), AlarmRow.id.desc()),
    key=AlarmRow.id,
)
ONE = Listing(AlarmRow, _render_history, ALARMS.texts, ALARMS.instants, ALARMS.order, ALARMS.key)


@router.get("", dependencies=[needs(Role.VIEWER)], **described("List alarms, the latest first", 206, answer=ALARM))
def list_alarms(request: Request, parts: PartsOf) -> Response:
    """E.g. `?cleared=false` for those that stand."""
    return list_answer(request, parts, ALARMS)


@router.get(
    "/{alarm_id}",
    dependencies=[needs(Role.VIEWER)],
    **described("Show one alarm, its history and why it stands", 404, answer=ALARM_HISTORY),
)
def show_alarm(request: Request, parts: PartsOf, alarm_id: str) -> Response:
    return one_answer(request, parts, ONE, alarm_id)
