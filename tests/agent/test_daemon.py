"""The daemon as a process: how it starts, what keeps it from starting, and how it ends in the middle of something."""

import hashlib
import json
import signal
import socket
import stat
import time
from dataclasses import dataclass

import pytest
from sqlalchemy import select, text

from agent.api.tables import IdempotencyRow
from agent.clock import SystemClock
from agent.fulfillment.tables import ElementHoldRow
from agent.storage import head_revision
from drivers.sim.faults import Phase
from inventory.tables import ServiceRow
from tests.agent.installation import FABD, ORDERS, Installation, Process, add, eventually, run_fabd

BRANCH = {"accessPort": "sw1/1", "description": "Branch"}


def placed(installation: Installation, process) -> str:
    """An order over a command line and SNMP; its id."""
    with installation.client(process) as http:
        answer = http.post(ORDERS, json=installation.order(add("1", **BRANCH)))
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def ended(installation: Installation, process, order_id: str) -> str:
    def state() -> str | None:
        with installation.client(process) as http:
            found = http.get(f"{ORDERS}/{order_id}").json()["state"]
        return found if found in ("completed", "failed") else None

    return eventually(state)


@pytest.fixture
def hang(installation):
    """pe2 hangs for a while in the middle of an order; gives back how to wait until it does."""

    def arm(phase: Phase, seconds: float):
        installation.sim.call(lambda network: network.elements["pe2"].faults.hang(phase, seconds))
        return lambda: eventually(lambda: not installation.sim.call(lambda network: network.elements["pe2"].faults.armed()))

    return arm


@dataclass(frozen=True)
class Stop:
    number: signal.Signals
    phase: Phase
    seconds: float
    state: str
    """How the order ends, then or after the next start."""


STOPS = {
    "it finishes": Stop(signal.SIGTERM, Phase.EDIT, 1.0, "completed"),
    "it begins again": Stop(signal.SIGTERM, Phase.CONNECT, 25.0, "completed"),
    "it undoes what was half done": Stop(signal.SIGINT, Phase.EDIT, 25.0, "failed"),
}


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
def test_asked_to_stop_in_the_middle_of_an_order_it_ends_in_time(installation, hang, stop):
    before, state = installation.running_texts(), stop.state
    hangs = hang(stop.phase, stop.seconds)
    with installation.running() as process:
        order_id = placed(installation, process)
        hangs()
        asked = time.monotonic()
        process.send(stop.number)
        assert process.wait() == 0
        assert time.monotonic() - asked < 10
        assert '"event": "fabd is down"' in process.log
        assert "Traceback" not in process.log
    with installation.running() as process:
        assert ended(installation, process, order_id) == state
    changed = [name for name, text in installation.running_texts().items() if text != before[name]]
    assert changed == (["pe2", "sw1"] if state == "completed" else [])
    with installation.database.read() as session:
        assert session.scalars(select(ServiceRow.state)).all() == (["active"] if state == "completed" else [])
        assert session.scalars(select(ElementHoldRow.element)).all() == []


def test_a_request_that_died_with_the_daemon_is_taken_at_once_when_it_is_sent_again(installation):
    body = json.dumps(installation.order(add("1", **BRANCH))).encode()
    digest = hashlib.sha256(b"\n".join([b"POST", ORDERS.encode(), body])).hexdigest()
    died = {"client": "tests", "key": "one", "digest": digest, "state": "running", "created_at": SystemClock().now()}
    with installation.database.write() as session:
        session.add(IdempotencyRow(**died, headers={}, body=""))
    headers = {"Idempotency-Key": "one", "Content-Type": "application/json"}
    with installation.running() as process, installation.client(process) as http:
        answers = [http.post(ORDERS, content=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [None, "true"]


def test_no_secret_is_in_the_log_or_the_database(installation):
    secrets = installation.sim.network.topology.credentials.resolve()
    with installation.running() as process:
        assert ended(installation, process, placed(installation, process)) == "completed"
        process.send(signal.SIGTERM)
        assert process.wait() == 0
    kept = "".join(path.read_bytes().decode("latin-1") for path in installation.folder.glob("fabd.db*"))
    for secret in (secrets.password, secrets.community, installation.token):
        assert secret not in process.log
        assert secret not in kept


def test_prometheus_is_told_every_number_once(installation):
    with installation.running() as process, installation.client(process) as http:
        series = [line.rpartition(" ")[0] for line in http.get("/metrics").text.splitlines() if not line.startswith("#")]
    assert "fabd_database_up" in series
    assert "fabd_polls_total" in series
    assert len(series) == len(set(series))


def refused(*arguments: str) -> str:
    """What `fabd run` says when it does not start; one message, no traceback."""
    done = run_fabd(*arguments)
    assert (done.code, done.out) == (1, ""), done.text
    assert "Traceback" not in done.err
    assert "fabd is up" not in done.err
    return done.text


def test_a_port_that_is_taken_is_named_with_what_to_do(installation):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused("--config", str(installation.config), "run", "--port", str(port))
    assert f"127.0.0.1 port {port} is taken by another program; stop it or set api.port" in said


def test_a_trap_port_that_is_taken_is_named_with_what_to_do(installation):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        installation.config.write_text(installation.config.read_text().replace("[traps]\nport = 0", f"[traps]\nport = {port}"))
        said = refused("--config", str(installation.config), "run")
    assert f"{port}" in said
    assert "traps.port" in said


def test_a_second_daemon_on_one_sqlite_database_is_refused_and_the_first_goes_on(installation):
    with installation.running() as process:
        said = refused("--config", str(installation.config), "run")
        assert f"another fabd (process {process.pid}) runs on the database" in said
        assert "data_dir" in said
        assert ended(installation, process, placed(installation, process)) == "completed"
    with installation.running():  # killed, and nobody is kept out by what it left
        pass


def test_a_database_of_a_newer_version_is_refused_and_left_alone(installation):
    with installation.database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    said = refused("--config", str(installation.config), "run")
    assert f"was written by a newer fabd (schema 9999, this one knows up to {head_revision()})" in said
    assert "install that version or restore a backup" in said
    with installation.database.read() as session:
        assert session.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    (tmp_path / "fabd.db").write_text("a letter to the operator, long enough not to be taken for an empty file" * 20)
    before = (tmp_path / "fabd.db").read_bytes()
    assert "fabd.db cannot be opened: file is not a database" in refused("run", "--port", "0", "--data-dir", str(tmp_path))
    assert (tmp_path / "fabd.db").read_bytes() == before


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "data"
    said = refused("run", "--port", "0", "--data-dir", str(folder))
    assert f"folder {folder} cannot be made" in said
    assert "set data_dir" in said


def test_a_new_data_folder_is_made_for_its_owner_alone(tmp_path):
    folder = tmp_path / "new" / "data"
    (tmp_path / "fabd.toml").write_text("[traps]\nport = 0\n")
    with Process([*FABD, "run", "--port", "0", "--data-dir", str(folder)], folder=tmp_path) as process:
        process.wait_until_up()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / "fabd.db").exists()


def test_every_mistake_in_the_configuration_is_named_at_once(tmp_path):
    config = tmp_path / "fabd.toml"
    config.write_text('data_dri = "x"\n[api]\nport = 70000\n[polling]\nintervals = 5\n')
    said = refused("--config", str(config), "run")
    for mistake in (
        f"{config}: data_dri: unknown key; did you mean 'data_dir'?",
        f"{config}: api.port: input should be less than or equal to 65535 (found 70000)",
        f"{config}: polling.intervals: unknown key; did you mean 'interval_s'?",
    ):
        assert mistake in said
    assert [path.name for path in tmp_path.iterdir()] == ["fabd.toml"]


def test_a_specification_that_cannot_be_used_is_named_with_file_and_line(tmp_path):
    folder = tmp_path / "specs" / "broken"
    folder.mkdir(parents=True)
    (folder / "spec.yaml").write_text("name: broken\nversion: 1\ncharacteristics: 5\n")
    config = tmp_path / "fabd.toml"
    config.write_text(f'data_dir = "{tmp_path}"\n[catalog]\nspecifications = ["{tmp_path / "specs"}"]\n')
    said = refused("--config", str(config), "run", "--port", "0")
    assert "broken/spec.yaml:3: characteristics: should be a valid dictionary" in said
    assert not (tmp_path / "fabd.db").exists()
