"""From what elements show to alarms and series, and what events claim, read back by collectors."""

import asyncio
import json
import threading

import pytest
from sqlalchemy import select, update

from agent.assurance.collectors.abandoning import abandon
from agent.assurance.collectors.collecting import STUCK_S
from agent.assurance.collectors.tables import CollectedRow
from agent.assurance.collectors.turns import LONGEST_PAUSE_S
from agent.assurance.errors import NotCollected
from agent.assurance.tables import AlarmChangeRow, AlarmRow, ObservationRow
from agent.config import CollectorSettings
from crm_bridge.tables import TicketRow
from drivers.events.syslog import parse
from drivers.snmp.traps import Trap
from inventory.changes import note_network_change
from inventory.tables import ElementRow
from tests.agent.assurance.collectors.field import Session, made

BGP, OSPF = "show neighbours", "show adjacencies"
PEER, NEXT = "192.0.2.99", "10.0.1.2"
STATE = "1.3.6.1.2.1.15.3.1.2"
BACKWARD, ESTABLISHED = "1.3.6.1.2.1.15.0.2", "1.3.6.1.2.1.15.0.1"
DOWN = ("pe1", "bgpNeighbourDown", PEER)


@pytest.fixture
def field(database, clock):
    return made(database, clock, "neighbours", "adjacencies", "optics")


def bgp(field, state, element="pe1", port=""):
    field.show(element, BGP, json.dumps({PEER: {"state": state, "port": port}}))
    field.show(element, OSPF, "{}")
    field.show(element, "show optics", "{}")


def ospf(field, **state):
    field.show("pe1", BGP, "{}")
    adjacency = {NEXT: {"router": "10.9.9.9", "interface": "x1", **state}} if state else {}
    field.show("pe1", OSPF, json.dumps(adjacency))


def collected(field):
    with field.world.database.read() as session:
        rows = session.scalars(select(CollectedRow).order_by(CollectedRow.element, CollectedRow.qualifier))
        return [(row.element, row.qualifier, row.standing, row.shown) for row in rows]


def test_a_neighbour_that_is_lost_is_one_alarm_until_it_is_back_and_no_ticket(field):
    bgp(field, "Established")
    field.turn()
    assert (field.alarms(), collected(field)) == ([], [("pe1", PEER, "good", "Established")])
    bgp(field, "Active")
    field.turn()
    field.turn()
    assert field.alarms() == [DOWN]
    with field.world.database.read() as session:
        (alarm,) = session.scalars(select(AlarmRow)).all()
        assert (alarm.text, alarm.count, alarm.severity) == (f"pe1: BGP neighbour {PEER} is Active", 1, "major")
        (told,) = session.scalars(select(ObservationRow).where(ObservationRow.finding == "neighbours"))
        assert (told.source, told.detail["asked"], told.detail["state"]) == ("poll", BGP, "Active")
        assert session.scalars(select(TicketRow)).all() == []
    bgp(field, "OpenSent")
    field.turn()
    assert field.alarms() == [DOWN]
    bgp(field, "Established")
    field.turn()
    assert field.alarms() == []


def test_a_neighbour_that_nobody_wants_any_more_is_no_alarm(field):
    bgp(field, "Idle")
    field.turn()
    assert field.alarms() == [DOWN]
    bgp(field, "Idle Admin")
    field.turn()
    assert field.alarms() == []


def test_a_neighbour_that_is_not_configured_any_more_takes_its_alarm_with_it(field):
    bgp(field, "Idle")
    field.turn()
    field.show("pe1", BGP, "{}")
    field.turn()
    assert (field.alarms(), collected(field)) == ([], [])


def test_a_neighbour_that_leaves_the_list_is_lost_where_the_collector_says_so(field):
    ospf(field, state="Full")
    field.turn()
    ospf(field)
    field.turn()
    assert field.alarms() == []
    field.turn(6)
    assert field.alarms() == [("pe1", "ospfNeighbourDown", f"{NEXT}.0")]
    assert collected(field) == [("pe1", f"{NEXT}.0", "bad", "not listed any more")]
    ospf(field, state="Loading")
    field.turn()
    assert len(field.alarms()) == 1
    ospf(field, state="Full")
    field.turn()
    assert field.alarms() == []


def test_of_an_element_that_has_left_the_inventory_nothing_is_known_any_more(field):
    field.world.element("pe9")
    field.endpoint("pe9")
    for element in ("pe1", "pe9"):
        bgp(field, "Idle", element)
    field.turn()
    assert [element for element, *_ in collected(field)] == ["pe1", "pe9"]
    with field.world.database.write() as session:
        for element in session.scalars(select(ElementRow).where(ElementRow.name == "pe9")):
            session.delete(element)
        note_network_change(session)
    field.turn()
    assert [element for element, *_ in collected(field)] == ["pe1"]
    states = next(each for each in field.collecting.families() if each.name == "fabd_collected_states")
    assert [(sample.labels["standing"], sample.value) for sample in states.samples] == [("bad", 1), ("well", 0)]


def test_what_another_daemon_that_asks_nobody_has_cleared_is_told_again(field):
    bgp(field, "Idle")
    field.turn()
    assert field.alarms() == [DOWN]
    with field.world.database.write() as session:
        abandon(session, field.world.clock.now())
    assert (field.alarms(), collected(field)) == ([], [])
    field.turn()
    assert (field.alarms(), collected(field)) == ([DOWN], [("pe1", PEER, "bad", "Idle")])


def last_word(field):
    """Why the alarm was cleared."""
    with field.world.database.read() as session:
        return session.scalars(select(AlarmChangeRow.detail).where(AlarmChangeRow.change == "cleared")).one()["reason"]


def test_an_alarm_of_a_collector_that_was_taken_out_of_the_catalog_goes_with_it(field):
    bgp(field, "Active")
    field.turn()
    assert field.alarms() == [DOWN]
    field.collectors = [each for each in field.collectors if each.name != "neighbours"]
    field.restarted()
    field.turn()
    assert (field.alarms(), collected(field)) == ([], [])
    assert last_word(field) == "there is no collector neighbours any more"


@pytest.mark.parametrize("attribute", [False, ["optics"]])
def test_an_alarm_goes_when_its_element_is_not_asked_any_more(field, attribute):
    bgp(field, "Active")
    field.turn()
    with field.world.database.write() as session:
        row = session.scalars(select(ElementRow).where(ElementRow.name == "pe1")).one()
        row.attributes = {**row.attributes, "collectors": attribute}
    field.turn()
    assert (field.alarms(), collected(field)) == ([], [])
    assert last_word(field) == "the collector neighbours does not ask pe1 any more"


def test_an_alarm_stays_while_its_element_is_locked(field):
    bgp(field, "Active")
    field.turn()
    with field.world.database.write() as session:
        session.execute(update(ElementRow).where(ElementRow.name == "pe1").values(administrative="locked"))
    field.turn()
    assert field.alarms() == [DOWN]


def test_alarms_go_when_collectors_are_switched_off(field):
    bgp(field, "Active")
    field.turn()
    field.settings = CollectorSettings(enabled=False)
    field.restarted()
    asyncio.run(field.world.service.start())
    assert (field.alarms(), collected(field)) == ([], [])
    assert last_word(field).endswith("collectors are switched off, so that nobody finds out when it is over")


def test_a_mistake_of_fabds_own_is_told_counted_and_over_when_it_is(field, monkeypatch):
    bgp(field, "Established")

    def fail(*_):
        raise RuntimeError("no such luck")

    with monkeypatch.context() as patch:
        patch.setattr(Session, "show", fail)
        field.turn()
        asyncio.run(field.world.service._itself.look())
    runs = {sample.labels["outcome"]: sample.value for sample in next(iter(field.collecting.families())).samples}
    assert runs["mistake"] >= 1
    assert field.elements.closed == len(field.elements.opened)
    assert itself(field) == [("daemon:collectors", "daemonPartFailed", "here")]
    assert "RuntimeError('no such luck')" in field.collecting.last["pe1", "neighbours"].failure
    field.turn(LONGEST_PAUSE_S)
    asyncio.run(field.world.service._itself.look())
    assert itself(field) == []


def test_a_thread_that_does_not_come_back_is_told_of(field):
    async def story():
        gate, real = threading.Event(), field.elements.open

        def hang(target, deadline):
            gate.wait(60)
            return real(target, deadline)

        field.elements.open = hang
        await field.collecting.turn()
        field.world.clock.advance(60)
        await field.collecting.turn()
        assert field.collecting.fault() == ""
        field.world.clock.advance(STUCK_S + field.settings.deadline_s + 1)
        told = field.collecting.fault()
        gate.set()
        await field.collecting.finished()
        return told

    assert asyncio.run(story()).startswith("asking pe1")
    assert field.collecting.fault() == ""


def itself(field):
    with field.world.database.read() as session:
        rows = session.scalars(select(AlarmRow).where(AlarmRow.cause == "daemonPartFailed", AlarmRow.cleared_at.is_(None)))
        return [(row.element, row.cause, row.qualifier) for row in rows]


def test_what_was_lost_while_the_daemon_was_away_is_found(field):
    ospf(field, state="Full")
    field.turn()
    field.restarted()
    ospf(field)
    field.turn()
    field.turn(6)
    assert field.alarms() == [("pe1", "ospfNeighbourDown", f"{NEXT}.0")]


def test_an_alarm_from_before_a_restart_is_not_raised_again_and_ends(field):
    bgp(field, "Idle")
    field.turn()
    field.restarted()
    field.turn()
    with field.world.database.read() as session:
        assert session.scalars(select(AlarmRow.count)).all() == [1]
    bgp(field, "Established")
    field.turn()
    assert field.alarms() == []


def test_an_alarm_that_somebody_cleared_stays_cleared_while_nothing_changes(field):
    bgp(field, "Idle")
    field.turn()
    with field.world.database.write() as session:
        session.execute(update(AlarmRow).values(cleared_at=field.world.clock.now()))
    field.turn()
    assert field.alarms() == []
    bgp(field, "Established")
    field.turn()
    bgp(field, "Idle")
    field.turn()
    assert field.alarms() == [DOWN]


def test_while_the_port_is_down_nothing_more_is_said_of_who_is_behind_it(field):
    """Once it is up again, what is still lost is told."""
    field.world.order("web", "Acme", ["pe1/c1"])
    ospf(field, state="Full")
    field.world.poll()
    field.turn()
    field.world.network.down("pe1/x1", "p1/x1")
    field.world.poll(30)
    ospf(field)
    field.turn()
    field.turn()
    assert field.alarms() == []
    assert collected(field) == [("pe1", f"{NEXT}.0", "bad", "not listed any more")]
    field.world.network.up("pe1/x1", "p1/x1")
    field.world.poll(30)
    field.turn()
    field.turn(6)
    assert field.alarms() == [("pe1", "ospfNeighbourDown", f"{NEXT}.0")]


def test_a_port_that_is_seen_to_go_down_a_moment_later_explains_it_too(field):
    field.world.order("web", "Acme", ["pe1/c1"])
    ospf(field, state="Full")
    field.world.poll()
    field.turn()
    ospf(field)
    field.turn()
    field.world.network.down("pe1/x1", "p1/x1")
    field.world.poll(3)
    field.turn(6)
    field.turn()
    assert field.alarms() == []


def test_values_become_series_of_ports_that_the_inventory_knows(field):
    bgp(field, "Established")
    field.show("pe1", "show optics", json.dumps({"c1": {"rx": -7.5}, "x1": {"rx": "N/A"}, "x9": {"rx": -3}}))
    field.turn(301)
    field.world.run(field.world.service.keeping.write())
    from agent.assurance.history.store import series_of  # noqa: PLC0415  beside its one use

    with field.world.database.read() as session:
        assert [key.subject for key in series_of(session, metric="receive_power_dbm")] == ["port:pe1/c1"]


def test_what_an_element_refuses_because_it_has_nothing_of_it_is_an_answer(field):
    reading = field.collectors[1].read.model_copy(update={"none": "Invalid input"})
    field.collectors = [field.collectors[0], field.collectors[1].model_copy(update={"read": reading})]
    field.restarted()
    bgp(field, "Established")
    del field.elements.shown["pe1", OSPF]
    field.turn()
    assert [last.failure for (element, _), last in field.collecting.last.items() if element == "pe1"] == ["", ""]
    assert (field.alarms(), collected(field)) == ([], [("pe1", PEER, "good", "Established")])


def test_what_an_element_refuses_or_shows_otherwise_says_nothing_and_is_told(field):
    bgp(field, "Established")
    field.turn()
    field.show("pe1", BGP, "{broken")
    del field.elements.shown["pe1", OSPF]
    field.turn()
    assert (field.alarms(), collected(field)) == ([], [("pe1", PEER, "good", "Established")])
    last = field.collecting.last
    assert last["pe1", "neighbours"].failure.startswith("the answer is no JSON")
    assert last["pe1", "adjacencies"].failure == "it refuses: % Invalid input"
    figures = {family.name: list(family.samples) for family in field.collecting.families()}
    runs = {(each.labels["collector"], each.labels["outcome"]): each.value for each in figures["fabd_collector_runs_total"]}
    assert runs["neighbours", "ok"] == 1
    assert runs["neighbours", "refused"] >= 1
    assert runs["adjacencies", "refused"] >= 1


def test_a_connection_that_breaks_leaves_the_rest_unasked_and_the_session_goes_back(field):
    bgp(field, "Established")
    field.show("pe1", BGP, "gone")
    field.turn()
    assert {last.failure for (name, _), last in field.collecting.last.items() if name == "pe1"} == {"the connection broke"}
    assert field.elements.closed == field.elements.opened.count("pe1") + field.elements.opened.count("pe2")


def test_an_element_that_cannot_be_reached_is_left_alone_for_longer_and_longer(field):
    bgp(field, "Established")
    bgp(field, "Established", "pe2")
    field.elements.failing = {"pe1"}
    for _ in range(15):
        field.turn()
    assert field.elements.opened.count("pe2") == 15
    assert field.elements.opened.count("pe1") <= 6


def test_an_element_that_polling_finds_silent_is_not_asked(field):
    bgp(field, "Established")
    field.world.order("web", "Acme", ["pe1/c1"])
    field.world.poll()
    field.world.network.elements["pe1"].silent = True
    for _ in range(4):
        field.world.poll()
    field.elements.opened.clear()
    field.turn()
    assert "pe1" not in field.elements.opened
    assert "pe2" in field.elements.opened


@pytest.mark.parametrize(("attribute", "asked"), [(False, set()), (["neighbours"], {BGP}), (True, {BGP, OSPF})])
def test_the_attribute_of_an_element_says_who_asks_it(field, attribute, asked):
    bgp(field, "Established")
    with field.world.database.write() as session:
        row = session.scalars(select(ElementRow).where(ElementRow.name == "pe1")).one()
        row.attributes = {"collectors": attribute}
    field.turn()
    assert {command for element, command in field.elements.asked if element == "pe1"} - {"show optics"} == asked


def test_locked_elements_are_not_asked_and_elements_of_other_platforms_neither(field):
    with field.world.database.write() as session:
        session.scalars(select(ElementRow).where(ElementRow.name == "pe1")).one().administrative = "locked"
        session.scalars(select(ElementRow).where(ElementRow.name == "pe2")).one().platform = "ios"
    field.turn()
    assert field.elements.opened == []


def test_no_more_elements_than_allowed_are_asked_at_the_same_time(database, clock):
    field = made(database, clock, "neighbours", at_once=1)
    field.endpoint("p1")
    field.turn()
    assert len(field.elements.opened) == 1
    field.turn(1)
    field.turn(1)
    assert sorted(field.elements.opened) == ["p1", "pe1", "pe2"]


def test_switched_off_nobody_is_asked(database, clock):
    field = made(database, clock, "neighbours", enabled=False)
    assert field.world.service.collecting is None


def test_a_run_by_hand_counts_and_says_why_it_cannot_be(field):
    bgp(field, "Active")
    reply = asyncio.run(field.collecting.run("neighbours", "pe1"))
    assert reply.found is not None
    assert field.alarms() == [DOWN]
    with pytest.raises(NotCollected, match="there is no collector 'nothing'; there are neighbours, adjacencies, optics"):
        asyncio.run(field.collecting.run("nothing", "pe1"))
    with pytest.raises(NotCollected, match="neighbours does not ask sw1: that takes an unlocked element of platform frr"):
        asyncio.run(field.collecting.run("neighbours", "sw1"))
    with pytest.raises(NotCollected, match="there is no element 'pe99' in the inventory"):
        asyncio.run(field.collecting.run("neighbours", "pe99"))


def trap(field, oid=BACKWARD, state=1):
    world = field.world
    return Trap(world.clock.now(), world.host("pe1"), "v2c", oid, 0, ((f"{STATE}.{PEER}", state),))


def handle(field, *events):
    field.world.clock.advance(1)
    asyncio.run(field.world.service.hearing.desk.handle(events))


def why(field):
    with field.world.database.read() as session:
        return session.scalars(select(AlarmRow.why)).one()["verification"]


def test_a_trap_about_a_neighbour_is_confirmed_by_the_collector_at_once(field):
    bgp(field, "Active")
    handle(field, trap(field))
    assert field.alarms() == [DOWN]
    assert why(field) == "read back"
    with field.world.database.read() as session:
        (told,) = session.scalars(select(ObservationRow).where(ObservationRow.finding == "bgp4-mib/backward-transition"))
        assert told.detail["collected"] == "neighbours: Active"
    bgp(field, "Established")
    field.turn()
    assert field.alarms() == []


def test_a_trap_about_a_neighbour_that_is_well_is_withdrawn(field):
    bgp(field, "Established")
    handle(field, trap(field))
    assert field.alarms(standing=False) == []


def test_a_trap_that_says_it_is_back_does_not_end_what_the_collector_still_finds(field):
    bgp(field, "Active")
    field.turn()
    handle(field, trap(field, ESTABLISHED, 6))
    assert field.alarms() == [DOWN]


def test_what_an_event_ended_and_the_collector_finds_again_is_told_again(field):
    """A neighbour that came and went between two runs, and told only the first half of it."""
    bgp(field, "Active")
    field.turn()
    bgp(field, "Established")
    handle(field, trap(field, ESTABLISHED, 6))
    assert field.alarms() == []
    bgp(field, "Active")
    field.turn()
    assert field.alarms() == [DOWN]


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ('{"192.0.2.1": {"state": "Established"}}', "neighbours lists no such thing"),
        ('{"192.0.2.99": {"state": "OpenSent"}}', "neighbours finds it OpenSent, neither well nor not"),
        ("gone", "neighbours could not ask: the connection broke"),
    ],
)
def test_what_the_collector_cannot_tell_stands_on_the_elements_word_and_says_why(field, shown, said):
    field.show("pe1", BGP, shown)
    handle(field, trap(field))
    assert field.alarms() == [DOWN]
    assert why(field) == f"on the element's word alone: {said}"


def test_a_line_that_names_a_neighbour_otherwise_is_an_alarm_of_the_same_thing(field):
    ospf(field, state="Init")
    line = "<28>1 - pe1 ospfd - - - AdjChg: Nbr 10.9.9.9(default) on x1:10.0.1.1: Full -> Deleted (InactivityTimer)"
    handle(field, parse(line.encode(), field.world.clock.now(), field.world.host("pe1")))
    assert field.alarms() == [("pe1", "ospfNeighbourDown", f"{NEXT}.0")]
    field.turn()
    assert len(field.alarms()) == 1
    ospf(field, state="Full")
    field.turn()
    assert field.alarms() == []


def test_an_alarm_under_another_name_from_before_the_collector_asked_ends_with_it(field):
    field.show("pe1", OSPF, "gone")
    line = "<28>1 - pe1 ospfd - - - AdjChg: Nbr 10.9.9.9(default) on x1:10.0.1.1: Full -> Deleted (InactivityTimer)"
    handle(field, parse(line.encode(), field.world.clock.now(), field.world.host("pe1")))
    assert field.alarms() == [("pe1", "ospfNeighbourDown", "10.9.9.9 x1")]
    ospf(field, state="Init")
    field.turn(600)
    assert field.alarms() == [("pe1", "ospfNeighbourDown", "10.9.9.9 x1")]
    ospf(field, state="Full")
    field.turn()
    assert field.alarms() == []
