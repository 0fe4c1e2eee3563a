"""The life of an alarm: flapping, on the shelf, under maintenance, ignored, grouped, acknowledged, gone with its element."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from agent.assurance.alarms import upkeep
from agent.assurance.alarms.alarm import Alarm
from agent.assurance.alarms.conditions import take
from agent.assurance.alarms.flap import CEILING, LONGEST, REUSE, Penalty
from agent.assurance.alarms.handling import Word, acknowledge, assign, clear, comment, group, shelve, unacknowledge, unshelve
from agent.assurance.errors import AlarmRefused
from agent.assurance.findings import Finding, Meaning, Source, Transition
from agent.assurance.tables import AlarmChangeRow, AlarmRow, ProblemRow, ServiceStateRow
from agent.assurance.topology.grouping import WITHIN, Member, groups
from agent.config import AssuranceSettings
from agent.config.assurance import EscalationSettings
from crm_bridge.tables import EventRow, TicketRow
from inventory.db import Database
from inventory.maintenance import NewMaintenance, announce, cancel
from inventory.reach import Scope
from inventory.tables import ElementRow
from policies.values import Severity
from tests.agent.assurance.world import World, metro
from tests.clock import EPOCH, FakeClock

NOC = Word("noc")


@pytest.fixture
def world(database: Database, clock: FakeClock) -> World:
    world = metro(
        database, clock, assurance=AssuranceSettings(escalation=[EscalationSettings(severity=Severity.MAJOR, assign_to="lead")])
    )
    world.order("line", "Acme", ["pe1/c1", "pe2/c1"], transit=["pe1/x1", "p1/x1", "p1/x2", "pe2/x1"], links=["west", "east"])
    world.order("far", "Acme", ["pe1/c2"])
    world.poll()
    return world


def flap(world: World, reference: str, times: int) -> None:
    """Down and up again, five seconds each, told by traps."""
    for _ in range(times):
        world.network.down(reference)
        world.clock.advance(5)
        world.trap(reference)
        world.network.up(reference)
        world.clock.advance(5)
        world.trap(reference)


def alarms(world: World, **wanted: object) -> list[AlarmRow]:
    return [row for row in world.rows(AlarmRow) if all(getattr(row, name) == value for name, value in wanted.items())]


def events(world: World, alarm: str) -> list[tuple[str, str]]:
    rows = [row for row in world.rows(EventRow, EventRow.sequence) if row.aggregate == f"alarm:{alarm}"]
    return [(row.type, row.payload["alarm"]["state"]) for row in rows]


def changes(world: World, alarm: str) -> list[str]:
    return [row.change for row in world.rows(AlarmChangeRow, AlarmChangeRow.at, AlarmChangeRow.id) if row.alarm_id == alarm]


def keep_up(world: World, after: float = 0.0) -> None:
    world.clock.advance(after)
    world.run(world.service.keep_up())


def own(cause: str, element: str, at: object, *, severity: Severity = Severity.MINOR, raises: bool = True) -> Finding:
    meaning = Meaning(cause, raises=raises, severity=severity, qualifier="10.0.0.1", probable_cause="communicationsProtocolError")
    return Finding(cause, element, "", Transition.at(at), Source.TRAP, {"text": f"{cause} on {element}"}, meaning=meaning)  # type: ignore[arg-type]


def tell(world: World, *findings: Finding) -> list[Alarm]:
    with world.database.write() as session:
        return take(session, findings, world.clock.now())


# -- flapping


@given(st.lists(st.integers(0, 7200), min_size=1, max_size=60))
def test_a_penalty_never_holds_longer_than_an_hour_after_the_last_failure(pauses: Sequence[int]) -> None:
    penalty, at = Penalty(), EPOCH
    for pause in pauses:
        at += timedelta(seconds=pause)
        penalty = penalty.failed(at)
        assert 1000 <= penalty.points <= CEILING
        release = penalty.release_at
        assert release is not None
        assert at < release <= at + LONGEST + timedelta(seconds=1)
        assert abs(penalty.decayed(release) - REUSE) <= 1


def test_two_failures_in_a_row_are_told_and_three_are_flapping() -> None:
    once = Penalty().failed(EPOCH)
    twice = once.failed(EPOCH + timedelta(seconds=10))
    assert [once.suppresses, twice.suppresses, twice.failed(EPOCH + timedelta(seconds=20)).suppresses] == [False, False, True]
    assert not once.failed(EPOCH + timedelta(hours=1)).failed(EPOCH + timedelta(hours=2)).suppresses


def test_a_port_that_flaps_has_one_alarm_with_a_count_one_ticket_and_all_of_its_downtime(world: World) -> None:
    flap(world, "pe1/c2", 10)
    (flapping,) = alarms(world, cause="flapping")
    assert (flapping.count, flapping.cleared_at, flapping.standing) == (10, None, "root")
    assert "released at" in flapping.text
    assert flapping.why["release_at"] in flapping.text
    (link,) = alarms(world, cause="linkDown")
    assert link.count == 10
    assert len(events(world, link.id)) == 4, "of two failures and their ends; the third is told as flapping"
    tickets = world.rows(TicketRow)
    assert len({ticket.id for ticket in tickets}) == len(tickets) == 1
    down = [row for row in world.rows(ServiceStateRow) if row.service_id == "far" and row.state == "down"]
    assert len(down) == 10
    assert sum(((row.end or world.clock.now()) - row.start for row in down), timedelta()) == timedelta(seconds=50)
    assert [row.state for row in world.rows(ProblemRow)].count("open") == 1


def test_it_is_released_at_the_instant_that_it_shows_and_its_problem_ends_then(world: World) -> None:
    flap(world, "pe1/c2", 5)
    (flapping,) = alarms(world, cause="flapping")
    left = (datetime.fromisoformat(flapping.why["release_at"]) - world.clock.now()).total_seconds()
    keep_up(world, left - 5)
    assert alarms(world, cause="flapping")[0].cleared_at is None
    keep_up(world, 10)
    assert alarms(world, cause="flapping")[0].cleared_at is not None
    world.poll()
    assert {row.state for row in world.rows(ProblemRow)} == {"resolved"}
    assert {row.status for row in world.rows(TicketRow)} == {"resolved"}


def test_what_is_still_down_when_flapping_is_over_is_told(world: World) -> None:
    flap(world, "pe1/c2", 4)
    world.network.down("pe1/c2")
    world.clock.advance(1)
    world.trap("pe1/c2")
    (link,) = alarms(world, cause="linkDown")
    assert link.untold == "raised"
    before = len(events(world, link.id))
    keep_up(world, 4000)
    assert events(world, link.id)[before:] == [("alarmCreateEvent", "raised")]
    (link,) = alarms(world, cause="linkDown")
    assert (link.muted, link.untold, link.cleared_at) == ("", "", None)


# -- by hand


def test_the_shelf_holds_news_and_not_the_state_and_ends_by_itself(world: World) -> None:
    world.network.down("pe1/c2")
    world.poll()
    (alarm,) = alarms(world)
    with world.database.write() as session:
        shelve(session, [alarm.id], Word("noc", "the customer knows"), world.clock.now())
    before = len(events(world, alarm.id))
    world.network.up("pe1/c2")
    world.poll()
    world.network.down("pe1/c2")
    world.poll()
    told = events(world, alarm.id)[before:]
    assert told == [("alarmStateChangeEvent", "cleared")], "a clear passes, the next failure does not"
    assert alarms(world)[0].muted.startswith("shelved by noc until")
    keep_up(world, 7200)
    (alarm,) = alarms(world)
    assert (alarm.shelved_until, alarm.muted, alarm.untold) == (None, "", "")
    assert "unshelved" in changes(world, alarm.id)
    assert len(events(world, alarm.id)) == before + 2


def test_everything_that_people_do_is_in_the_history_with_their_names(world: World) -> None:
    world.network.down("pe1/c2")
    world.poll()
    (alarm,) = alarms(world)
    with world.database.write() as session:
        now = world.clock.now()
        for act in (acknowledge, unacknowledge):
            assert [each.id for each in act(session, [alarm.id], NOC, now)] == [alarm.id]
            assert act(session, [alarm.id], NOC, now) == []
        comment(session, [alarm.id], Word("noc", "technician is on the way"), now)
        assign(session, [alarm.id], "ada", NOC, now)
        shelve(session, [alarm.id], NOC, now)
        unshelve(session, [alarm.id], NOC, now)
    assert changes(world, alarm.id)[-6:] == ["acknowledged", "unacknowledged", "commented", "assigned", "shelved", "unshelved"]
    assert alarms(world)[0].assigned_to == "ada"


@pytest.mark.parametrize("duration", [timedelta(), timedelta(days=8), -timedelta(hours=1)])
def test_a_shelf_has_an_end_that_can_be_meant(world: World, duration: timedelta) -> None:
    world.network.down("pe1/c2")
    world.poll()
    with world.database.write() as session, pytest.raises(AlarmRefused, match="at most 7 days"):
        shelve(session, [alarms(world)[0].id], NOC, world.clock.now(), duration)


def test_a_failure_is_not_cleared_by_hand_for_it_is_read(world: World) -> None:
    world.network.down("pe1/c2")
    world.poll()
    (bgp,) = tell(world, own("bgpDown", "pe1", world.clock.now()))
    (link,) = alarms(world, cause="linkDown")
    with world.database.write() as session, pytest.raises(AlarmRefused, match="acknowledge or shelve it"):
        clear(session, [bgp.id, link.id], NOC, world.clock.now())
    assert alarms(world, cause="bgpDown")[0].cleared_at is None, "all or nothing"
    with world.database.write() as session:
        clear(session, [bgp.id], NOC, world.clock.now())
    assert alarms(world, cause="bgpDown")[0].cleared_at is not None


def test_an_acknowledged_alarm_that_worsens_is_unacknowledged_and_one_that_betters_is_not(world: World) -> None:
    (alarm,) = tell(world, own("bgpDown", "pe1", world.clock.now(), severity=Severity.MAJOR))
    with world.database.write() as session:
        acknowledge(session, [alarm.id], NOC, world.clock.now())
    tell(world, own("bgpDown", "pe1", world.clock.now(), severity=Severity.MINOR))
    assert alarms(world)[0].acknowledged_by == "noc"
    tell(world, own("bgpDown", "pe1", world.clock.now(), severity=Severity.CRITICAL))
    (row,) = alarms(world)
    assert (row.acknowledged_by, row.severity, row.count) == (None, "critical", 3)
    assert "since noc acknowledged it" in next(
        each.detail["reason"] for each in world.rows(AlarmChangeRow) if each.change == "unacknowledged"
    )


def test_a_group_has_one_level(world: World) -> None:
    made = tell(world, *(own("bgpDown", name, world.clock.now()) for name in ("pe1", "pe2", "p1")))
    one, two, three = (alarm.id for alarm in made)
    with world.database.write() as session:
        group(session, one, [two], NOC, world.clock.now())
    for parent, member in ((two, three), (one, one)):
        with world.database.write() as session, pytest.raises(AlarmRefused):
            group(session, parent, [member], NOC, world.clock.now())


# -- maintenance


def test_maintenance_holds_news_and_tickets_and_what_is_wrong_at_its_end_is_told(world: World) -> None:
    with world.database.write() as session:
        now = world.clock.now()
        window = NewMaintenance(now + timedelta(minutes=1), now + timedelta(hours=1), "new cards", (Scope("element", "pe1"),))
        announce(session, window, now, by="ops")
    world.clock.advance(120)
    world.network.down("pe1/c2")
    world.poll()
    (alarm,) = alarms(world)
    assert events(world, alarm.id) == []
    assert alarm.muted.startswith("maintenance mnt-")
    assert alarm.why["ticket"].startswith("none while maintenance mnt-")
    assert world.rows(TicketRow) == []
    assert [row.state for row in world.rows(ProblemRow)] == ["open"]
    assert [row.state for row in world.rows(ServiceStateRow) if row.service_id == "far"] == ["up", "down"]
    world.poll(3600)
    keep_up(world)
    world.poll()
    assert events(world, alarm.id)[0][0] == "alarmCreateEvent"
    (ticket,) = world.rows(TicketRow)
    assert ticket.root_object == "port:pe1/c2"


def test_maintenance_that_is_called_off_holds_nothing_any_longer(world: World) -> None:
    with world.database.write() as session:
        now = world.clock.now()
        window = NewMaintenance(now + timedelta(minutes=1), now + timedelta(hours=5), "new cards", (Scope("element", "pe1"),))
        maintenance = announce(session, window, now, by="ops").id
    world.clock.advance(120)
    world.network.down("pe1/c2")
    world.poll()
    with world.database.write() as session:
        cancel(session, maintenance, world.clock.now(), by="ops")
    keep_up(world, 60)
    (alarm,) = alarms(world)
    assert alarm.muted == ""
    assert events(world, alarm.id)[0][0] == "alarmCreateEvent"


def test_work_at_one_end_of_a_link_explains_what_both_ends_tell(world: World) -> None:
    with world.database.write() as session:
        now = world.clock.now()
        window = NewMaintenance(now + timedelta(minutes=1), now + timedelta(hours=1), "new cards", (Scope("element", "p1"),))
        announce(session, window, now, by="ops")
    world.clock.advance(120)
    world.network.down("p1/x2", "pe2/x1")
    world.poll()
    assert [(row.root_object, row.state) for row in world.rows(ProblemRow)] == [("link:east", "open")]
    assert world.rows(TicketRow) == []
    world.poll(3600)
    assert [row.root_object for row in world.rows(TicketRow)] == ["link:east"]


def test_work_on_an_element_explains_what_only_its_neighbour_can_tell(world: World) -> None:
    world.order("web", "Acme", ["sw1/c1"], links=["uplink"])
    with world.database.write() as session:
        now = world.clock.now()
        window = NewMaintenance(now + timedelta(minutes=1), now + timedelta(hours=1), "new software", (Scope("element", "sw1"),))
        announce(session, window, now, by="ops")
    world.clock.advance(120)
    world.network.down("pe2/u1")
    world.network.elements["sw1"].silent = True
    world.poll()
    world.poll()
    assert [(row.root_object, row.state) for row in world.rows(ProblemRow)] == [("link:uplink", "open")]
    assert "none while maintenance" in alarms(world, element="pe2")[0].why["ticket"]
    for _ in range(4):
        world.poll()
    assert "element:sw1" in {row.root_object for row in world.rows(ProblemRow)}
    assert world.rows(TicketRow) == []
    world.poll(3600)
    assert [row.root_object for row in world.rows(TicketRow)] == ["element:sw1"]


def test_what_escalated_stays_so_when_it_is_told_once_more(world: World) -> None:
    (raised,) = tell(world, own("bgpDown", "pe1", world.clock.now()))
    with world.database.write() as session:
        session.query(AlarmRow).filter_by(id=raised.id).update({"severity": "critical", "escalated": 1})
    (again,) = tell(world, own("bgpDown", "pe1", world.clock.now()))
    assert (again.count, again.severity) == (2, "critical")


def test_what_was_repaired_within_its_maintenance_is_never_told(world: World) -> None:
    with world.database.write() as session:
        now = world.clock.now()
        announce(
            session,
            NewMaintenance(now + timedelta(1e-6), now + timedelta(hours=1), "new cards", (Scope("element", "pe1"),)),
            now,
            by="o",
        )
    world.network.down("pe1/c2")
    world.poll()
    world.network.up("pe1/c2")
    world.poll()
    keep_up(world, 4000)
    (alarm,) = alarms(world)
    assert (events(world, alarm.id), world.rows(TicketRow), alarm.untold) == ([], [], "")


# -- time


def test_what_nobody_acknowledges_escalates_once(world: World) -> None:
    world.network.down("pe1/c2")
    world.poll()
    keep_up(world, 800)
    assert alarms(world)[0].escalated == 0
    for _ in range(3):
        keep_up(world, 150)
    (alarm,) = alarms(world)
    assert (alarm.escalated, alarm.assigned_to) == (1, "lead")
    assert changes(world, alarm.id).count("escalated") == 1


def test_old_alarms_go_and_those_that_stand_for_ever_are_flagged(world: World) -> None:
    tell(world, own("bgpDown", "pe1", world.clock.now()))
    tell(world, own("ospfDown", "pe1", world.clock.now()))
    world.clock.advance(1)
    tell(world, own("bgpDown", "pe1", world.clock.now(), raises=False))
    keep_up(world, 31 * 86400)
    assert [row.cause for row in world.rows(AlarmRow) if row.stuck_at is not None] == ["ospfDown"]
    world.clock.advance(400 * 86400)
    world.run(world.service.pruning.prune())
    assert [row.cause for row in world.rows(AlarmRow)] == ["ospfDown"]


def test_what_is_forgotten_goes_in_pieces_each_of_them_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "FORGOTTEN_AT_ONCE", 3)
    causes = [f"cause{number}" for number in range(5)]
    tell(world, *(own(cause, "pe1", world.clock.now()) for cause in causes))
    world.clock.advance(1)
    tell(world, *(own(cause, "pe1", world.clock.now(), raises=False) for cause in causes[1:]))
    world.clock.advance(401 * 86400)
    keeper, pieces = upkeep.Upkeep(AssuranceSettings()), []
    while True:
        with world.database.write() as session:
            pieces.append(keeper.forget(session, world.clock.now()))
        if not pieces[-1]:
            break
    assert max(pieces) == 3
    assert [row.cause for row in world.rows(AlarmRow)] == ["cause0"]
    assert world.rows(AlarmChangeRow) == []


def test_what_is_near_and_soon_after_a_failure_is_grouped_with_it(world: World) -> None:
    world.network.down("p1/x2", "pe2/x1")
    world.clock.advance(1)
    world.trap("p1/x2")
    near, far = tell(
        world, own("bgpDown", "pe2", world.clock.now()), own("ospfDown", "sw1", world.clock.now() + timedelta(seconds=90))
    )
    keep_up(world, 1)
    rows = {row.id: row for row in world.rows(AlarmRow)}
    assert rows[near.id].parent_id is not None
    assert rows[rows[near.id].parent_id].cause == "linkDown"
    assert rows[far.id].parent_id is None


def test_groups_reach_one_hop_and_75_seconds_and_no_further() -> None:
    line = {"a": {"b"}, "b": {"a", "c"}, "c": {"b"}, "d": set()}
    made = [
        Member("1", "a", EPOCH, leads=False),
        Member("2", "b", EPOCH + WITHIN, leads=True),
        Member("3", "c", EPOCH + 2 * WITHIN, leads=False),
        Member("4", "d", EPOCH, leads=False),
        Member("5", "a", EPOCH + 3 * WITHIN + timedelta(seconds=1), leads=False),
    ]
    assert groups(made, line.__getitem__) == {"2": ("1", "3")}
    assert groups(reversed(made), line.__getitem__) == groups(made, line.__getitem__)


def test_all_alarms_of_an_element_that_has_left_the_inventory_are_closed(world: World) -> None:
    tell(world, own("bgpDown", "sw1", world.clock.now()))
    with world.database.write() as session:
        session.query(ElementRow).filter_by(name="sw1").update({"name": "gone"})
    world.network.elements["gone"] = world.network.elements.pop("sw1")
    world.poll()
    assert [row.cleared_at is not None for row in alarms(world, element="sw1")] == [True]
    with world.database.read() as session:
        told = session.scalars(select(AlarmChangeRow.detail).where(AlarmChangeRow.change == "cleared")).one()
    assert told["reason"] == "sw1 has left the inventory"
