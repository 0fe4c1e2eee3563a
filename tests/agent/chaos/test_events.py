"""A customer's system is told of every order and service over HTTP: no event is lost whatever happens, and states come in order.

Told twice is what the daemon did not live to know that it had told.
"""

import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import func, select

from crm_bridge.outbox import DUE
from crm_bridge.tables import DeliveryRow, EventRow
from tests.agent.chaos.client import Client, quietly
from tests.agent.chaos.listener import Answer, Listener
from tests.agent.chaos.mortal import Mortal
from tests.agent.chaos.results import note, whole
from tests.agent.chaos.scenarios import WAY, all_of_them, gone, nothing, other_words, services
from tests.agent.installation import eventually

pytestmark = pytest.mark.chaos

SETTINGS = """
[outbox]
allow_http = true
allow_private = ["127.0.0.1/32"]
timeout_s = 2
"""
HUBS = ("/tmf-api/serviceOrdering/v4/hub", "/tmf-api/serviceInventory/v4/hub")
WAYS = {"add": (nothing, all_of_them), "modify": (services, other_words), "delete": (services, gone)}
AWAITED_S = 120.0
"""Far longer than what was in hand when fabd died waits for the next attempt."""


@dataclass(frozen=True, slots=True)
class Misfortune:
    name: str
    dies_at: str = ""
    """A checkpoint of the journal; else it is killed as the listener hears the next event."""
    answer: Answer = "takes it"
    kills: bool = True


AT_POINTS = tuple(Misfortune(f"killed {checkpoint}", checkpoint) for checkpoint in WAY)
WHILE_TELLING = (
    Misfortune("killed before the event was taken", answer="hangs up"),
    Misfortune("killed before it knew that the event was taken", answer="takes it and hangs up"),
    Misfortune("the listener refuses once", answer="refuses", kills=False),
    Misfortune("the listener hangs up once", answer="hangs up", kills=False),
)
TRIED = (*AT_POINTS, *WHILE_TELLING) if whole() else (AT_POINTS[1], AT_POINTS[9], AT_POINTS[13], *WHILE_TELLING)


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    with listener.listening():
        yield listener


@pytest.fixture
def more_settings() -> str:
    """Callbacks may be on this machine."""
    return SETTINGS


def test_no_event_is_lost_and_states_come_in_order(client, mortal, listener):
    for hub in HUBS:
        with client.installation.client(mortal.process) as http:
            answer = http.post(hub, json={"callback": f"http://127.0.0.1:{listener.port}"})
        assert answer.status_code == 201, answer.text
    kills = 0
    for number, misfortune in enumerate(TRIED):
        way = list(WAYS)[number % len(WAYS)]
        prepare, items = WAYS[way]
        prepare(client, mortal.process)
        eventually(lambda: nothing_is_due(client), seconds=AWAITED_S)
        befall(misfortune, mortal, listener)
        order = client.order(*items(client))
        quietly(lambda: client.send(mortal.process, order))  # noqa: B023  called at once
        if misfortune.kills:
            mortal.be_reborn(1)
            kills += 1
        end = client.finish(mortal.process, order)["state"]
        eventually(lambda: nothing_is_due(client), seconds=AWAITED_S)
        assert listener.first_heard() == written(client)
        note("events", f"{misfortune.name}, {way}", "", end)
    again = len(listener.events) - len({event["eventId"] for event in listener.events})
    assert again <= 4 * len(HUBS) * kills  # so many may be under way at once


def befall(misfortune: Misfortune, mortal: Mortal, listener: Listener) -> None:
    if misfortune.dies_at:
        mortal.follow((f"die {misfortune.dies_at}",))
    else:
        listener.once(misfortune.answer, (lambda: mortal.send(signal.SIGKILL)) if misfortune.kills else lambda: None)


def nothing_is_due(client: Client) -> bool:
    with client.installation.database.read() as session:
        return not session.scalar(select(func.count()).select_from(DeliveryRow).where(DeliveryRow.state == DUE))


def written(client: Client) -> dict[str, list[str]]:
    """Ids of the events that the listener is owed, by what they are about."""
    owed = select(EventRow.aggregate, EventRow.id).join(DeliveryRow, DeliveryRow.event_sequence == EventRow.sequence)
    found: dict[str, list[str]] = {}
    with client.installation.database.read() as session:
        for aggregate, event in session.execute(owed.order_by(EventRow.sequence)):
            found.setdefault(aggregate.partition(":")[2], []).append(event)
    return found
