"""The watchlist in memory says what the database says, and is made anew for nothing else."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from agent.assurance.tables import MonitorRow
from agent.assurance.topology import watching
from agent.assurance.topology.watching import Watching
from agent.assurance.topology.watchlist import Watchlist, load_watchlist
from inventory.changes import network_changes, note_network_change
from inventory.db import Database
from inventory.elements import set_administrative
from inventory.tables import PortRow
from policies.values import new_id
from tests.clock import EPOCH
from tests.inventory.factory import add_element, add_link, port_id


@pytest.fixture
def network(database: Database) -> Database:
    with database.write() as session:
        for name in ("pe1", "pe2"):
            add_element(session, name, core=["ge0"], customer=["ge1"])
        add_link(session, "pe1/ge0", "pe2/ge0")
    return database


def look(database: Database, watched: Watching) -> Watchlist:
    with database.read() as session:
        return watched.watchlist(session)


def truth(database: Database) -> Watchlist:
    with database.read() as session:
        return load_watchlist(session)


def monitor(session: Session) -> None:
    session.add(
        MonitorRow(
            id=new_id("mon", EPOCH),
            service_id="svc_1",
            element_id="elm_1",
            port_id=port_id(session, "pe1/ge1"),
            kind="status",
            started_at=EPOCH,
        )
    )


def lock(session: Session) -> None:
    set_administrative(session, "pe2", "locked")


def move_index(session: Session) -> None:
    session.execute(update(PortRow).where(PortRow.name == "ge0").values(if_index=17))
    note_network_change(session)


CHANGES: list[Callable[[Session], None]] = [monitor, lock, move_index]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_changes_is_seen_at_once(network: Database, change: Callable[[Session], None]) -> None:
    watched = Watching()
    before = look(network, watched)
    with network.write() as session:
        change(session)
    after = look(network, watched)
    assert after != before
    assert after == truth(network)


def test_a_monitor_that_ends_is_seen_and_so_is_its_return(network: Database) -> None:
    watched = Watching()
    with network.write() as session:
        monitor(session)
    assert "pe1/ge1" in look(network, watched).ports
    for ended_at, there in ((EPOCH + timedelta(hours=1), False), (None, True)):
        with network.write() as session:
            session.execute(update(MonitorRow).values(ended_at=ended_at))
        assert ("pe1/ge1" in look(network, watched).ports) is there


def test_nothing_is_loaded_again_while_nothing_changed(network: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watching()
    first = look(network, watched)
    monkeypatch.setattr(watching, "load_wires", None)
    monkeypatch.setattr(watching, "load_watchlist", None)
    assert look(network, watched) is first


def test_services_that_come_do_not_cost_the_network_again(network: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watching()
    first = look(network, watched)
    monkeypatch.setattr(watching, "load_wires", None)
    with network.write() as session:
        monitor(session)
    assert look(network, watched).topology is first.topology
    watched.services_changed()
    assert look(network, watched).topology is first.topology


def test_what_there_is_is_told_without_what_is_watched(network: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watching()
    with network.write() as session:
        monitor(session)
        move_index(session)
    monkeypatch.setattr(watching, "load_watchlist", None)
    with network.read() as session:
        topology = watched.topology(session)
        assert watched.topology(session) is topology
    monkeypatch.undo()
    assert topology == truth(network).topology
    assert look(network, watched) == truth(network)
    with network.write() as session:
        move_index(session)
    with network.read() as session:
        assert watched.topology(session) is not topology
    assert look(network, watched) == truth(network)


def test_a_load_that_fails_is_tried_again(network: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watching()
    look(network, watched)
    with network.write() as session:
        monitor(session)

    def fails(*_: object) -> Watchlist:
        raise OSError("disk")

    with monkeypatch.context() as patch:
        patch.setattr(watching, "load_watchlist", fails)
        with pytest.raises(OSError, match="disk"):
            look(network, watched)
    assert look(network, watched) == truth(network)


def test_a_change_that_is_rolled_back_is_not_counted(network: Database) -> None:
    with network.read() as session:
        before = network_changes(session)
        note_network_change(session)
        assert network_changes(session) == before + 1
    with network.read() as session:
        assert network_changes(session) == before
