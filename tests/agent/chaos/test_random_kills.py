"""`fabd run`, killed at random instants of an order's life: whatever it was doing, it ends what it began."""

import random
import threading
import time
from collections import Counter

import pytest

from tests.agent.chaos.client import Client, quietly

pytestmark = pytest.mark.chaos

KILLS = 20
SEED = 20
BEYOND = 1.1
"""The last instants lie behind the end of an undisturbed order."""


def test_an_order_ends_truthfully_at_whatever_instant_the_daemon_is_killed(installation, twin):
    client = Client(installation, twin)
    process = installation.daemon()
    try:
        process.wait_until_up()
        life = [_undisturbed(client, process) for _ in range(4)][-1]  # the first ones load drivers and open sessions
        instants = [life * BEYOND * (n + random.Random(SEED + n).random()) / KILLS for n in range(KILLS)]
        random.Random(SEED).shuffle(instants)
        ends: Counter[tuple[str, str]] = Counter()
        for instant in instants:
            order = client.next_order()
            _kill_after(instant, client, process, order)
            process = installation.daemon()
            process.wait_until_up()
            ended = client.finish(process, order)
            ends[order["serviceOrderItem"][0]["action"], ended["state"]] += 1
        client.survive_a_reboot()
    finally:
        process.kill()
    assert ends["add", "completed"]
    assert ends["delete", "completed"]
    assert sum(ends.values()) == KILLS


def _undisturbed(client: Client, process) -> float:
    """Seconds from the order to its end."""
    order, began = client.next_order(), time.monotonic()
    assert client.finish(process, order)["state"] == "completed"
    return time.monotonic() - began


def _kill_after(instant: float, client: Client, process, order) -> None:
    """Seconds after the order is sent, whether it has been answered or not."""
    sending = threading.Thread(target=lambda: quietly(lambda: client.send(process, order)))
    sending.start()
    threading.Event().wait(instant)
    process.kill()
    sending.join()
