"""From a fault to a credit: a cut link, its alarms, one cause, one ticket per customer, the repair, and what it costs."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from agent.assurance.explain import explain
from agent.assurance.levels.sla import Judge
from agent.assurance.tables import AlarmRow, ObservationRow, PollRow, ProblemRow, ServiceStateRow
from crm_bridge.explain import Explanation
from crm_bridge.tables import CreditRow, EventRow, TicketRow, ViolationRow
from drivers.snmp import oids
from inventory.db import Database
from tests.agent.assurance.world import World, metro
from tests.clock import EPOCH, FakeClock
from tests.crm_bridge.book import Book


@pytest.fixture
def world(database: Database, clock: FakeClock) -> World:
    world = metro(database, clock)
    world.order("line", "Acme", ["pe1/c1", "pe2/c1"], transit=["pe1/x1", "p1/x1", "p1/x2", "pe2/x1"], links=["west", "east"])
    world.order("web", "Bolt", ["sw1/c1"], transit=["sw1/u1", "pe2/u1"], links=["uplink"])
    world.order("far", "Acme", ["pe1/c2"])
    world.poll()
    return world


def states(world: World, service_id: str) -> list[tuple[str, float, float | None]]:
    """State, start and end in seconds since the epoch of the tests."""
    rows = sorted((row for row in world.rows(ServiceStateRow) if row.service_id == service_id), key=lambda row: row.start)
    return [(row.state, _seconds(row.start), None if row.end is None else _seconds(row.end)) for row in rows]


def _seconds(instant: datetime | None) -> float:
    assert instant is not None
    return (instant - EPOCH).total_seconds()


def test_a_quiet_network_raises_nothing(world: World) -> None:
    for _ in range(3):
        world.poll()
    assert world.rows(AlarmRow) == []
    assert world.rows(ObservationRow) == []
    assert states(world, "line") == [("up", 0.0, None)]
    assert world.service.ready


def test_a_cut_becomes_one_problem_and_one_ticket_and_its_repair_is_exact_to_the_instant(world: World) -> None:
    world.clock.advance(10)  # 70 s
    world.network.down("p1/x2")
    world.clock.advance(0.02)
    world.network.down("pe2/x1")
    world.clock.advance(1)
    world.trap("p1/x2")

    alarms = {f"{alarm.element}/{alarm.object}": alarm for alarm in world.rows(AlarmRow)}
    assert set(alarms) == {"p1/x2", "pe2/x1"}
    assert {alarm.standing for alarm in alarms.values()} == {"root"}
    (problem,) = world.rows(ProblemRow)
    assert (problem.root_object, problem.state, problem.evidence["services"]) == ("link:east", "open", ["line"])
    (ticket,) = world.rows(TicketRow)
    assert (ticket.root_object, ticket.problem_id, [each.service_id for each in ticket.services]) == (
        "link:east",
        problem.id,
        ["line"],
    )
    assert states(world, "line") == [("up", 0.0, 70.0), ("down", 70.0, None)]
    assert states(world, "web") == [("up", 0.0, None)]
    assert states(world, "far") == [("up", 0.0, None)]

    world.poll(48.98)  # 120 s: the regular cycle finds nothing new
    assert len(world.rows(TicketRow)) == 1
    assert all(alarm.count == 1 for alarm in world.rows(AlarmRow))

    world.clock.advance(30)
    world.network.up("p1/x2")
    world.clock.advance(0.5)
    world.network.up("pe2/x1")
    world.poll(29.5)
    assert states(world, "line") == [("up", 0.0, 70.0), ("down", 70.0, 150.5), ("up", 150.5, None)]
    (problem,) = world.rows(ProblemRow)
    assert (problem.state, _seconds(problem.resolved_at)) == ("resolved", 150.5)
    (ticket,) = world.rows(TicketRow)
    assert ticket.status == "resolved"
    (service,) = ticket.services
    assert _seconds(service.down_to) - _seconds(service.down_from) == 80.5


def test_both_bounds_of_a_transition_are_kept(world: World) -> None:
    world.clock.advance(10)
    world.network.down("pe1/c2")
    world.poll(50)
    down = next(row for row in world.rows(ServiceStateRow) if row.state == "down")
    assert [_seconds(each) for each in (down.start_earliest, down.start, down.start_latest)] == [60.0, 70.0, 120.0]


def test_the_outage_becomes_a_violation_and_a_credit_once_and_can_be_explained(world: World) -> None:
    world.network.down("p1/x2", "pe2/x1")
    world.clock.advance(1)
    world.trap("pe2/x1")
    world.clock.advance(29)
    world.network.up("p1/x2", "pe2/x1")
    world.poll(10)
    for _ in range(4):
        world.poll()
    for _ in range(2):
        with world.database.write() as session:
            Judge(Book()).run(session, world.clock.now())
    (violation,) = world.rows(ViolationRow)
    assert (violation.service_id, violation.down_s, violation.agreed_s) == ("line", Decimal(30), Decimal(300))
    assert violation.measured == Decimal(90)
    (credit,) = world.rows(CreditRow)
    assert credit.percent == Decimal(10)
    assert credit.amount == Decimal("1.00")
    with world.database.read() as session:
        told = list(flat(explain(session, credit.id)))
    kinds = {each.kind for each in told}
    assert {"credit", "violation", "outage", "alarm", "alarm change", "observation", "poll", "problem", "ticket"} <= kinds
    trap = next(each for each in told if each.title == "linkDown of pe2/x1" and each.facts["source"] == "trap")
    assert trap.facts["from"] == world.host("pe2")


def flat(node: Explanation) -> Iterator[Explanation]:
    yield node
    for child in node.because:
        yield from flat(child)


def test_a_trap_that_the_read_does_not_confirm_changes_nothing(world: World) -> None:
    world.clock.advance(5)
    world.trap("p1/x2")
    assert world.rows(AlarmRow) == []
    (observation,) = world.rows(ObservationRow)
    assert (observation.source, observation.finding, observation.object) == ("trap", "linkDown", "x2")


def test_a_trap_reads_both_ends_of_the_link_and_nothing_else(world: World) -> None:
    world.network.asked.clear()
    world.clock.advance(5)
    world.trap("p1/x2")
    assert sorted(world.network.asked) == [("p1", ("x2",)), ("pe2", ("x1",))]
    world.network.asked.clear()
    world.tick(119)
    assert world.network.asked == []
    world.tick(1)
    assert sorted(world.network.asked) == [("p1", ("x2",)), ("pe2", ("x1",))]


def test_traps_that_lead_nowhere_are_counted_by_reason(world: World) -> None:
    world.trap("p1/x2", source="198.51.100.9")
    world.trap("p1/x2", "1.3.6.1.4.1.9.9.41.2.0.1")
    figures = world.service.figures()
    assert figures.traps_dropped == {"unknown-source": 1, "no-rule": 1}
    assert world.rows(ObservationRow) == []


def test_silence_is_verified_held_and_makes_services_unknown_not_down(world: World) -> None:
    world.network.elements["pe1"].silent = True
    world.poll()  # 120 s: first failure
    assert world.rows(AlarmRow) == []
    world.tick()
    assert world.rows(AlarmRow) == []
    world.tick()  # the third failure in a row, at 122 s
    (alarm,) = world.rows(AlarmRow)
    assert (alarm.cause, alarm.standing) == ("elementUnreachable", "pending")
    assert states(world, "far") == [("up", 0.0, 60.0), ("unknown", 60.0, None)]
    assert states(world, "line") == [("up", 0.0, 60.0), ("unknown", 60.0, None)]
    assert world.rows(TicketRow) == []
    world.tick(8)  # ten seconds after the first sign
    (alarm,) = world.rows(AlarmRow)
    assert alarm.standing == "root"
    (problem,) = world.rows(ProblemRow)
    assert (problem.root_object, problem.evidence["services"]) == ("element:pe1", ["far", "line"])
    assert len(world.rows(TicketRow)) == 1
    world.network.elements["pe1"].silent = False
    world.poll(60)
    assert states(world, "far") == [("up", 0.0, 60.0), ("unknown", 60.0, 190.0), ("up", 190.0, None)]
    assert world.rows(ProblemRow)[0].state == "resolved"
    assert world.rows(TicketRow)[0].status == "resolved"


def test_a_burst_of_lost_answers_is_nobodys_ticket(world: World) -> None:
    world.network.elements["pe1"].silent = True
    world.poll()
    world.tick()
    world.tick()
    world.network.elements["pe1"].silent = False
    for _ in range(20):
        world.tick()
    (alarm,) = world.rows(AlarmRow)
    assert (alarm.cause, _seconds(alarm.cleared_at)) == ("elementUnreachable", 127.0)
    assert world.rows(ProblemRow) == []
    assert world.rows(TicketRow) == []


def test_what_went_down_in_the_dark_counts_from_its_own_instant(world: World) -> None:
    world.network.elements["pe1"].silent = True
    world.poll()
    world.tick()
    world.tick()
    world.clock.advance(18)  # 140 s
    world.network.down("pe1/c2")
    world.network.elements["pe1"].silent = False
    world.poll(40)
    assert states(world, "far") == [("up", 0.0, 60.0), ("unknown", 60.0, 140.0), ("down", 140.0, None)]


def died(world: World, element: str = "pe1") -> None:
    """It is silent from 60.5 s on, and called so at 122 s."""
    world.network.elements[element].silent = True
    world.poll()
    world.tick()
    world.tick()


def test_silence_that_ends_in_a_restart_was_an_outage_until_its_ports_came_up(world: World) -> None:
    died(world)
    world.clock.advance(28)  # 150 s: it has power again
    world.network.reboot("pe1")
    world.clock.advance(20)  # 170 s: its ports come up
    for port in world.network.elements["pe1"].ports.values():
        port.changed = world.network.uptime("pe1")
    world.network.elements["pe1"].silent = False
    world.poll(20)
    told = [("up", 0.0, 60.0), ("unknown", 60.0, 120.0), ("down", 120.0, 170.0), ("unknown", 170.0, 190.0), ("up", 190.0, None)]
    assert states(world, "far") == told
    down = next(row for row in world.rows(ServiceStateRow) if row.state == "down")
    assert [_seconds(each) for each in (down.start_earliest, down.start_latest)] == [60.0, 120.0]
    assert down.reason == "pe1 (its uptime says that it was dead and began anew)"


def test_an_agent_that_began_anew_under_standing_ports_proves_no_outage(world: World) -> None:
    """Somebody restarted it, and traffic went on: nothing says that a port came up since."""
    died(world)
    world.clock.advance(28)
    world.network.reboot("pe1")
    for port in world.network.elements["pe1"].ports.values():
        port.changed = 0
    world.network.elements["pe1"].silent = False
    world.poll(40)
    assert states(world, "far") == [("up", 0.0, 60.0), ("unknown", 60.0, 190.0), ("up", 190.0, None)]


def test_silence_without_a_restart_stays_unknown_also_when_the_uptime_wraps(world: World) -> None:
    world.network.elements["pe1"].booted = world.clock.now() - timedelta(seconds=2**32 / 100 - 90)
    world.poll()  # at 120 s, 30 s before its uptime begins anew
    world.network.elements["pe1"].silent = True
    world.poll()
    world.tick()
    world.tick()
    world.network.elements["pe1"].silent = False
    world.poll(58)
    assert world.network.uptime("pe1") < 10_000
    assert [state for state, *_ in states(world, "far")] == ["up", "unknown", "up"]


def test_of_two_silent_elements_the_one_that_restarted_is_proven_to_have_been_dead(world: World) -> None:
    for name in ("pe1", "p1"):
        world.network.elements[name].silent = True
    world.poll()
    world.tick()
    world.tick()
    world.clock.advance(28)
    world.network.reboot("pe1")
    for port in world.network.elements["pe1"].ports.values():
        port.changed = 1000
    world.network.elements["pe1"].silent = False
    world.poll(40)
    assert [state for state, *_ in states(world, "line")] == ["up", "unknown"]
    world.network.elements["p1"].silent = False
    world.poll(600)
    assert states(world, "line")[1:4] == [("unknown", 60.0, 120.0), ("down", 120.0, 160.0), ("unknown", 160.0, 790.0)]


def test_what_came_up_as_its_element_was_heard_again_leaves_no_sliver_of_unknown(world: World) -> None:
    world.network.down("pe1/c2")
    world.poll()
    world.network.elements["pe1"].silent = True
    world.poll()
    world.tick()
    world.tick()
    assert states(world, "far")[1:] == [("down", 60.0, None)]
    world.network.up("pe1/c2")
    world.network.elements["pe1"].silent = False
    world.clock.advance(0.004)
    world.trap("pe1/c2", oids.LINK_UP)
    assert [state for state, *_ in states(world, "far")] == ["up", "down", "up"]


def test_a_dead_element_is_asked_less_and_less_often(world: World) -> None:
    world.network.elements["sw1"].silent = True
    world.poll()
    world.tick()
    world.tick()

    def asked_in(seconds: int, step: int = 10) -> int:
        world.network.asked.clear()
        for _ in range(seconds // step):
            world.tick(step)
        return sum(1 for name, _ in world.network.asked if name == "sw1")

    assert asked_in(300) == 10
    assert asked_in(3000) in {9, 10, 11}


def test_a_node_that_dies_is_one_problem_whatever_its_neighbours_say_first(world: World) -> None:
    world.network.elements["p1"].silent = True
    world.network.down("pe1/x1", "pe2/x1")
    world.clock.advance(1)
    world.trap("pe1/x1")
    world.trap("pe2/x1")
    assert {alarm.standing for alarm in world.rows(AlarmRow)} == {"pending"}
    assert world.rows(TicketRow) == []
    world.tick()
    world.tick()
    for _ in range(10):
        world.tick()
    verdicts = {f"{alarm.element}/{alarm.object}": alarm.standing for alarm in world.rows(AlarmRow)}
    assert verdicts == {"p1/": "root", "pe1/x1": "symptom", "pe2/x1": "symptom"}
    (problem,) = world.rows(ProblemRow)
    assert problem.root_object == "element:p1"
    (ticket,) = world.rows(TicketRow)
    assert [each.service_id for each in ticket.services] == ["line"]
    assert all("p1" in str(alarm.why) for alarm in world.rows(AlarmRow))


def test_a_problem_that_proves_to_be_a_symptom_keeps_its_ticket_and_nobody_is_told_twice(world: World) -> None:
    world.network.down("pe1/x1", "pe2/x1")
    world.clock.advance(1)
    world.trap("pe1/x1")  # p1 still answers: a cut
    assert [ticket.root_object for ticket in world.rows(TicketRow)] == ["link:west"]
    world.trap("pe2/x1")
    before = len(world.rows(TicketRow))
    world.network.elements["p1"].silent = True
    world.poll(59)
    for _ in range(12):
        world.tick()
    problems = {problem.root_object: problem for problem in world.rows(ProblemRow)}
    assert set(problems) == {"link:west", "link:east", "element:p1"}
    assert problems["link:west"].evidence["superseded_by"] == problems["element:p1"].id
    assert len(world.rows(TicketRow)) == before
    world.network.elements["p1"].silent = False
    world.network.up("pe1/x1", "pe2/x1")
    world.poll()
    assert {problem.state for problem in world.rows(ProblemRow)} == {"resolved"}
    assert {ticket.status for ticket in world.rows(TicketRow)} == {"resolved"}


def test_what_lies_behind_a_cut_is_a_symptom_without_a_ticket_of_its_own(database: Database, clock: FakeClock) -> None:
    world = metro(database, clock)
    world.element("noc", [], ["x1"], poller=True)
    world.link("noc/x1", "pe1/c2", "office")
    world.order("web", "Bolt", ["sw1/c1"], transit=["sw1/u1", "pe2/u1"], links=["uplink"])
    world.order("far", "Acme", ["pe2/c1"])
    world.poll()
    world.network.down("pe1/x1")
    for name in ("p1", "pe2", "sw1"):
        world.network.elements[name].silent = True
    world.clock.advance(1)
    world.trap("pe1/x1")
    assert [problem.root_object for problem in world.rows(ProblemRow)] == ["link:west"]
    world.poll(59)
    for _ in range(12):
        world.tick()
    standings = {alarm.element: alarm.standing for alarm in world.rows(AlarmRow)}
    assert standings == {"pe1": "root", "p1": "symptom", "pe2": "symptom", "sw1": "symptom"}
    (problem,) = world.rows(ProblemRow)
    assert problem.evidence["services"] == ["far", "web"]
    assert len(world.rows(TicketRow)) == 2
    assert [state for state, *_ in states(world, "web")] == ["up", "unknown"]

    # the cut is repaired, but pe2 and what is behind it stay silent: a second look first, then a cause of its own
    world.network.up("pe1/x1")
    world.network.elements["p1"].silent = False
    world.poll()
    assert {alarm.element: alarm.standing for alarm in world.rows(AlarmRow) if alarm.cleared_at is None} == {
        "pe2": "pending",
        "sw1": "pending",
    }
    assert len(world.rows(ProblemRow)) == 1
    world.poll()
    world.poll()
    problems = {problem.root_object: problem.state for problem in world.rows(ProblemRow)}
    assert problems == {"link:west": "resolved", "element:pe2": "open"}


def test_a_restart_forgets_nothing_and_raises_nothing_twice(world: World) -> None:
    world.network.down("pe1/c2")
    world.poll()
    world.restarted()
    world.poll()
    (alarm,) = world.rows(AlarmRow)
    assert (alarm.count, alarm.cleared_at) == (1, None)
    world.clock.advance(7)
    world.network.up("pe1/c2")
    world.restarted()
    world.poll(53)
    (alarm,) = world.rows(AlarmRow)
    assert _seconds(alarm.cleared_at) == 187.0


def test_the_alarm_of_a_deleted_service_is_closed(world: World) -> None:
    world.network.down("pe1/c2")
    world.poll()
    world.delete("far", ["pe1/c2"])
    world.poll()
    world.poll()
    (alarm,) = world.rows(AlarmRow)
    assert alarm.cleared_at is not None
    assert {problem.state for problem in world.rows(ProblemRow)} == {"resolved"}


def test_everything_that_happens_is_told(world: World) -> None:
    world.network.down("pe1/c2")
    world.poll()
    world.network.up("pe1/c2")
    world.poll()
    told = [event.type for event in world.rows(EventRow, EventRow.sequence)]
    for event in ("alarmCreateEvent", "alarmStateChangeEvent", "serviceProblemCreateEvent", "serviceProblemStateChangeEvent"):
        assert event in told


def test_every_round_is_kept_as_evidence_with_its_failures(world: World) -> None:
    world.network.elements["sw1"].silent = True
    world.poll()
    last = world.rows(PollRow, PollRow.started_at)[-1]
    assert (last.elements, last.failures) == (4, {"sw1": "timeout: no answer in 1 s"})


def test_from_a_fault_to_its_ticket_five_seconds_pass_with_a_trap(world: World) -> None:
    world.poll()
    fault = world.clock.now()
    world.network.down("pe1/c2")
    world.clock.advance(1)
    world.trap("pe1/c2")
    (ticket,) = world.rows(TicketRow)
    assert (ticket.created_at - fault).total_seconds() <= 5
    assert ticket.root_object == "port:pe1/c2"


@pytest.mark.parametrize("since_poll", [0.1, 30, 59.9])
def test_from_silence_to_its_ticket_no_more_than_an_interval_and_15_seconds_pass(world: World, since_poll: float) -> None:
    world.poll()
    world.clock.advance(since_poll)
    fault = world.clock.now()
    world.network.elements["pe2"].silent = True
    world.poll(60 - since_poll)
    for _ in range(20):
        world.tick()
    tickets = world.rows(TicketRow)
    assert {ticket.root_object for ticket in tickets} == {"element:pe2"}
    assert max((ticket.created_at - fault).total_seconds() for ticket in tickets) <= 60 + 15


def test_an_element_that_answers_late_does_not_lengthen_an_outage(world: World) -> None:
    world.network.elements["pe1"].silent = True
    world.network.down("p1/x1")  # 60 s
    world.clock.advance(1)
    world.trap("p1/x1")
    for _ in range(3):
        world.tick()
    assert states(world, "line") == [("up", 0.0, 60.0), ("down", 60.0, None)]
    world.network.up("p1/x1")  # 64 s
    world.network.elements["pe1"].silent = False
    world.clock.advance(6)
    world.trap("pe1", oids.COLD_START)  # 70 s: it is heard before anybody has looked at the port
    world.clock.advance(10)
    world.trap("p1/x1", oids.LINK_UP)
    assert states(world, "line") == [("up", 0.0, 60.0), ("down", 60.0, 64.0), ("unknown", 64.0, 70.0), ("up", 70.0, None)]
