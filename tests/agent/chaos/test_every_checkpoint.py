"""The daemon dies before and after every transaction of the journal, and sometimes again while it makes good."""

import sys
from collections.abc import Iterator

import pytest

from tests.agent.chaos.client import Client, quietly
from tests.agent.chaos.mortal import BIRTH
from tests.agent.installation import Installation, Process

pytestmark = pytest.mark.chaos

POINTS = ("take", "hold", "stage", "commit", "decide", "confirm", "activate")
EVERY = [f"{when} {point}" for point in POINTS for when in ("before", "after")]
UNDECIDED = EVERY[EVERY.index("after stage") : EVERY.index("after decide")]
"""The network may have changed and nobody has decided to keep it: it goes back. Before, the plan begins again."""
TWICE = {
    ("after hold", "before take"): "completed",
    ("after take", "after stage"): "failed",
    ("after stage", "before reconnect"): "failed",
    ("before commit", "before regain"): "failed",
    ("after commit", "after undone"): "failed",
    ("after decide", "after take"): "completed",
    ("after decide", "after confirm"): "completed",
    ("after confirm", "before activate"): "completed",
}
"""The second death hits the daemon that makes good after the first."""


class Mortal:
    """Daemons one after the other, killed as `orders` says."""

    def __init__(self, installation: Installation) -> None:
        self._orders, self._deaths = installation.folder / "orders", installation.folder / "deaths"
        self._orders.write_text("")
        self._deaths.write_text("")
        command = [sys.executable, "-m", "tests.agent.chaos.mortal", str(installation.config), str(self._orders), str(self._deaths)]
        self.process = Process(command)
        self.process.wait_until_up()

    def die_at(self, *checkpoints: str) -> None:
        """The first of them for the daemon that runs, the next for its successor, …"""
        self._orders.write_text("".join(f"{name}\n" for name in checkpoints))

    @property
    def deaths(self) -> list[str]:
        return self._deaths.read_text().splitlines()


@pytest.fixture
def mortal(installation) -> Iterator[Mortal]:
    mortal = Mortal(installation)
    yield mortal
    mortal.process.close_input()
    mortal.process.wait()


def test_before_and_after_every_transaction(installation, twin, mortal):
    client = Client(installation, twin)
    left = {action: list(EVERY) for action in ("add", "delete")}
    while any(left.values()):
        order = client.next_order()
        action = order["serviceOrderItem"][0]["action"]
        checkpoint = left[action].pop(0) if left[action] else None
        state = killed(client, mortal, order, *([checkpoint] if checkpoint else []))
        assert state == ("failed" if checkpoint in UNDECIDED else "completed"), (action, checkpoint)
    assert sorted(mortal.deaths) == sorted(2 * EVERY)
    client.survive_a_reboot()


def test_again_while_it_makes_good(installation, twin, mortal):
    client = Client(installation, twin)
    for deaths, state in TWICE.items():
        assert killed(client, mortal, client.next_order(), *deaths) == state, deaths
    assert mortal.deaths == [name for deaths in TWICE for name in deaths]
    client.survive_a_reboot()


def killed(client: Client, mortal: Mortal, order, *checkpoints: str) -> str:
    """How the order ends whose daemons die there."""
    mortal.die_at(*checkpoints)
    quietly(lambda: client.send(mortal.process, order))
    for _ in checkpoints:
        mortal.process.wait_for(BIRTH)
    if checkpoints:
        mortal.process.wait_until_up()
    return client.finish(mortal.process, order)["state"]
