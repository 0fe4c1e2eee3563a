"""Webhooks of the settings are kept as subscriptions, and who looks at the audit trail sees what became of them."""

import pytest
from sqlalchemy import select

from agent.config import WebhookSettings
from agent.security.tables import AuditRow
from agent.webhooks import keep_webhooks, shown
from crm_bridge.callbacks import CallbackPolicy

POLICY = CallbackPolicy.of([])


def keep(database, clock, *urls):
    """The daemon starts with these; what it wrote down."""
    clock.advance(1)
    with database.write() as session:
        keep_webhooks(session, [WebhookSettings(url=url, secret="hook") for url in urls], POLICY, clock.now())
    with database.read() as session:
        return session.scalars(select(AuditRow).order_by(AuditRow.at)).all()


def test_a_change_is_on_record_once_and_without_the_secret_part_of_the_address(database, clock):
    (made,) = keep(database, clock, "https://crm.example/hooks/geheim")
    assert (made.actor, made.action, made.object, made.before) == ("daemon", "configure", "webhooks", {})
    (webhook,) = made.after.values()
    assert webhook == {"callback": "https://crm.example/…", "query": "", "secret": "hook", "state": "active"}
    assert len(keep(database, clock, "https://crm.example/hooks/geheim")) == 1
    _, ended = keep(database, clock)
    assert [each["state"] for each in ended.before.values()] == ["active"]
    assert [each["state"] for each in ended.after.values()] == ["disabled"]


@pytest.mark.parametrize(
    ("callback", "told"),
    [
        ("https://crm.example", "https://crm.example"),
        ("https://crm.example:8443/", "https://crm.example:8443/"),
        ("https://crm.example/T0/B1/geheim", "https://crm.example/…"),
        ("https://crm.example?key=geheim", "https://crm.example/…"),
        ("https://fabd:geheim@crm.example/", "https://crm.example/"),
    ],
)
def test_of_an_address_scheme_and_host_are_told(callback, told):
    assert shown(callback) == told
