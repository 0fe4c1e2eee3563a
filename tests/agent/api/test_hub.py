"""Hubs: whoever registers at one API hears of that API's resources, and nothing is sent where nothing may be sent."""

import pytest
from sqlalchemy import select

from agent.api.tmf import hub
from agent.security.roles import Role
from agent.security.tables import AuditRow
from crm_bridge.callbacks import CallbackPolicy
from crm_bridge.tables import DeliveryRow, EventRow, SubscriptionRow
from tests.agent.api.office import ORDERS

ORDERING = "/tmf-api/serviceOrdering/v4/hub"
INVENTORY = "/tmf-api/serviceInventory/v4/hub"
TICKETS = "/tmf-api/troubleTicket/v4"
CALLBACK = "https://192.0.2.1/events"


@pytest.fixture
def open_office(office):
    """Callbacks to the documentation's addresses are permitted."""
    object.__setattr__(office.parts, "callbacks", CallbackPolicy.of(["192.0.2.0/24"]))
    return office


def told(office, subscription) -> list[str]:
    """Types of the events that the subscription is to get."""
    with office.database.read() as session:
        mine = select(EventRow.type).join(DeliveryRow, DeliveryRow.event_sequence == EventRow.sequence)
        return list(session.scalars(mine.where(DeliveryRow.subscription_id == subscription).order_by(EventRow.sequence)))


def test_a_hub_is_registered_shown_and_removed(open_office):
    made = open_office.post(ORDERING, json={"callback": CALLBACK, "query": "eventType=ServiceOrderCreateEvent"})
    assert made.status_code == 201
    shown = {"id": made.json()["id"], "callback": CALLBACK, "query": "eventType=ServiceOrderCreateEvent"}
    assert made.json() == shown
    where = made.headers["location"]
    assert where == f"{ORDERING}/{shown['id']}"
    assert open_office.get(where).json() == shown
    assert open_office.get(ORDERING).json() == [shown]
    assert open_office.get(INVENTORY).json() == []
    assert open_office.get(f"{INVENTORY}/{shown['id']}").status_code == 404
    assert open_office.call("DELETE", f"{INVENTORY}/{shown['id']}").status_code == 404
    gone = open_office.call("DELETE", where)
    assert (gone.status_code, gone.content) == (204, b"")
    assert open_office.call("DELETE", where).status_code == 404
    with open_office.database.read() as session:
        assert session.scalars(select(SubscriptionRow)).all() == []
        assert sorted(session.scalars(select(AuditRow.action))) == ["register", "unregister"]


def test_a_hub_tells_of_its_own_apis_resources_only(open_office):
    orders = open_office.post(ORDERING, json={"callback": CALLBACK}).json()["id"]
    services = open_office.post(INVENTORY, json={"callback": CALLBACK}).json()["id"]
    tickets = open_office.post(f"{TICKETS}/hub", json={"callback": CALLBACK}).json()["id"]
    open_office.post(ORDERS, json=open_office.order())
    assert set(told(open_office, orders)) == {"serviceOrderCreateEvent"}
    assert set(told(open_office, services)) == {"serviceCreateEvent"}
    assert told(open_office, tickets) == []


@pytest.mark.parametrize(
    ("query", "heard"),
    [
        ("eventType=TroubleTicketCreateEvent", ["troubleTicketCreateEvent"]),
        ("eventType = troubleTicketStatusChangeEvent", ["troubleTicketStatusChangeEvent"]),
        ("troubleTicket.status=inProgress", ["troubleTicketStatusChangeEvent"]),
        ("event.troubleTicket.status=inProgress", ["troubleTicketStatusChangeEvent"]),
        ("status=inProgress", ["troubleTicketStatusChangeEvent"]),
        ('severity="major"', ["troubleTicketCreateEvent", "troubleTicketStatusChangeEvent"]),
        ("severity=minor", []),
        ("", ["troubleTicketCreateEvent", "troubleTicketStatusChangeEvent"]),
    ],
)
def test_a_query_chooses_by_event_and_by_attribute(open_office, query, heard):
    subscription = open_office.post(f"{TICKETS}/hub", json={"callback": CALLBACK, "query": query}).json()["id"]
    sent = {"description": "no light", "severity": "major", "ticketType": "trouble"}
    ticket = open_office.post(f"{TICKETS}/troubleTicket", json=sent).json()
    assert open_office.call("PATCH", ticket["href"], json={"status": "inProgress"}).status_code == 200
    assert told(open_office, subscription) == heard


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalidValue"),
        ({"callback": ""}, "invalidValue"),
        ({"callback": 7}, "invalidValue"),
        ({"callback": "http://192.0.2.1/"}, "callbackRefused"),
        ({"callback": "https://127.0.0.1/"}, "callbackRefused"),
        ({"callback": "https://10.1.2.3/hook"}, "callbackRefused"),
        ({"callback": "https://[::ffff:169.254.169.254]/"}, "callbackRefused"),
        ({"callback": "ftp://192.0.2.1/"}, "callbackRefused"),
        ({"callback": "https://localhost/"}, "callbackRefused"),
        ({"callback": CALLBACK, "query": "eventType=alarmCreateEvent"}, "unknownEvent"),
        ({"callback": CALLBACK, "query": "state.gt=a"}, "invalidSubscription"),
        ({"callback": CALLBACK, "query": "fields=id"}, "invalidSubscription"),
        ({"callback": CALLBACK, "query": "nonsense"}, "invalidSubscription"),
    ],
)
def test_what_cannot_be_told_is_refused_and_nothing_is_kept(open_office, body, code):
    refused = open_office.post(ORDERING, json=body)
    assert (refused.status_code, refused.json()["code"]) == (400, code)
    assert open_office.get(ORDERING).json() == []


def test_a_name_is_looked_up_before_it_is_taken(office):
    async def inside(_host: str, _port: int) -> list[str]:
        return ["10.0.0.7"]

    async def nowhere(_host: str, _port: int) -> list[str]:
        raise OSError("no such name")

    object.__setattr__(office.parts, "resolve", inside)
    refused = office.post(ORDERING, json={"callback": "https://crm.example/events"})
    assert (refused.status_code, "10.0.0.7" in refused.json()["message"]) == (400, True)
    object.__setattr__(office.parts, "resolve", nowhere)  # it may come to be; it is looked up again for every event
    assert office.post(ORDERING, json={"callback": "https://crm.example/events"}).status_code == 201


def test_the_same_hub_twice_and_too_many_are_refused(open_office, monkeypatch):
    first = open_office.post(ORDERING, json={"callback": CALLBACK})
    again = open_office.post(ORDERING, json={"callback": CALLBACK})
    assert (again.status_code, first.json()["id"] in again.json()["message"]) == (409, True)
    monkeypatch.setattr(hub, "MAX_HUBS", 1)
    full = open_office.post(ORDERING, json={"callback": f"{CALLBACK}/2"})
    assert (full.status_code, full.json()["code"]) == (409, "tooManyHubs")


def test_a_hub_is_made_once_under_one_key(open_office):
    key = {"Idempotency-Key": "h"}
    one, two = (open_office.post(ORDERING, json={"callback": CALLBACK}, headers=key) for _ in range(2))
    assert (one.status_code, two.status_code, one.json()) == (201, 201, two.json())


def test_readers_register_nothing(open_office):
    assert open_office.post(ORDERING, json={"callback": CALLBACK}, role=Role.VIEWER).status_code == 403
