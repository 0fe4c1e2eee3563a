"""TMF657 Service Quality Management 4.0: what was promised, as service level specifications and their objectives.

Those of the installed SLAs are files: they are shown, and not changed through the API. What clients keep beside them is kept and
told, and judges nothing. How services fare against them is in the native report (`/api/v1/sla/report`).
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from fastapi import APIRouter

from agent.api.body import Instant
from agent.api.listing import Fixed, Part
from agent.api.openapi import TAG_QUALITY
from agent.api.parts import Parts
from agent.api.patch import PatchRules
from agent.api.shapes import TEXT, many, named, opened
from agent.api.tmf.hub import Hub, hub_routes
from agent.api.tmf.open import Open, Text
from agent.api.tmf.paths import SERVICE_QUALITY
from agent.api.tmf.records import RecordKind, record_routes
from policies.objectives import CaseObjective, CreditTier, IndicatorObjective
from policies.sla import Sla

router = APIRouter(prefix=SERVICE_QUALITY, tags=[TAG_QUALITY])

_CHANGES = ("Create", "AttributeValueChange", "Delete")
AT_LEAST = "greaterThanOrEqual"
"""How every objective of ours is compared with its target."""


class QualityPeriod(Open):
    start_date_time: Instant | None = None
    end_date_time: Instant | None = None


class SpecParameter(Open):
    name: Text | None = None
    parameter_type: str | None = None


class SpecConsequence(Open):
    prescribed_action: str | None = None


class ObjectiveEntry(Open):
    """What is read of TMF657's ServiceLevelObjective."""

    conformance_comparator: Text
    conformance_target: Text
    service_level_objective_parameter: SpecParameter
    name: str | None = None
    grace_times: str | None = None
    threshold_target: str | None = None
    tolerance_target: str | None = None
    service_level_objective_consequence: tuple[SpecConsequence, ...] = ()
    conformance_period: QualityPeriod | None = None
    tolerance_period: QualityPeriod | None = None
    valid_for: QualityPeriod | None = None


class ObjectiveRef(Open):
    id: Text


class LevelEntry(Open):
    """What is read of TMF657's ServiceLevelSpecification."""

    name: Text
    related_service_level_objective: tuple[ObjectiveRef, ...]
    description: str | None = None
    valid_for: QualityPeriod | None = None


_PERIOD = opened(startDateTime=TEXT, endDateTime=TEXT)
OBJECTIVE = named(
    "ServiceLevelObjective",
    opened(
        id=TEXT,
        href=TEXT,
        name=TEXT,
        conformanceComparator=TEXT,
        conformanceTarget=TEXT,
        graceTimes=TEXT,
        thresholdTarget=TEXT,
        toleranceTarget=TEXT,
        conformancePeriod=_PERIOD,
        tolerancePeriod=_PERIOD,
        validFor=_PERIOD,
        serviceLevelObjectiveParameter=opened(
            name=TEXT,
            parameterType=TEXT,
            serviceParmCategory=TEXT,
            serviceParmPerspective=TEXT,
            transformationAlgorithmOfKQI=TEXT,
        ),
        serviceLevelObjectiveConsequence=many(opened(prescribedAction=TEXT)),
        **{"@type": TEXT},
    ),
)
SPECIFICATION = named(
    "ServiceLevelSpecification",
    opened(
        id=TEXT,
        href=TEXT,
        name=TEXT,
        description=TEXT,
        validFor=_PERIOD,
        relatedServiceLevelObjective=many(opened(**{"id": TEXT, "href": TEXT, "@referredType": TEXT})),
        **{"@type": TEXT},
    ),
)

_REMEDY = "change the file of the SLA"
OBJECTIVES = RecordKind(
    "serviceLevelObjective",
    base=SERVICE_QUALITY,
    prefix="slo",
    body=ObjectiveEntry,
    shape=OBJECTIVE,
    rules=PatchRules(required=frozenset({"conformanceComparator", "conformanceTarget", "serviceLevelObjectiveParameter"})),
    remedy=_REMEDY,
)
SPECIFICATIONS = RecordKind(
    "serviceLevelSpecification",
    base=SERVICE_QUALITY,
    prefix="sls",
    body=LevelEntry,
    shape=SPECIFICATION,
    rules=PatchRules(required=frozenset({"name", "relatedServiceLevelObjective"})),
    remedy=_REMEDY,
)


def shipped_objectives(parts: Parts) -> Sequence[Part]:
    return (Fixed(tuple(each for sla in _slas(parts) for each in objectives_of(sla)), OBJECTIVE),)


def shipped_specifications(parts: Parts) -> Sequence[Part]:
    return (Fixed(tuple(map(_specification, _slas(parts))), SPECIFICATION),)


def objectives_of(sla: Sla) -> Iterator[dict[str, Any]]:
    """Ids are the SLA's name and the rule's, which are also those of violations."""
    yield _objective(sla, "availability", sla.availability, "share of the agreed time in which the service was up", sla.credits)
    for each in sla.indicators:
        yield _of_indicator(sla, each)
    for case in sla.cases:
        yield _of_cases(sla, case)
    if sla.chronic is not None:
        clause = sla.chronic
        counted = f"outages of {clause.of.total_seconds() / 60:g} minutes or more within {clause.within.days} days"
        action = f"a credit of {clause.percent.normalize():f} % of the recurring fee"
        document = _objective(sla, "chronic", Decimal(clause.outages), f"number of {counted}", ())
        yield document | {
            "conformanceComparator": "lessThan",
            "serviceLevelObjectiveConsequence": [{"prescribedAction": action}],
        }


def _of_indicator(sla: Sla, goal: IndicatorObjective) -> dict[str, Any]:
    return _objective(sla, goal.rule, goal.of_time, str(goal), goal.credits)


def _of_cases(sla: Sla, goal: CaseObjective) -> dict[str, Any]:
    return _objective(sla, goal.rule, goal.of_cases, str(goal), goal.credits)


def _objective(sla: Sla, rule: str, target: Decimal, algorithm: str, tiers: Sequence[CreditTier]) -> dict[str, Any]:
    identity = f"{sla.name}.{rule}"
    consequences = [
        {
            "prescribedAction": f"below {tier.below.normalize():f} %: credit {tier.percent.normalize():f} % of the recurring fee",
            "@type": "ServiceLevelSpecConsequence",
        }
        for tier in tiers
    ]
    return {
        "id": identity,
        "href": OBJECTIVES.href(identity),
        "name": f"{sla.title or sla.name}: {rule}",
        "conformanceComparator": AT_LEAST,
        "conformanceTarget": f"{target.normalize():f}",
        "serviceLevelObjectiveParameter": {
            "name": rule,
            "parameterType": "number" if rule == "chronic" else "percent",
            "serviceParmCategory": rule,
            "serviceParmPerspective": "customer",
            "transformationAlgorithmOfKQI": algorithm,
            "@type": "ServiceLevelSpecParameter",
        },
        "serviceLevelObjectiveConsequence": consequences,
        "@type": OBJECTIVES.type,
    }


def _specification(sla: Sla) -> dict[str, Any]:
    period = "each month" if sla.period == "month" else f"each {sla.period}"
    unknown = {"0": "counts as up", "1": "counts as down", "exclude": "is left out"}[sla.unknown]
    related = [{"id": each["id"], "href": each["href"], "@referredType": OBJECTIVES.type} for each in objectives_of(sla)]
    return {
        "id": sla.name,
        "href": SPECIFICATIONS.href(sla.name),
        "name": sla.title or sla.name,
        "description": f"Judged over {period} in {sla.time_zone}; time of which nothing is known {unknown}.",
        "relatedServiceLevelObjective": related,
        "@type": SPECIFICATIONS.type,
    }


def _slas(parts: Parts) -> list[Sla]:
    return [sla for _, sla in sorted(parts.catalog.slas.items())]


record_routes(
    router,
    OBJECTIVES,
    others=shipped_objectives,
    example={
        "name": "Call set-up",
        "conformanceComparator": AT_LEAST,
        "conformanceTarget": "99.5",
        "serviceLevelObjectiveParameter": {"name": "callSetUp", "parameterType": "percent"},
    },
)
record_routes(
    router,
    SPECIFICATIONS,
    others=shipped_specifications,
    example={"name": "Voice", "relatedServiceLevelObjective": [{"id": "gold.availability"}]},
)
hub_routes(router, Hub(SERVICE_QUALITY, {kind.resource: _CHANGES for kind in (OBJECTIVES, SPECIFICATIONS)}))
