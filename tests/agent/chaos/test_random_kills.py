"""`fabd run`, killed at random instants of an order's life, whatever the order wants: it ends what it began."""

import random
import signal
import threading
import time
from collections import Counter

import pytest

from tests.agent.chaos.client import Client, Order, quietly
from tests.agent.chaos.fate import BIRTH
from tests.agent.chaos.mortal import Mortal
from tests.agent.chaos.results import note, whole
from tests.agent.chaos.scenarios import all_of_them, gone, nothing, other_words, rest, services, suspended

pytestmark = pytest.mark.chaos

KILLS = 200 if whole() else 18
PARTS = 5 if whole() else 1
"""In which they are tried, each with a daemon and a network of its own."""
SEED = 20
BEYOND = 1.2
"""The last instants lie behind the end of an undisturbed order."""
WAYS = {
    "add": (nothing, all_of_them),
    "modify": (services, other_words),
    "suspend": (services, lambda client: rest(client, "inactive")),
    "resume": (suspended, lambda client: rest(client, "active")),
    "delete": (services, gone),
    "cancel": (nothing, all_of_them),
}


@pytest.mark.parametrize("part", range(PARTS))
def test_an_order_ends_truthfully_at_whatever_instant_the_daemon_is_killed(client, mortal, part):
    print(f"seed {SEED}, {KILLS} kills")  # noqa: T201  with it a failure can be had again
    life = max(undisturbed(client, mortal) for _ in range(3))
    instants = [life * BEYOND * (n + random.Random(SEED + n).random()) / KILLS for n in range(KILLS)]
    random.Random(SEED).shuffle(instants)
    ends: Counter[tuple[str, str]] = Counter()
    for number, instant in list(enumerate(instants))[part::PARTS]:
        way = list(WAYS)[number % len(WAYS)]
        prepare, items = WAYS[way]
        prepare(client, mortal.process)
        order = client.order(*items(client))
        kill_after(instant, client, mortal, order, cancel=way == "cancel")
        end = client.finish(mortal.process, order)["state"]
        ends[way, end] += 1
        note("instant", way, f"{100 * instant / life:.0f} % of an undisturbed order's time", end)
    client.survive_a_reboot()
    assert {way for way, _ in ends} == set(WAYS)
    assert sum(ends.values()) == KILLS // PARTS
    assert sum(number for (_, end), number in ends.items() if end == "completed")


def undisturbed(client: Client, mortal: Mortal) -> float:
    """Seconds from the order to its end."""
    nothing(client, mortal.process)
    began = time.monotonic()
    services(client, mortal.process)
    return time.monotonic() - began


def kill_after(instant: float, client: Client, mortal: Mortal, order: Order, *, cancel: bool) -> None:
    """Seconds after the order is sent, whether it has been answered or not."""

    def send() -> None:
        client.send(mortal.process, order)
        if cancel:
            client.cancel(mortal.process, order)

    sending = threading.Thread(target=lambda: quietly(send))
    sending.start()
    threading.Event().wait(instant)
    mortal.send(signal.SIGKILL)
    sending.join()
    mortal.process.wait_for(BIRTH)
    mortal.process.wait_until_up()
