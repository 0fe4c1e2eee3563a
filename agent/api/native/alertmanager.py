"""Where Alertmanager posts: its alerts become alarms, and end with them."""

from fastapi import APIRouter
from sqlalchemy import select
from starlette.responses import JSONResponse, Response

from agent.api.access import ActorOf, needs
from agent.api.body import BodyOf, read_model
from agent.api.errors import BadRequest
from agent.api.native.paths import ROOT
from agent.api.openapi import described
from agent.api.parts import PartsOf
from agent.api.shapes import WHOLE, closed, named
from agent.assurance.alarms.told import tell_of_all
from agent.prometheus.webhook import Notification, read
from agent.security.audit import record
from agent.security.roles import Role
from inventory.tables import ElementRow

router = APIRouter(prefix=ROOT, tags=["Alarms and problems"])

HEARD = named("HeardAlerts", closed(raised=WHOLE, cleared=WHOLE, unchanged=WHOLE, ignored=WHOLE))
EXAMPLE = {
    "version": "4",
    "status": "firing",
    "receiver": "fabd",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "DiskFull", "severity": "major", "instance": "radius1:9100"},
            "annotations": {"summary": "The disk of radius1 is full"},
            "startsAt": "2026-01-05T09:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example/graph",
            "fingerprint": "b3ba6b5a1f3e2d4c",
        }
    ],
}


@router.post(
    "/alertmanager",
    dependencies=[needs(Role.OPERATOR)],
    **described("Hand alerts in, as Alertmanager does", 408, 413, 415, answer=HEARD, body=Notification, example=EXAMPLE),
)
def hand_in_alerts(parts: PartsOf, actor: ActorOf, body: BodyOf) -> Response:
    """Its webhook, version 4. Labels `element` and `port` name what an alert is about. The same once more changes nothing."""
    said = read_model(Notification, body.data)
    most = parts.alertmanager.most_alerts
    if len(said.alerts) > most:
        raise BadRequest("tooMany", f"{len(said.alerts)} alerts are more than {most}; set max_alerts of the receiver, or group_by")
    found = read(said.alerts, parts.alertmanager)
    at = parts.clock.now()
    with parts.database.write() as session:
        known = frozenset(session.scalars(select(ElementRow.name)))
        heard = tell_of_all(session, found.firing, found.ended, known, at)
        told = {"raised": heard.raised, "cleared": heard.cleared, "unchanged": heard.unchanged, "ignored": found.ignored}
        if heard.raised or heard.cleared:
            record(session, actor, "hand in", "alerts", at, after=told)
    return JSONResponse(told)
