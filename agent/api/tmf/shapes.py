"""TM Forum resources as they are answered: the attributes that are always meant the same; others that a client sent are echoed."""

from agent.api.shapes import ANYTHING, INSTANT, NUMBER, TEXT, TRUTH, WHOLE, Shape, many, named, opened

_KIND = {"@type": TEXT, "@referredType": TEXT}
_REFERENCE = opened(id=TEXT, name=TEXT, role=TEXT, **_KIND)
_CHARACTERISTIC = opened(name=TEXT, value=ANYTHING, valueType=TEXT)
_SPECIFICATION = opened(id=TEXT, name=TEXT, version=TEXT)
_NOTE = opened(id=TEXT, author=TEXT, date=INSTANT, text=TEXT)
_MESSAGE = opened(code=TEXT, reason=TEXT, message=TEXT, timestamp=INSTANT)


def _enumerated(*words: str) -> Shape:
    return {"type": "string", "enum": list(words)}


_ORDER_STATE = _enumerated(
    *("acknowledged", "rejected", "pending", "held", "inProgress", "cancelled", "completed", "failed", "partial"),
    *("assessingCancellation", "pendingCancellation"),
)
_SERVICE_STATE = _enumerated("feasibilityChecked", "designed", "reserved", "inactive", "active", "terminated")
_TICKET_STATUS = _enumerated("acknowledged", "rejected", "pending", "held", "inProgress", "resolved", "closed", "cancelled")
_USAGE_STATUS = _enumerated("received", "rejected", "recycled", "guided", "rated", "rerated", "billed")

_ITEM = opened(
    id=TEXT,
    action=TEXT,
    state=_ORDER_STATE,
    service=opened(id=TEXT, href=TEXT, serviceSpecification=_SPECIFICATION, serviceCharacteristic=many(_CHARACTERISTIC)),
    errorMessage=many(_MESSAGE),
)

_ITEM_REFERENCE = opened(itemId=TEXT, serviceOrderId=TEXT, serviceOrderHref=TEXT)

SERVICE_ORDER = named(
    "ServiceOrder",
    opened(
        **{"@type": TEXT},
        id=TEXT,
        href=TEXT,
        externalId=TEXT,
        state=_ORDER_STATE,
        orderDate=INSTANT,
        startDate=INSTANT,
        completionDate=INSTANT,
        expectedCompletionDate=INSTANT,
        requestedStartDate=INSTANT,
        requestedCompletionDate=INSTANT,
        cancellationDate=INSTANT,
        cancellationReason=TEXT,
        category=TEXT,
        description=TEXT,
        notificationContact=TEXT,
        priority=TEXT,
        externalReference=many(opened(name=TEXT, externalReferenceType=TEXT)),
        note=many(_NOTE),
        orderRelationship=many(opened(id=TEXT, relationshipType=TEXT)),
        milestone=many(
            opened(id=TEXT, name=TEXT, message=TEXT, status=TEXT, milestoneDate=INSTANT, serviceOrderItem=many(_ITEM_REFERENCE))
        ),
        jeopardyAlert=many(
            opened(id=TEXT, name=TEXT, jeopardyType=TEXT, message=TEXT, alertDate=INSTANT, serviceOrderItem=many(_ITEM_REFERENCE))
        ),
        relatedParty=many(_REFERENCE),
        serviceOrderItem=many(_ITEM),
        errorMessage=many(_MESSAGE),
    ),
)

CANCELLATION = named(
    "CancelServiceOrder",
    opened(
        **{"@type": TEXT},
        id=TEXT,
        href=TEXT,
        state=_enumerated("accepted", "inProgress", "done", "terminatedWithError"),
        cancellationReason=TEXT,
        requestedCancellationDate=INSTANT,
        effectiveCancellationDate=INSTANT,
        completionMessage=TEXT,
        errorMessage=opened(code=TEXT, reason=TEXT, message=TEXT),
        serviceOrder=opened(id=TEXT, href=TEXT),
    ),
)

SERVICE = named(
    "Service",
    opened(
        **{"@type": TEXT},
        id=TEXT,
        href=TEXT,
        name=TEXT,
        category=TEXT,
        description=TEXT,
        startMode=TEXT,
        note=many(_NOTE),
        place=many(_REFERENCE),
        relatedEntity=many(_REFERENCE),
        feature=many(opened(id=TEXT, name=TEXT)),
        serviceRelationship=many(opened(relationshipType=TEXT, service=_REFERENCE)),
        supportingService=many(_REFERENCE),
        serviceType=TEXT,
        state=_SERVICE_STATE,
        serviceDate=INSTANT,
        startDate=INSTANT,
        endDate=INSTANT,
        hasStarted=TRUTH,
        isServiceEnabled=TRUTH,
        isStateful=TRUTH,
        isBundle=TRUTH,
        serviceSpecification=_SPECIFICATION,
        relatedParty=many(_REFERENCE),
        serviceCharacteristic=many(_CHARACTERISTIC),
        serviceOrderItem=many(opened(itemId=TEXT, itemAction=TEXT, serviceOrderId=TEXT, serviceOrderHref=TEXT)),
        supportingResource=many(_REFERENCE),
    ),
)

TROUBLE_TICKET = named(
    "TroubleTicket",
    opened(
        **{"@type": TEXT},
        id=TEXT,
        href=TEXT,
        name=TEXT,
        description=TEXT,
        ticketType=TEXT,
        status=_TICKET_STATUS,
        severity=TEXT,
        priority=TEXT,
        creationDate=INSTANT,
        lastUpdate=INSTANT,
        expectedResolutionDate=INSTANT,
        resolutionDate=INSTANT,
        statusChangeDate=INSTANT,
        statusChangeReason=TEXT,
        statusChange=many(opened(status=_TICKET_STATUS, changeDate=INSTANT, changeReason=TEXT)),
        note=many(opened(id=TEXT, author=TEXT, date=INSTANT, text=TEXT)),
        relatedParty=many(_REFERENCE),
        relatedEntity=many(opened(id=TEXT, role=TEXT, downFrom=INSTANT, downTo=INSTANT)),
        repeats=WHOLE,
        externalId=TEXT,
        requestedResolutionDate=INSTANT,
        attachment=many(opened(id=TEXT, name=TEXT)),
        channel=_REFERENCE,
        troubleTicketRelationship=many(opened(id=TEXT, relationshipType=TEXT)),
    ),
)

USAGE_SPECIFICATION = named(
    "UsageSpecification",
    opened(
        **{"@type": TEXT},
        id=TEXT,
        href=TEXT,
        name=TEXT,
        description=TEXT,
        version=TEXT,
        isBundle=TRUTH,
        lastUpdate=INSTANT,
        lifecycleStatus=TEXT,
        validFor=opened(startDateTime=INSTANT, endDateTime=INSTANT),
        specCharacteristic=many(opened(name=TEXT)),
        relatedParty=many(_REFERENCE),
    ),
)

USAGE_RECORD = named(
    "Usage",
    opened(
        **{"@type": TEXT},
        id=TEXT,
        href=TEXT,
        usageDate=INSTANT,
        usageType=TEXT,
        description=TEXT,
        status=_USAGE_STATUS,
        statusReason=TEXT,
        relatedParty=many(_REFERENCE),
        service=opened(id=TEXT, href=TEXT),
        usageSpecification=_REFERENCE,
        usageCharacteristic=many(_CHARACTERISTIC),
        ratedProductUsage=many(
            opened(
                isBilled=TRUTH,
                offerTariffType=TEXT,
                ratingDate=INSTANT,
                usageRatingTag=TEXT,
                taxExcludedRatingAmount=opened(unit=TEXT, value=NUMBER),
            )
        ),
    ),
)
