"""How services fare against what was promised for them: the report, in every format."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse, Response

from agent.api.access import needs
from agent.api.errors import BadRequest, NotFound
from agent.api.native.paths import ROOT
from agent.api.native.plain import plain
from agent.api.openapi import described
from agent.api.parts import PartsOf
from agent.api.shapes import (
    INSTANT,
    OPTIONAL_INSTANT,
    OPTIONAL_TEXT,
    TEXT,
    TEXTS,
    TRUTH,
    WHOLE,
    Shape,
    closed,
    many,
    named,
)
from agent.assurance.levels.slareport import OutageLine, ServiceReport, SlaReports, Which, services_of
from agent.reports.formats import FORMATS
from agent.reports.sla import sla_report
from agent.security.roles import Role
from crm_bridge.customers import customer_by_account
from inventory.tables import ServiceRow
from policies.maintenance import Counted
from policies.values import Interval, total
from policies.verdicts import Verdict

router = APIRouter(prefix=f"{ROOT}/sla", tags=["Objectives and credits"])

_SPAN = closed(start=INSTANT, end=INSTANT)
_OBJECTIVE = closed(
    rule=TEXT,
    objective=TEXT,
    measured=OPTIONAL_TEXT,
    kept=TRUTH,
    reason=TEXT,
    agreed_s=TEXT,
    lost_s=TEXT,
    unknown_s=TEXT,
    cases=WHOLE,
    in_time=WHOLE,
)
_OUTAGE = closed(
    start=INSTANT,
    end=INSTANT,
    open=TRUTH,
    earliest=INSTANT,
    latest=INSTANT,
    counted_s=TEXT,
    excluded=many(_SPAN),
    cause=TEXT,
    problem_id=OPTIONAL_TEXT,
    ticket_ids=TEXTS,
)
_WINDOW: Shape = {
    "type": "object",
    "properties": {"id": TEXT, "start": INSTANT, "end": INSTANT, "notice_at": INSTANT, "taken_s": TEXT, "because": TEXT},
    "additionalProperties": False,
}
_EXCUSED = closed(id=TEXT, kind=TEXT, start=INSTANT, end=INSTANT, reason=TEXT, author=TEXT)
_CREDIT = closed(id=TEXT, rule=TEXT, amount=TEXT, currency=TEXT, reason=TEXT)
REPORT = named(
    "ServiceLevelReport",
    closed(
        service_id=TEXT,
        name=TEXT,
        account_number=TEXT,
        customer=TEXT,
        agreement=TEXT,
        sla=TEXT,
        period=_SPAN,
        until=INSTANT,
        final=TRUTH,
        time_zone=TEXT,
        unknown=TEXT,
        budget_s=TEXT,
        spent_s=TEXT,
        breach_at=OPTIONAL_INSTANT,
        objectives=many(_OBJECTIVE),
        outages=many(_OUTAGE),
        unknown_time=many(_SPAN),
        maintenance=many(_WINDOW),
        exclusions=many(_EXCUSED),
        credits=many(_CREDIT),
    ),
)


@router.get(
    "/report",
    dependencies=[needs(Role.VIEWER)],
    **described(
        "Report on service levels",
        404,
        answer=many(REPORT),
        also=[each.media_type.partition(";")[0] for each in FORMATS.values()],
    ),
)
def report(
    parts: PartsOf,
    service_id: Annotated[str, Query(max_length=255)] = "",
    account_number: Annotated[str, Query(max_length=64)] = "",
    period: Annotated[str, Query(max_length=40)] = "current",
    format: Annotated[str, Query(max_length=10)] = "json",  # noqa: A002  the parameter's name
) -> Response:
    """Of one service (`service_id`) or all of a customer (`account_number`). `period`: current, previous, a month as 2026-01, or an
    instant within it. `format`: json, html, csv, pdf or text; all of them hold the same numbers.
    """
    try:
        which = Which(period)
    except ValueError as error:
        raise BadRequest("invalidValue", str(error), pointer="/period") from None
    if format != "json" and format not in FORMATS:
        raise BadRequest("invalidValue", f"there is no format {format!r}; write json, {', '.join(FORMATS)}", pointer="/format")
    if bool(service_id) == bool(account_number):
        raise BadRequest("invalidValue", "name one of service_id and account_number")
    at = parts.clock.now()
    with parts.database.read_at_length() as session:
        services = [service_id] if service_id else services_of(session, customer_by_account(session, account_number).account_number)
        if service_id and session.get(ServiceRow, service_id) is None:
            raise NotFound("notFound", f"there is no service {service_id!r}; list them at {ROOT}/services")
        found = SlaReports(parts.catalog, parts.cases_of).of(session, services, which, at)
    if format == "json":
        return JSONResponse([document(each) for each in found])
    chosen = FORMATS[format]
    headers = {"Content-Disposition": f'inline; filename="service-levels-{at:%Y%m%d}{chosen.suffix}"'}
    return Response(chosen.render(sla_report(found, at)), media_type=chosen.media_type, headers=headers)


def document(each: ServiceReport) -> dict[str, Any]:
    """Spans in exact seconds."""
    return {
        "service_id": each.service_id,
        "name": each.name,
        "account_number": each.customer,
        "customer": each.customer_name,
        "agreement": each.agreement,
        "sla": each.sla,
        "period": _span(each.period),
        "until": plain(each.until),
        "final": each.is_final,
        "time_zone": each.time_zone,
        "unknown": each.unknown_counts,
        "budget_s": _seconds(each.budget),
        "spent_s": _seconds(each.spent),
        "breach_at": plain(each.breach_at),
        "objectives": [_objective(verdict) for verdict in each.objectives],
        "outages": [_outage(outage) for outage in each.outages],
        "unknown_time": [_span(span) for span in each.unknown],
        "maintenance": [_window(counted) for counted in each.maintenance],
        "exclusions": [
            {"id": one.id, "kind": one.kind, **_span(one.span), "reason": one.reason, "author": one.author}
            for one in each.exclusions
        ],
        "credits": plain(each.credits),
    }


def _objective(verdict: Verdict) -> dict[str, Any]:
    time = verdict.time
    return {
        "rule": verdict.rule,
        "objective": plain(verdict.objective),
        "measured": plain(verdict.measured),
        "kept": verdict.kept,
        "reason": verdict.reason,
        "agreed_s": _seconds(time.agreed if time else timedelta()),
        "lost_s": _seconds(time.down if time else timedelta()),
        "unknown_s": _seconds(time.unknown if time else timedelta()),
        "cases": verdict.cases,
        "in_time": verdict.in_time,
    }


def _outage(outage: OutageLine) -> dict[str, Any]:
    return {
        **_span(outage.span),
        "open": outage.open,
        "earliest": plain(outage.earliest),
        "latest": plain(outage.latest),
        "counted_s": _seconds(outage.counted),
        "excluded": [_span(part) for part in outage.excluded],
        "cause": outage.cause,
        "problem_id": outage.problem_id,
        "ticket_ids": list(outage.ticket_ids),
    }


def _window(counted: Counted) -> dict[str, Any]:
    window = counted.maintenance
    return {
        "id": window.id,
        **_span(window.window),
        "notice_at": plain(window.announced_at),
        "taken_s": _seconds(total(counted.taken)),
        "because": counted.because,
    }


def _span(interval: Interval) -> dict[str, str]:
    return {"start": plain(interval.start), "end": plain(interval.end)}


def _seconds(span: timedelta) -> str:
    whole, micro = divmod(span // timedelta(microseconds=1), 10**6)
    return f"{whole}.{micro:06d}".rstrip("0").rstrip(".")
