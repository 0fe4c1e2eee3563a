"""Around the story: objectives, figures, the receiver's loop, failures of the database, what is kept and what is dropped."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy.exc import OperationalError

from agent.assurance.alarms.handling import Word, acknowledge
from agent.assurance.alarms.ledger import Ledger
from agent.assurance.collection import cycle
from agent.assurance.errors import UnknownAlarm
from agent.assurance.events.trapdesk import TrapDesk
from agent.assurance.explain import explain
from agent.assurance.figures import daemon_families, element_families
from agent.assurance.levels.sla import Judge
from agent.assurance.tables import AlarmRow, MonitorRow, ObjectiveResultRow, ObservationRow, PollRow, UsageBinRow
from agent.metrics import write
from crm_bridge.errors import NothingToExplain
from crm_bridge.tables import CreditRow, TicketRow, ViolationRow
from drivers.snmp import oids
from drivers.snmp.traps import Trap
from inventory.db import Database
from tests.agent.assurance.test_story import flat
from tests.agent.assurance.world import FakeReceiver, World, metro
from tests.clock import FakeClock
from tests.crm_bridge.book import Book


@pytest.fixture
def world(database: Database, clock: FakeClock) -> World:
    world = metro(database, clock)
    world.order("web", "Acme", ["pe1/c1"])
    world.poll()
    return world


def judge(world: World, grace: float = 0) -> int:
    with world.database.write() as session:
        return len(Judge(Book()).run(session, world.clock.now(), grace=timedelta(seconds=grace)))


def test_every_period_is_judged_once_after_its_end_and_its_grace(world: World) -> None:
    world.clock.advance(1200 + 30 - 60)
    assert judge(world, grace=60) == 3
    assert judge(world, grace=60) == 0
    assert judge(world) == 1
    results = world.rows(ObjectiveResultRow, ObjectiveResultRow.period_start)
    assert [(row.measured, row.down_s, row.violation_id) for row in results] == [(Decimal(100), Decimal(0), None)] * 4


def test_unknown_time_stands_beside_the_percentage_and_is_no_downtime(world: World) -> None:
    world.network.elements["pe1"].silent = True
    world.poll()
    world.tick()
    world.tick()
    world.network.elements["pe1"].silent = False
    world.poll(58)
    world.clock.advance(300)
    judge(world)
    (result,) = world.rows(ObjectiveResultRow)
    assert (result.measured, result.down_s, result.unknown_s) == (Decimal(100), Decimal(0), Decimal(120))
    assert world.rows(ViolationRow) == []


def test_an_outage_over_the_end_of_a_period_is_split_between_both(world: World) -> None:
    world.clock.advance(230)  # 290
    world.network.down("pe1/c1")
    world.poll(10)
    world.clock.advance(25)
    world.network.up("pe1/c1")
    world.poll(35)
    world.clock.advance(600)
    judge(world)
    results = world.rows(ObjectiveResultRow, ObjectiveResultRow.period_start)
    assert [row.down_s for row in results] == [Decimal(10), Decimal(25), Decimal(0)]
    assert len(world.rows(CreditRow)) == 2


def test_a_service_that_ended_is_judged_to_its_end_and_then_left_alone(world: World) -> None:
    world.delete("web", ["pe1/c1"])
    world.clock.advance(1200)
    assert judge(world) == 1
    assert judge(world) == 0


def test_a_ticket_is_due_before_the_sla_breaks(world: World) -> None:
    world.network.down("pe1/c1")
    world.poll()
    (ticket,) = world.rows(TicketRow)
    # the budget is 0.3 s of 300 and was spent at 60.3 s: work is due at once, and expected to be done within the target
    assert ticket.due_at is not None
    assert ticket.due_at == ticket.created_at
    assert ticket.expected_at == ticket.created_at + timedelta(hours=4)
    assert ticket.priority == "Critical"


def test_metrics_of_ports_expire_after_three_intervals(world: World) -> None:
    world.network.count("pe1/c1", 2**53 + 1)
    world.poll()
    text = "".join(write(element_families(world.service.figures())))
    assert f'fabd_port_receive_octets_total{{element="pe1",port="c1",service_id="web"}} {2**53 + 1}' in text
    assert 'fabd_port_oper_status{element="pe1",port="c1",service_id="web"} 1' in text
    assert "fabd_port_last_poll_timestamp_seconds{" in text
    world.clock.advance(180)
    assert "fabd_port_receive_octets_total{" in "".join(write(element_families(world.service.figures())))
    world.clock.advance(1)
    assert "fabd_port_receive_octets_total{" not in "".join(write(element_families(world.service.figures())))


def test_metrics_of_the_daemon_never_name_an_element(world: World) -> None:
    world.network.elements["sw1"].silent = True
    for _ in range(3):
        world.poll()
    world.trap("pe1/c1", source="198.51.100.1")
    text = "".join(write(daemon_families(world.service.figures())))
    assert 'fabd_element_poll_failures_total{reason="timeout"} 3' in text
    assert "fabd_elements_unreachable 1" in text
    assert 'fabd_traps_dropped_total{reason="unknown-source"} 1' in text
    assert "sw1" not in text


def test_a_failed_transaction_is_done_again_at_the_next_poll(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("COMMIT", {}, Exception("disk full"))

    world.network.down("pe1/c1")
    with monkeypatch.context() as broken:
        broken.setattr("agent.assurance.digest._store_indexes", fail)
        with pytest.raises(OperationalError):
            world.poll()
    assert world.rows(AlarmRow) == []
    world.poll()
    assert [alarm.object for alarm in world.rows(AlarmRow)] == ["c1"]


def test_a_cause_whose_decision_could_not_be_stored_is_decided_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("UPDATE alarm", {}, Exception("disk full"))

    world.network.elements["pe1"].silent = True
    world.poll()
    world.tick()
    world.tick()
    with monkeypatch.context() as broken:
        broken.setattr(Ledger, "write", fail)
        with pytest.raises(OperationalError):
            world.tick(60)
    assert [alarm.standing for alarm in world.rows(AlarmRow)] == ["pending"]
    world.tick(1)
    assert [alarm.standing for alarm in world.rows(AlarmRow)] == ["root"]
    assert len(world.rows(TicketRow)) == 1


def test_traps_are_taken_from_the_receiver_and_one_that_fails_does_not_deafen(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = FakeReceiver()
    service = world.restarted(receiver)
    heard: list[int] = []
    taken = asyncio.Queue[int]()

    async def turn(desk: TrapDesk) -> None:
        pieces = desk.intake.hand_over()
        heard.append(sum(piece.times for piece in pieces))
        taken.put_nowait(heard[-1])
        if len(heard) == 1:
            raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(TrapDesk, "turn", turn)
    down = Trap(world.clock.now(), world.host("pe1"), "v2c", oids.LINK_DOWN, 0, ((f"{oids.IF_INDEX}.1", 1),))

    async def story() -> None:
        await service.start()
        for number in (1, 2):
            for _ in range(number):
                receiver.queue.put_nowait(down)
            await taken.get()
        await service.stop()

    asyncio.run(asyncio.wait_for(story(), 60))
    assert heard == [1, 2]


def test_a_cold_start_reads_the_whole_element(world: World) -> None:
    world.network.asked.clear()
    world.clock.advance(1)
    world.trap("pe1", oids.COLD_START)
    assert world.network.asked == [("pe1", ("c1", "x1"))]
    assert [row.finding for row in world.rows(ObservationRow)] == ["coldStart"]


def test_a_port_that_its_element_does_not_list_any_more_is_down(world: World) -> None:
    del world.network.elements["pe1"].ports["c1"]
    world.poll()
    assert world.rows(AlarmRow) == []
    world.poll()
    (alarm,) = world.rows(AlarmRow)
    assert alarm.text == "pe1/c1 is notPresent"


def test_monitors_live_as_long_as_their_service(world: World) -> None:
    assert {(row.kind, row.ended_at) for row in world.rows(MonitorRow)} == {("usage", None), ("status", None)}
    world.delete("web", ["pe1/c1"])
    assert all(row.ended_at is not None for row in world.rows(MonitorRow))


def test_old_polls_are_dropped_but_not_those_that_something_stands_on(world: World) -> None:
    for _ in range(10):
        world.network.count("pe1/c1", 1)
        world.poll()
    world.clock.advance(timedelta(days=31))
    before = len(world.rows(PollRow))
    dropped = world.run(world.service.pruning.prune())
    assert 0 < dropped < before
    for row in world.rows(UsageBinRow):
        with world.database.read() as session:
            told = list(flat(explain(session, row.usage_id or "")))
        assert [each.kind for each in told].count("poll") == 2


def test_acknowledging_names_who_did_it_and_unknown_alarms_are_refused(world: World) -> None:
    world.network.down("pe1/c1")
    world.poll()
    (alarm,) = world.rows(AlarmRow)
    with world.database.write() as session:
        acknowledge(session, [alarm.id], Word("noc"), world.clock.now())
        with pytest.raises(UnknownAlarm, match="alm-none"):
            acknowledge(session, ["alm-none"], Word("noc"), world.clock.now())
    assert world.rows(AlarmRow)[0].acknowledged_by == "noc"


def test_what_nobody_keeps_cannot_be_explained(world: World) -> None:
    with world.database.read() as session, pytest.raises(NothingToExplain):
        explain(session, "alm-none")


def test_a_large_network_is_known_right_after_the_start_though_its_cycle_has_turns(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cycle, "SPREAD_FROM", len(world.network.elements))
    world.restarted()
    world.network.asked.clear()
    assert not world.service.ready
    asyncio.run(world.service.poll())
    assert sorted(element for element, _ in world.network.asked) == sorted(world.network.elements)
    assert world.service.ready


def test_the_daemon_is_told_what_to_run_and_how_often(world: World) -> None:
    jobs = {job.name: job.interval.total_seconds() for job in world.service.jobs()}
    assert jobs == {
        "poll": 5,
        "assurance tick": 1,
        "second looks": 1,
        "silent elements": 1,
        "lost events": 1,
        "what events said": 15,
        "objectives": 60,
        "budgets": 60,
        "alarm upkeep": 5,
        "prune polls": 3600,
        "silent links": 5,
        "the daemon itself": 15,
        "history": 300,
        "tidy history": 86400,
    }
