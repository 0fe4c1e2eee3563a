"""What is sent in each operation where the least that a Swagger file asks for is not what fabd can carry out.

By (file, resource): a body or a patch, made of the office. What is not named here is made of the file's own definitions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.assurance.alarms.told import Told, tell_of
from agent.assurance.tables import ProblemRow
from crm_bridge.customers import customer_by_account
from crm_bridge.tickets import TicketReport, annotate, report
from crm_bridge.usage import UsageInput, receive
from inventory.db import Database
from policies.values import Interval, Severity

Json = dict[str, Any]
ENDED = frozenset({"completed", "failed", "cancelled", "partial", "rejected"})


@dataclass
class Office:
    """What a fresh installation has to order from."""

    account: str
    ports: list[str]
    """Free ones; each is taken once."""
    place: Callable[[Json], Json]
    """Post an order and wait until it has ended, or begins later; the answer."""
    database: Database
    known: Json = field(default_factory=dict)

    def port(self) -> str:
        return self.ports.pop(0)

    def customer(self) -> Json:
        return {"id": self.account, "role": "customer", "@type": "RelatedParty", "@referredType": "Customer"}

    def order(self, **more: Any) -> Json:
        values = [{"name": "port", "value": self.port()}]
        service = {"serviceSpecification": {"id": "internet-access"}, "serviceCharacteristic": values}
        return {
            "relatedParty": [self.customer()],
            "serviceOrderItem": [{"id": "1", "action": "add", "service": service}],
            "note": [{"text": "of the conformance run"}],
            "x-conformance": {"kept": True},
        } | more

    def problem(self, name: str = "one") -> str:
        """Id of one of fabd's own."""
        identity, now = f"prb-{name}", datetime.now(UTC)
        with self.database.write() as session:
            if session.get(ProblemRow, identity) is None:
                root = {"key": f"link:{name}|linkDown", "problem_class": "linkDown", "root_object": f"link:{name}", "state": "open"}
                session.add(ProblemRow(id=identity, opened_at=now, evidence={"alarms": [], "services": []}, **root))
        return identity

    def two_alarms(self) -> Json:
        now = datetime.now(UTC)
        with self.database.write() as session:
            told = [Told("noc", "", name, "powerProblem", Severity.MINOR, "no power", now) for name in ("ups-1", "ups-2")]
            parent, child = (tell_of(session, each, frozenset(), now).id for each in told)
        return {"parentAlarm": {"id": parent}, "correlatedAlarm": [{"id": child}]}

    def placed_service(self) -> str:
        """Id of a service that is active."""
        identity: str = self.place(self.order())["serviceOrderItem"][0]["service"]["id"]
        return identity

    def later_order(self) -> Json:
        start = datetime.now(UTC) + timedelta(days=30)
        return self.order(requestedStartDate=start.isoformat())


Maker = Callable[[Office], Json]


def _service(office: Office) -> Json:
    return {
        "name": "conformance",
        "state": "active",
        "relatedParty": [office.customer()],
        "serviceSpecification": {"id": "internet-access"},
        "serviceCharacteristic": [{"name": "port", "value": office.port()}],
    }


def _alarm(office: Office) -> Json:
    """An object of its own: the same one again would be the same alarm."""
    return {
        "alarmType": "equipmentAlarm",
        "perceivedSeverity": "major",
        "probableCause": "powerProblem",
        "alarmedObject": {"id": f"ups-{office.port()}"},
        "sourceSystemId": "building",
        "state": "raised",
        "alarmRaisedTime": "2026-01-05T09:00:00Z",
    }


def _problem_task(office: Office) -> Json:
    return {"problem": [{"id": office.problem()}], "trackingRecord": {"user": "noc", "description": "seen"}}


def _problem_group(office: Office) -> Json:
    return {"parentProblem": {"id": office.problem()}, "childProblem": [{"id": office.problem("other")}]}


_PATTERN = [{"sourceSystemId": "building"}]
_GROUP: Json = {"sourceSystemId": "noc", "alarmChangedTime": "2026-01-05T09:00:00Z"}

BODIES: Mapping[tuple[str, str], Maker] = {
    ("TMF642-Alarm", "alarm"): _alarm,
    ("TMF642-Alarm", "ackAlarms"): lambda _: {"ackSystemId": "noc", "ackUserId": "ada", "alarmPattern": _PATTERN},
    ("TMF642-Alarm", "unAckAlarms"): lambda _: {"ackSystemId": "noc", "ackUserId": "ada", "alarmPattern": _PATTERN},
    ("TMF642-Alarm", "clearAlarms"): lambda _: {
        "clearSystemId": "noc",
        "clearUserId": "ada",
        "alarmClearedTime": "2026-01-05T09:00:00Z",
        "alarmPattern": _PATTERN,
    },
    ("TMF642-Alarm", "commentAlarms"): lambda _: {"comment": {"comment": "seen", "userId": "ada"}, "alarmPattern": _PATTERN},
    ("TMF642-Alarm", "groupAlarms"): lambda office: _GROUP | office.two_alarms(),
    ("TMF642-Alarm", "unGroupAlarms"): lambda office: _GROUP | office.two_alarms(),
    ("TMF656-ServiceProblem", "serviceProblem"): lambda _: {
        "category": "supplier",
        "priority": 2,
        "description": "dark fibre",
        "reason": "cut",
        "originatorParty": {"id": "north-fibre", "@referredType": "Organization"},
    },
    ("TMF656-ServiceProblem", "problemAcknowledgement"): _problem_task,
    ("TMF656-ServiceProblem", "problemUnacknowledgement"): _problem_task,
    ("TMF656-ServiceProblem", "problemGroup"): _problem_group,
    ("TMF656-ServiceProblem", "problemUngroup"): _problem_group,
    ("TMF641-ServiceOrdering", "serviceOrder"): lambda office: office.order(),
    ("TMF641-ServiceOrdering", "cancelServiceOrder"): lambda office: {
        "serviceOrder": {"id": office.place(office.later_order())["id"]},
        "cancellationReason": "conformance",
    },
    ("TMF640-ServiceActivation", "service"): _service,
    ("TMF645-ServiceQualification", "checkServiceQualification"): lambda office: {
        "relatedParty": [office.customer()],
        "serviceQualificationItem": [{"id": "1", "service": _service(office)}],
    },
    ("TMF645-ServiceQualification", "queryServiceQualification"): lambda office: {
        "relatedParty": [office.customer()],
        "searchCriteria": {"service": _service(office)},
    },
    ("TMF633-ServiceCatalog", "importJob"): lambda _: {"url": "https://files.example/catalog.json"},
    ("TMF633-ServiceCatalog", "exportJob"): lambda _: {"url": "https://files.example/catalog.json", "query": "name=x"},
    ("TMF657-ServiceQuality", "serviceLevelObjective"): lambda _: {
        "conformanceComparator": "greaterThanOrEqual",
        "conformanceTarget": "99.5",
        "serviceLevelObjectiveParameter": {"name": "callSetUp", "@type": "ServiceLevelSpecParameter"},
    },
    ("TMF657-ServiceQuality", "serviceLevelSpecification"): lambda _: {
        "name": "voice",
        "relatedServiceLevelObjective": [{"id": "gold.availability"}],
    },
    ("TMF653-ServiceTest", "serviceTest"): lambda office: {
        "name": "after the storm",
        "relatedService": {"id": office.placed_service()},
        "testSpecification": {"id": "internet-access.measurement"},
    },
    ("TMF653-ServiceTest", "serviceTestSpecification"): lambda _: {
        "name": "throughput",
        "relatedServiceSpecification": [{"id": "internet-access", "@type": "ServiceSpecificationRef"}],
    },
    ("TMF621-TroubleTicket", "troubleTicket"): lambda _: {
        "description": "no light",
        "severity": "major",
        "ticketType": "trouble",
    },
    ("TMF635-Usage", "usage"): lambda _: {
        "usageType": "voice",
        "usageCharacteristic": [{"name": "minutes", "value": 12}],
    },
    ("TMF639-ResourceInventory", "resource"): lambda _: {"name": "router", "@type": "Resource"},
    ("TMF639-ResourceInventory", "physicalResource"): lambda _: {"name": "router", "@type": "PhysicalResource"},
    ("TMF639-ResourceInventory", "logicalResource"): lambda _: {
        "name": "loopback",
        "value": "192.0.2.1",
        "@type": "LogicalResource",
    },
}
PATCHES: Mapping[tuple[str, str], Json] = {
    ("TMF645-ServiceQualification", "checkServiceQualification"): {"description": "changed"},
    ("TMF645-ServiceQualification", "queryServiceQualification"): {"description": "changed"},
}
PATCH: Json = {"description": "changed", "x-conformance": {"kept": "changed"}}
BEYOND = frozenset({"logicalResource"})
"""Resources of which fabd tells events that the files forget."""
TEXT_IDS = frozenset({"TMF642-Alarm"})
"""Files that call the id of a resource an integer, and that in a reference to it text: fabd's are text."""
LEFT_OUT: Mapping[tuple[str, str], str] = {}
"""Resources that fabd does not have, and why; they are in its own description neither."""


def _ticket(office: Office) -> None:
    at = datetime.now(UTC)
    with office.database.write() as session:
        customer = customer_by_account(session, office.account)
        problem = ("prb-1", "port:pe1/ge-0/0/1", "linkDown", ("svc-1",), Severity.MAJOR, "Down", "Port down")
        ticket = report(session, TicketReport(customer.id, *problem, due_at=at, since=at), at)
        annotate(session, ticket.id, author="noc", text="on the way", at=at)


def _usage(office: Office) -> None:
    at = datetime.now(UTC)
    with office.database.write() as session:
        receive(session, UsageInput("probe", "1", "svc-1", Interval(at - timedelta(minutes=5), at), 10**9, 2**40), at)


PRELUDES: Mapping[str, Callable[[Office], object]] = {
    "TMF642-Alarm": lambda office: office.two_alarms(),
    "TMF656-ServiceProblem": lambda office: office.problem(),
    "TMF638-ServiceInventory": lambda office: office.place(office.order()),
    "TMF621-TroubleTicket": _ticket,
    "TMF635-Usage": _usage,
}
"""What happens before, so that fabd's own resources are looked at too."""
SETTLED: Mapping[tuple[str, str], Callable[[Json], bool]] = {
    ("TMF641-ServiceOrdering", "serviceOrder"): lambda order: order["state"] in ENDED,
    ("TMF640-ServiceActivation", "service"): lambda service: service["state"] in {"active", "terminated"},
    ("TMF653-ServiceTest", "serviceTest"): lambda test: test["state"] in ENDED,
}
"""What must have come to be before it can be deleted."""
