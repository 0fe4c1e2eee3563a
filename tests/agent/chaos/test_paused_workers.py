"""Two daemons on one PostgreSQL; one is stopped longer than its lease, the other makes good, and the first one wakes and pushes."""

import shutil
import signal
from collections.abc import Iterator

import pytest

from inventory.db import Database
from tests.agent.chaos.client import Client, quietly
from tests.agent.chaos.conftest import say_it_is_current
from tests.agent.chaos.mortal import Mortal
from tests.agent.chaos.results import note, whole
from tests.agent.chaos.scenarios import WAY, all_of_them, gone, nothing, services
from tests.agent.installation import Installation

pytestmark = pytest.mark.chaos

LEASE = """
[fulfillment]
lease_s = 2
confirm_timeout_s = 10
"""
"""A late push to an element that commits provisionally stands until that expires, where a session cannot be ended from outside."""
PUSHES = 12
"""Staging, committing and confirming on four elements."""
BEFORE_PUSHES = [(*["pass before push"] * n, "stop before push") for n in range(PUSHES)]
AT_POINTS = [(f"stop {checkpoint}",) for checkpoint in WAY[:-1]]
PAUSES = (
    {"before pushes": BEFORE_PUSHES, "at points": AT_POINTS}
    if whole()
    else {"before some pushes": [BEFORE_PUSHES[n] for n in (1, 5, 7, 9)]}
)


@pytest.fixture
def installation(tmp_path, sim, _postgresql_url) -> Iterator[Installation]:
    database = Database(_postgresql_url)
    say_it_is_current(database)
    database.close()
    with Installation(tmp_path / "fabd", sim, more=LEASE, url=_postgresql_url) as installation:
        yield installation


@pytest.fixture
def other(installation, tmp_path, cradles) -> Iterator[Mortal]:
    """A second daemon in front of the same database and network."""
    folder = tmp_path / "other"
    shutil.copytree(installation.folder, folder)
    config = folder / "fabd.toml"
    config.write_text(config.read_text().replace(str(installation.folder), str(folder)))
    other = Mortal(config, cradles)
    yield other
    other.end()


@pytest.mark.parametrize("pauses", PAUSES)
@pytest.mark.parametrize("way", ["add", "delete"] if whole() else ["add"])
def test_no_stale_push_survives(client, mortal, other, way, pauses):
    client.expects_errors = True  # the one that was overtaken finds its sessions ended
    prepare, items = {"add": (nothing, all_of_them), "delete": (services, gone)}[way]
    for script in PAUSES[pauses]:
        prepare(client, mortal.process)
        end = overtaken(client, mortal, other, items(client), script)
        push = len(script)
        where = f"before push {push} of {PUSHES}" if script[-1].endswith("push") else script[-1].removeprefix("stop ")
        note("pause", f"two daemons, {way}", where, end, database="postgresql")


def overtaken(client: Client, mortal: Mortal, other: Mortal, items, script) -> str:
    other.send(signal.SIGSTOP)  # so that it is the first one that takes the plan
    try:
        mortal.follow(script)
        order = client.order(*items)
        quietly(lambda: client.send(mortal.process, order))
        mortal.arrive(script[-1])
    finally:
        other.send(signal.SIGCONT)
    try:
        order_id = client.send(other.process, order)["id"]
        client.wait_for_end(other.process, order_id)
    finally:
        mortal.send(signal.SIGCONT)
    mortal.process.wait_for("work interrupted|work failed")
    return str(client.finish(other.process, order)["state"])
