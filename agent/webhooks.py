"""The webhooks of the settings, kept as subscriptions; what that changes is on record."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.config import WebhookSettings
from agent.security.audit import DAEMON, record
from crm_bridge.callbacks import CallbackPolicy
from crm_bridge.subscriptions import CONFIGURED, SubscriptionRequest, keep_configured
from crm_bridge.tables import SubscriptionRow


def keep_webhooks(session: Session, settings: Sequence[WebhookSettings], policy: CallbackPolicy, at: datetime) -> None:
    """Raises `CallbackRefused` or `InvalidSubscription`."""
    before = _standing(session)
    keep_configured(session, [SubscriptionRequest("webhook", each.url, each.secret, each.query) for each in settings], policy, at)
    session.flush()
    after = _standing(session)
    if before != after:
        record(session, DAEMON, "configure", "webhooks", at, before=before, after=after)


def shown(callback: str) -> str:
    """Scheme and host: paths and queries of callbacks hold secrets of the subscriber."""
    parts = urlsplit(callback)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}/…" if parts.path.strip("/") or parts.query else f"{parts.scheme}://{host}{parts.path}"


def _standing(session: Session) -> dict[str, Any]:
    rows = session.scalars(select(SubscriptionRow).where(SubscriptionRow.owner == CONFIGURED).order_by(SubscriptionRow.id))
    return {
        row.id: {"callback": shown(row.callback), "query": row.query, "secret": row.secret_reference, "state": row.state}
        for row in rows
    }
