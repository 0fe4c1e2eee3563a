"""Problems: one root cause each, with its alarms, the services it hits and the tickets that tell of it."""

from collections import defaultdict
from collections.abc import Sequence

from fastapi import APIRouter, Request
from sqlalchemy import select
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
from agent.api.shapes import TEXTS, named, row
from agent.assurance.tables import AlarmRow, ProblemRow
from agent.security.roles import Role
from crm_bridge.tables import TicketRow

router = APIRouter(prefix=f"{ROOT}/problems", tags=["Alarms and problems"])

PROBLEM = named("NetworkProblem", row(ProblemRow, alarms=TEXTS, tickets=TEXTS, services=TEXTS))


def _render(session: Session, rows: Sequence[ProblemRow]) -> list[Document]:
    ids = [row.id for row in rows]
    alarms: dict[str | None, list[str]] = defaultdict(list)
    for problem, alarm in session.execute(
        select(AlarmRow.problem_id, AlarmRow.id).where(AlarmRow.problem_id.in_(ids)).order_by(AlarmRow.id)
    ):
        alarms[problem].append(alarm)
    tickets: dict[str | None, list[str]] = defaultdict(list)
    services: dict[str | None, set[str]] = defaultdict(set)
    for ticket in session.scalars(select(TicketRow).where(TicketRow.problem_id.in_(ids)).order_by(TicketRow.id)):
        tickets[ticket.problem_id].append(ticket.id)
        services[ticket.problem_id] |= {each.service_id for each in ticket.services}
    return [
        columns(row) | {"alarms": alarms[row.id], "tickets": tickets[row.id], "services": sorted(services[row.id])} for row in rows
    ]


PROBLEMS = Listing(
    ProblemRow,
    _render,
    texts={
        "id": ProblemRow.id,
        "state": ProblemRow.state,
        "root_object": ProblemRow.root_object,
        "problem_class": ProblemRow.problem_class,
    },
    instants={"opened_at": ProblemRow.opened_at, "resolved_at": ProblemRow.resolved_at},
    order=(ProblemRow.opened_at.desc(), ProblemRow.id.desc()),
    key=ProblemRow.id,
    shape=PROBLEM,
)


@router.get("", dependencies=[needs(Role.VIEWER)], **described("List problems, the latest first", 206, answer=PROBLEM))
def list_problems(request: Request, parts: PartsOf) -> Response:
    return list_answer(request, parts, PROBLEMS)


@router.get("/{problem_id}", dependencies=[needs(Role.VIEWER)], **described("Show one problem", 404, answer=PROBLEM))
def show_problem(request: Request, parts: PartsOf, problem_id: str) -> Response:
    return one_answer(request, parts, PROBLEMS, problem_id)
