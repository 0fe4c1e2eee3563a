"""`fabd run` that places, and `fabd work` that carries out, on one PostgreSQL; and what becomes of orders when either is killed."""

import signal
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from agent.assurance.collection.meter import ACTIVATION
from agent.assurance.tables import MonitorRow, ReadingRow
from agent.tables import metadata
from drivers.sim.faults import Phase
from drivers.sim.thread import SimThread
from inventory.db import Database
from inventory.tables import ServiceRow
from tests.agent.installation import FABD, ORDERS, PATIENCE_S, Installation, Process, add, delete, eventually, simulated_network

BRANCH = {"accessPort": "sw1/1", "description": "Branch"}
SETTINGS = """
[fulfillment]
carry_out = false
lease_s = 2
"""


@pytest.fixture
def sim(host_keys) -> Iterator[SimThread]:
    with simulated_network(0, host_keys) as thread:
        yield thread


@pytest.fixture
def installation(tmp_path, sim, _postgresql_url) -> Iterator[Installation]:
    database = Database(_postgresql_url)
    metadata.drop_all(database.engine)
    database.close()
    with Installation(tmp_path / "fabd", sim, more=SETTINGS, url=_postgresql_url) as installation:
        yield installation


@pytest.fixture
def daemon(installation) -> Iterator[Process]:
    with installation.running() as process:
        yield process


def at_work(installation: Installation) -> Process:
    """`fabd work`, at work."""
    process = Process([*FABD, "--config", str(installation.config), "work"])
    process.wait_for('"event": "fabd is at work"')
    return process


def placed(installation: Installation, daemon: Process, item) -> str:
    with installation.client(daemon) as http:
        answer = http.post(ORDERS, json=installation.order(item))
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def state_of(installation: Installation, daemon: Process, order_id: str) -> str:
    with installation.client(daemon) as http:
        return http.get(f"{ORDERS}/{order_id}").json()["state"]


def ended(installation: Installation, daemon: Process, order_id: str) -> str:
    return eventually(lambda: state if (state := state_of(installation, daemon, order_id)) in ("completed", "failed") else None)


def test_what_a_daemon_places_is_carried_out_by_the_process_beside_it_and_by_no_other(installation, daemon):
    order_id = placed(installation, daemon, add("1", **BRANCH))
    assert state_of(installation, daemon, order_id) == "acknowledged"
    with at_work(installation) as worker:
        assert ended(installation, daemon, order_id) == "completed"
        with installation.database.read() as session:
            (service,) = session.scalars(select(ServiceRow)).all()
            assert set(session.scalars(select(MonitorRow.ended_at))) == {None}
            assert ACTIVATION in session.scalars(select(ReadingRow.occasion)).all()
        assert ended(installation, daemon, placed(installation, daemon, delete("1", service.id))) == "completed"
        with installation.database.read() as session:
            assert session.scalars(select(ServiceRow.state)).all() == ["terminated"]
            assert None not in session.scalars(select(MonitorRow.ended_at)).all()
        worker.send(signal.SIGTERM)
        assert worker.wait() == 0
    assert "Traceback" not in daemon.log + worker.log


def test_what_a_worker_had_half_done_when_it_was_killed_is_undone_by_the_next_one(installation, daemon, sim):
    before = installation.running_texts()
    # for longer than the test takes: what pe2 had been told before it hung it would do afterwards, whoever has undone the plan
    sim.call(lambda network: network.elements["pe2"].faults.hang(Phase.EDIT, 2 * PATIENCE_S))
    with at_work(installation) as worker:
        order_id = placed(installation, daemon, add("1", **BRANCH))
        eventually(lambda: not sim.call(lambda network: network.elements["pe2"].faults.armed()))
        worker.kill()
    with at_work(installation) as successor:
        assert ended(installation, daemon, order_id) == "failed"
        eventually(lambda: "taking over after a worker that died" in successor.log)  # read by a thread of the test's own
    assert installation.running_texts() == before


def test_a_worker_that_is_stopped_longer_than_its_lease_is_overtaken_and_does_no_harm_when_it_wakes(installation, daemon, sim):
    before = installation.running_texts()
    # long enough to be seen and answered by a test that is away for a moment; the one who takes over is not made to wait
    sim.call(lambda network: network.elements["pe2"].faults.hang(Phase.CONNECT, 6.0))
    with at_work(installation) as first:
        order_id = placed(installation, daemon, add("1", **BRANCH))
        eventually(lambda: not sim.call(lambda network: network.elements["pe2"].faults.armed()))
        first.send(signal.SIGSTOP)
        with at_work(installation):
            assert ended(installation, daemon, order_id) == "completed"
            after = installation.running_texts()
            first.send(signal.SIGCONT)
            first.wait_for("work interrupted|work failed")
            first.send(signal.SIGTERM)
            assert first.wait() == 0
            assert installation.running_texts() == after
    assert [name for name, text in after.items() if text != before[name]] == ["pe2", "sw1"]


def test_while_the_daemon_that_places_is_dead_what_it_placed_is_carried_out(installation, daemon):
    order_id = placed(installation, daemon, add("1", **BRANCH))
    daemon.kill()
    with at_work(installation):

        def active() -> bool:
            with installation.database.read() as session:
                return session.scalars(select(ServiceRow.state)).all() == ["active"]

        assert eventually(active)
    with installation.running() as born_again:
        assert state_of(installation, born_again, order_id) == "completed"
