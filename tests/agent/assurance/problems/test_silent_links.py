"""A link whose ports stay up and that passes nothing: one problem that names it, with all that comes of it beneath."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import pytest
from sqlalchemy import select

from agent.assurance.alarms.causes import LINK_SILENT
from agent.assurance.collectors.tables import CollectedRow
from agent.assurance.problems.neighbours import SUSPECTED
from agent.assurance.tables import AlarmRow, ProblemRow, ServiceStateRow
from agent.measurement.minutes import ServiceMinute
from crm_bridge.maintenance import announce
from crm_bridge.tables import TicketRow
from drivers.events.syslog import parse
from inventory.changes import note_network_change
from inventory.db import Database
from inventory.maintenance import NewMaintenance
from inventory.reach import Scope
from inventory.tables import ElementRow, LinkRow
from tests.agent.assurance.world import World, metro
from tests.clock import FakeClock

HELLO = 90
"""Octets."""
EAST = ("p1/x2", "pe2/x1")
ROUTERS = {"pe1": "10.0.0.1", "p1": "10.0.0.2", "pe2": "10.0.0.3", "sw1": "10.0.0.4"}
LOST, FOUND = "Full -> Deleted (InactivityTimer)", "Loading -> Full (LoadingDone)"


@pytest.fixture
def world(database: Database, clock: FakeClock) -> World:
    """pe1 ═ p1 ═ pe2 ═ sw1; line: pe1/c1 over both core links to pe2/c1."""
    made = metro(database, clock)
    made.order("line", "Acme", ["pe1/c1", "pe2/c1"], links=["west", "east"])
    with database.write() as session:
        for row in session.scalars(select(ElementRow)):
            row.attributes = {**row.attributes, "loopback": f"{ROUTERS[row.name]}/32"}
    made.poll()
    return made


def hear(world: World, element: str, line: str) -> None:
    text = f"<29>1 {world.clock.now().isoformat()} {world.host(element)} frr - - - {line}"
    asyncio.run(world.service.hearing.desk.handle([parse(text.encode(), world.clock.now(), world.host(element))]))


def ospf(world: World, port: str, change: str) -> None:
    element, _, name = port.partition("/")
    [far] = [other for ends in (EAST, ("pe1/x1", "p1/x1"), ("sw1/u1", "pe2/u1")) if port in ends for other in ends if other != port]
    router = ROUTERS[far.partition("/")[0]]
    hear(world, element, f"AdjChg: Nbr {router}(default) on {name}:10.1.0.1: {change}")


def bgp(world: World, element: str, far: str, how: str) -> None:
    hear(world, element, f"%ADJCHANGE: neighbor {ROUTERS[far]}({far}) in vrf default {how}")


def part(world: World, ports: Iterable[str] = EAST) -> None:
    for port in ports:
        ospf(world, port, LOST)


def meet(world: World, ports: Iterable[str] = EAST) -> None:
    for port in ports:
        ospf(world, port, FOUND)


def goes_by(world: World, seconds: int, *, silent: Iterable[tuple[str, str]] = (), open_: Iterable[tuple[str, str]] = ()) -> None:
    """As the daemon lives: looks every five seconds, a poll a minute; routers say hello over these links all the time."""
    for _ in range(0, seconds, 5):
        for a, b in (*silent, *open_):
            world.network.count(a, 0, HELLO)
            world.network.count(b, 0, HELLO)
        for a, b in open_:
            world.network.count(a, HELLO)
            world.network.count(b, HELLO)
        world.tick(5)
        world.run(world.service.look_for_silent_links())
        if int(world.clock.monotonic()) % 60 < 5:
            world.run(world.service.poll_once())


def problems(world: World) -> list[tuple[str, str, str]]:
    return [(row.problem_class, row.root_object, row.state) for row in world.rows(ProblemRow, ProblemRow.opened_at)]


def alarms(world: World, cause: str = "") -> dict[str, str]:
    """Those that stand: object, cause and qualifier → standing."""
    return {
        f"{row.element}{'/' * bool(row.object)}{row.object} {row.cause}{' ' * bool(row.qualifier)}{row.qualifier}": row.standing
        for row in world.rows(AlarmRow)
        if row.cleared_at is None and (not cause or row.cause == cause)
    }


def why(world: World, element: str, cause: str) -> dict[str, object]:
    [row] = [row for row in world.rows(AlarmRow) if (row.element, row.cause) == (element, cause)]
    return row.why


def test_both_ends_that_lost_each_other_name_the_link_and_are_its_symptoms(world: World) -> None:
    lost_at = world.clock.now()
    part(world)
    goes_by(world, 60, silent=[EAST])
    assert problems(world) == [("linkSilent", "link:east", "open")]
    assert alarms(world) == {
        "p1/x2 linkSilent": "root",
        "pe2/x1 linkSilent": "root",
        "p1 ospfNeighbourDown 10.0.0.3 x2": "symptom",
        "pe2 ospfNeighbourDown 10.0.0.2 x1": "symptom",
    }
    [problem] = world.rows(ProblemRow)
    assert problem.opened_at == lost_at
    assert problem.evidence["services"] == ["line"]
    told = why(world, "pe2", "ospfNeighbourDown")
    assert (told["roots"], told["problems"]) == (["link:east"], [problem.id])
    assert problem.id in str(told["ticket"])
    assert "each sends, and nothing arrives at the other" in str(why(world, "p1", LINK_SILENT)["because"])
    [ticket] = world.rows(TicketRow)
    assert (ticket.root_object, ticket.name) == ("link:east", "linkSilent: link:east")


def test_it_ends_with_the_first_neighbour_that_is_found_again_and_every_second_counts(world: World) -> None:
    lost_at = world.clock.now()
    part(world)
    goes_by(world, 120, silent=[EAST])
    back_at = world.clock.now()
    ospf(world, EAST[0], FOUND)
    world.clock.advance(1)
    ospf(world, EAST[1], FOUND)
    goes_by(world, 60, open_=[EAST])
    assert problems(world) == [("linkSilent", "link:east", "resolved")]
    assert alarms(world) == {}
    outages = [(row.start, row.end) for row in world.rows(ServiceStateRow) if row.state == "down"]
    assert outages == [(lost_at, back_at)]
    assert [row.status for row in world.rows(TicketRow)] == ["resolved"]


def test_without_counters_two_ends_are_believed_after_two_polls(world: World) -> None:
    part(world)
    goes_by(world, 100)
    assert problems(world) == []
    goes_by(world, 40)
    assert problems(world) == [("linkSilent", "link:east", "open")]


def test_a_link_over_which_both_ends_receive_is_suspected_and_has_no_problem(world: World) -> None:
    part(world)
    goes_by(world, 60, open_=[EAST])
    assert problems(world) == []
    assert alarms(world, SUSPECTED) == {"p1/x2 linkSuspected": "root"}
    assert [row.severity for row in world.rows(AlarmRow) if row.cause == SUSPECTED] == ["warning"]
    meet(world)
    goes_by(world, 10)
    assert alarms(world) == {}


def test_one_end_alone_names_nothing(world: World) -> None:
    part(world, EAST[:1])
    goes_by(world, 60)
    assert alarms(world) == {"p1 ospfNeighbourDown 10.0.0.3 x2": "root"}
    goes_by(world, 100)
    assert alarms(world, SUSPECTED) == {"p1/x2 linkSuspected": "root"}
    assert problems(world) == []


def test_a_suspicion_ends_with_the_link_in_the_inventory(world: World) -> None:
    part(world, ["sw1/u1"])
    goes_by(world, 160)
    assert alarms(world, SUSPECTED) == {"pe2/u1 linkSuspected": "root"}
    with world.database.write() as session:
        session.delete(session.scalars(select(LinkRow).where(LinkRow.name == "uplink")).one())
        note_network_change(session)
    goes_by(world, 70)
    assert alarms(world, SUSPECTED) == {}


def test_one_end_is_enough_where_its_counters_show_that_nothing_arrives(world: World) -> None:
    part(world, EAST[:1])
    goes_by(world, 60, silent=[EAST])
    assert problems(world) == [("linkSilent", "link:east", "open")]
    assert "p1 lost pe2 (OSPF)" in str(why(world, "pe2", LINK_SILENT)["because"])


def test_a_port_that_goes_down_takes_the_problem_over_and_nobody_is_told_twice(world: World) -> None:
    part(world)
    goes_by(world, 60, silent=[EAST])
    world.network.down(*EAST)
    world.trap(EAST[0])
    goes_by(world, 10)
    assert [(root, state) for _, root, state in problems(world)] == [("link:east", "open")]
    assert alarms(world)["p1/x2 linkDown"] == "root"
    assert alarms(world, LINK_SILENT) == {}
    assert alarms(world, "ospfNeighbourDown") == dict.fromkeys(alarms(world, "ospfNeighbourDown"), "symptom")
    assert len(world.rows(TicketRow)) == 1


def test_a_port_that_is_down_is_the_better_explanation(world: World) -> None:
    world.network.down(*EAST)
    for port in EAST:
        world.trap(port)
    part(world)
    goes_by(world, 180)
    assert problems(world) == [("linkDown", "link:east", "open")]
    assert alarms(world, LINK_SILENT) == alarms(world, SUSPECTED) == {}


def test_an_element_that_is_silent_is_the_better_explanation(world: World) -> None:
    world.network.elements["pe2"].silent = True
    ospf(world, "p1/x2", LOST)
    ospf(world, "sw1/u1", LOST)
    goes_by(world, 240)
    assert [(root, state) for _, root, state in problems(world)] == [("element:pe2", "open")]
    assert alarms(world, LINK_SILENT) == alarms(world, SUSPECTED) == {}


def test_work_that_is_announced_at_one_end_keeps_the_ticket_back(world: World) -> None:
    begin = world.clock.now() - timedelta(minutes=1)
    with world.database.write() as session:
        new = NewMaintenance(begin, begin + timedelta(hours=1), "splice", (Scope("port", EAST[0]),))
        announce(session, new, begin - timedelta(days=7), by="planner")
    part(world)
    goes_by(world, 60, silent=[EAST])
    assert problems(world) == [("linkSilent", "link:east", "open")]
    assert world.rows(TicketRow) == []
    assert "maintenance" in str(why(world, "p1", LINK_SILENT)["ticket"])


def test_sessions_that_have_no_way_around_follow_and_others_do_not(world: World) -> None:
    part(world)
    goes_by(world, 60, silent=[EAST])
    bgp(world, "pe1", "pe2", "Down")
    bgp(world, "pe1", "sw1", "Down")
    bgp(world, "pe1", "p1", "Down")
    goes_by(world, 10, silent=[EAST])
    assert alarms(world, "bgpNeighbourDown") == {
        "pe1 bgpNeighbourDown 10.0.0.3": "symptom",
        "pe1 bgpNeighbourDown 10.0.0.4": "symptom",
        "pe1 bgpNeighbourDown 10.0.0.2": "root",
    }


def test_what_is_lost_for_longer_than_the_link_speaks_for_itself_again(world: World) -> None:
    part(world)
    goes_by(world, 60, silent=[EAST])
    bgp(world, "pe1", "pe2", "Down")
    goes_by(world, 10, silent=[EAST])
    meet(world)
    goes_by(world, 60, open_=[EAST])
    assert alarms(world) == {"pe1 bgpNeighbourDown 10.0.0.3": "symptom"}
    goes_by(world, 120, open_=[EAST])
    assert alarms(world) == {"pe1 bgpNeighbourDown 10.0.0.3": "root"}


def test_an_element_that_lost_all_its_neighbours_at_once_is_suspected_of_its_routing(world: World) -> None:
    part(world, [*EAST, "pe2/u1", "sw1/u1"])
    goes_by(world, 180)
    assert problems(world) == []
    assert set(alarms(world, SUSPECTED)) == {"p1/x2 linkSuspected", "pe2/u1 linkSuspected"}


def test_counters_tell_two_silent_links_from_a_router_that_forgot_its_neighbours(world: World) -> None:
    part(world, [*EAST, "pe2/u1", "sw1/u1"])
    goes_by(world, 60, silent=[EAST, ("sw1/u1", "pe2/u1")])
    assert {root for _, root, _ in problems(world)} == {"link:east", "link:uplink"}


def test_a_protocol_that_stands_over_the_link_speaks_for_it(world: World) -> None:
    with world.database.write() as session:
        session.add(
            CollectedRow(
                element="pe2",
                cause="isisNeighbourDown",
                qualifier="p1",
                collector="isis",
                standing="good",
                shown="Up",
                since=world.clock.now(),
                over="x1",
                names=["p1"],
            )
        )
    part(world)
    goes_by(world, 240)
    assert problems(world) == []
    assert alarms(world, SUSPECTED) == {}


def test_services_that_lose_everything_they_are_measured_for_cast_suspicion_on_what_they_share(world: World) -> None:
    world.order("web", "Bolt", ["sw1/c1"], links=["uplink"])
    world.order("both", "Bolt", ["sw1/c1"], links=["east", "uplink"])
    minute = world.clock.now()
    world.run(world.service.take_measured([ServiceMinute(each, minute, loss_ratio=1.0) for each in ("line", "both")]))
    world.run(world.service.take_measured([ServiceMinute("web", minute, loss_ratio=0.0)]))
    goes_by(world, 130)
    assert alarms(world) == {"p1/x2 linkSuspected": "root"}
    [text] = [row.text for row in world.rows(AlarmRow)]
    assert "both, line" in text
    later = world.clock.now()
    world.run(world.service.take_measured([ServiceMinute(each, later, loss_ratio=0.0) for each in ("line", "both")]))
    goes_by(world, 70)
    assert alarms(world) == {}


def test_a_restart_forgets_nothing_of_it(world: World) -> None:
    part(world)
    goes_by(world, 60, silent=[EAST])
    world.restarted()
    goes_by(world, 60, silent=[EAST])
    assert problems(world) == [("linkSilent", "link:east", "open")]
    meet(world)
    goes_by(world, 30, open_=[EAST])
    assert problems(world) == [("linkSilent", "link:east", "resolved")]
    assert alarms(world) == {}


def test_nobody_waits_for_hours_because_the_clock_was_set_back_meanwhile(world: World) -> None:
    part(world)
    goes_by(world, 5, silent=[EAST])
    world.clock.step_to(world.clock.now() - timedelta(hours=3))
    goes_by(world, 60, silent=[EAST])
    assert problems(world) == [("linkSilent", "link:east", "open")]
