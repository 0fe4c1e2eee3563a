"""How an event looks on the wire: CloudEvents 1.0, signed as Standard Webhooks have it, or the event of a TM Forum hub."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

SEQUENCE_DIGITS = 20
"""Of the `sequence` extension, which is compared as text."""


WRITTEN_AS = "whsec_"
"""Without it a secret is none: nearly any password can be read as base64, and would sign with what is left of it."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the outbox, apart from its row."""

    id: str
    sequence: int
    aggregate: str
    type: str
    payload: Mapping[str, Any]
    correlation_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """What is posted."""

    path: str
    """Behind the subscriber's callback."""
    headers: dict[str, str]
    body: bytes


def webhook_request(event: Event, *, source: str, secrets: str, now: datetime) -> Request:
    """Signed for one attempt: the id stays over all attempts, timestamp and signature are of this one.

    `secrets` is one secret (`whsec_…`) or, while it is being changed, several with spaces between them. Raises `ValueError` when it
    is none, without showing it.
    """
    body = _json(cloud_event(event, source))
    try:
        signatures = " ".join(Webhook(secret).sign(event.id, now, body) for secret in secrets.split())
    except (ValueError, EmptyWebhookSecretError):
        signatures = ""
    if not signatures or not all(secret.startswith(WRITTEN_AS) for secret in secrets.split()):
        raise ValueError("is no secret of Standard Webhooks; make one with: echo whsec_$(openssl rand -base64 32)")
    headers = {
        "content-type": "application/cloudevents+json; charset=utf-8",
        "webhook-id": event.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signatures,
    }
    return Request("", headers, body.encode())


def hub_request(event: Event) -> Request:
    """`POST {callback}/listener/<eventName>` (TMF630)."""
    name = event.type[:1].lower() + event.type[1:]
    return Request(f"/listener/{name}", {"content-type": "application/json; charset=utf-8"}, _json(hub_event(event)).encode())


def cloud_event(event: Event, source: str) -> dict[str, Any]:
    """Structured JSON; `source` and `id` together are unique."""
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": source,
        "type": event.type,
        "subject": event.aggregate,
        "time": event.at.isoformat(),
        "datacontenttype": "application/json",
        "sequence": f"{event.sequence:0{SEQUENCE_DIGITS}d}",
        "traceparent": traceparent(event),
        "correlationid": event.correlation_id,
        "data": dict(event.payload),
    }


def hub_event(event: Event) -> dict[str, Any]:
    """`timeOcurred` is spelled as TM Forum spells it."""
    return {
        "eventId": event.id,
        "eventTime": event.at.isoformat(),
        "eventType": event.type[:1].upper() + event.type[1:],
        "correlationId": event.correlation_id,
        "domain": next(iter(event.payload), ""),
        "title": event.type,
        "description": f"{event.type} of {event.aggregate}",
        "priority": "Normal",
        "timeOcurred": event.at.isoformat(),
        "event": dict(event.payload),
    }


def traceparent(event: Event) -> str:
    """W3C Trace Context, derived: all events of one correlation share a trace."""
    trace = hashlib.sha256(event.correlation_id.encode()).hexdigest()[:32]
    return f"00-{trace}-{hashlib.sha256(event.id.encode()).hexdigest()[:16]}-01"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
