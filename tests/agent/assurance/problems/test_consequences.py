"""Who would suffer, and what it would cost: before it happens, and while it goes on."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.assurance.errors import UnknownProblem
from agent.assurance.levels.impact import Footprint, footprints
from agent.assurance.problems.consequences import AT_RISK, CUT_OFF, DOWN, Consequences, Question, consequences
from agent.assurance.tables import ProblemRow, ServiceStateRow
from agent.assurance.topology.correlation import Failures, Network, walk
from agent.assurance.topology.isolation import isolation
from agent.assurance.topology.watchlist import load_watchlist
from inventory.db import Database
from inventory.errors import UnknownObject
from inventory.tables import ElementRow, PortRow
from inventory.topology import Graph
from tests.agent.assurance.world import World, metro
from tests.clock import FakeClock
from tests.crm_bridge.book import Book
from tests.inventory.factory import add_link

NAMES = "abcdef"


@pytest.fixture
def world(database: Database, clock: FakeClock) -> World:
    world = metro(database, clock)
    world.order("line", "Acme", ["pe1/c1", "pe2/c1"], transit=["pe1/x1", "p1/x1", "p1/x2", "pe2/x1"], links=["west", "east"])
    world.order("web", "Bolt", ["sw1/c1"], transit=["sw1/u1", "pe2/u1"], links=["uplink"])
    world.order("far", "Acme", ["pe1/c2"])
    world.order("hop", "Cone", ["sw1/c1"])
    return world


def ask(world: World, name: str, seconds: float = 30) -> Consequences:
    with world.database.read() as session:
        question = Question(name, timedelta(seconds=seconds), world.clock.now())
        return consequences(session, Book(), load_watchlist(session), question)


def states(found: Consequences) -> dict[str, str]:
    return {each.service_id: each.state for each in found.services}


def test_a_link_takes_what_runs_over_it_and_what_it_cuts_off(world: World) -> None:
    found = ask(world, "pe2/u1")
    assert found.object == "link:uplink"
    assert states(found) == {"web": DOWN, "hop": CUT_OFF}
    assert found.cut_off == ("sw1",)
    assert set(found.customers.values()) == {"Bolt", "Cone"}


def test_services_that_are_not_concerned_are_not_looked_at(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: set[str] = set()

    def noting(session: Session, topology: Graph, services: Iterable[str]) -> Mapping[str, Footprint]:
        looked_at.update(services := set(services))
        return footprints(session, topology, services)

    monkeypatch.setattr("agent.assurance.problems.consequences.footprints", noting)
    ask(world, "pe2/u1")
    assert looked_at == {"web", "hop"}


def test_an_element_takes_its_ports_and_those_that_face_it(world: World) -> None:
    found = ask(world, "p1")
    assert states(found)["line"] == DOWN
    assert "far" not in states(found) or states(found)["far"] == CUT_OFF


def test_a_customers_port_takes_its_own_service(world: World) -> None:
    assert states(ask(world, "pe1/c2")) == {"far": DOWN}


def test_with_a_second_way_nothing_is_cut_off_and_what_loses_it_is_named(world: World) -> None:
    world.element("p2", [], ["y1", "y2"])
    with world.database.write() as session:
        for name in ("pe1", "pe2"):
            element = session.scalars(select(ElementRow).where(ElementRow.name == name)).one()
            element.ports.append(PortRow(id=f"prt-{name}-y", name="y", if_index=99, speed_bps=10**9, role="core", attributes={}))
        session.flush()
        add_link(session, "pe1/y", "p2/y1")
        add_link(session, "pe2/y", "p2/y2")
    found = ask(world, "link:west")
    assert found.cut_off == ()
    assert set(found.at_risk) >= {"pe1"}
    assert states(found) == {"line": DOWN, "far": AT_RISK, "web": AT_RISK}


def test_it_says_what_it_would_cost_by_the_contract_and_from_when(world: World) -> None:
    world.clock.advance(10)
    found = ask(world, "pe1/c2", 30)
    (service,) = found.services
    assert service.cost is not None
    assert service.cost.expected == Decimal(90)
    assert (service.cost.credit_before, service.cost.credit_after) == (Decimal(0), Decimal("1.00"))
    assert service.cost.breach_at is not None
    assert world.clock.now() < service.cost.breach_at < world.clock.now() + timedelta(seconds=30)
    assert found.credits == {"EUR": Decimal("1.00")}
    short = ask(world, "pe1/c2", 0.001)
    assert short.credits == {}


def test_of_a_problem_that_goes_on_it_reckons_from_what_is_lost_already(world: World) -> None:
    world.poll()
    world.network.down("pe1/c2")
    world.clock.advance(1)
    world.trap("pe1/c2")
    (problem,) = world.rows(ProblemRow)
    world.clock.advance(20)
    found = ask(world, problem.id, 10)
    assert states(found) == {"far": DOWN}
    (service,) = found.services
    assert service.cost is not None
    assert service.cost.credit_before > 0
    assert service.cost.more >= 0


def test_a_link_that_has_failed_still_says_whom_it_cuts_off(world: World) -> None:
    world.poll()
    before = ask(world, "link:uplink")
    world.network.down("pe2/u1")
    world.clock.advance(1)
    world.trap("pe2/u1")
    world.poll()
    found = ask(world, "link:uplink")
    assert (found.cut_off, states(found)) == (before.cut_off, states(before)) == (("sw1",), {"web": DOWN, "hop": CUT_OFF})


def test_asking_changes_nothing(world: World) -> None:
    before = [row.id for row in world.rows(ServiceStateRow)]
    ask(world, "p1", 86_400)
    assert [row.id for row in world.rows(ServiceStateRow)] == before
    assert world.rows(ProblemRow) == []


@pytest.mark.parametrize(
    ("name", "error"),
    [("pe9", UnknownObject), ("pe1/zz", UnknownObject), ("link:none", UnknownObject), ("prb-none", UnknownProblem)],
)
def test_what_is_not_there_is_named(world: World, name: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=name.partition(":")[2] or name.rpartition("/")[2]):
        ask(world, name)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    pairs = draw(
        st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda pair: pair[0] != pair[1]), max_size=10)
    )
    links = {f"l{number}": (f"{a}/{number}", f"{b}/{number}") for number, (a, b) in enumerate(pairs)}
    return Network(frozenset(NAMES), links, frozenset({draw(st.sampled_from(NAMES))}))


@given(networks(), st.data())
def test_isolation_is_what_walking_and_trying_every_further_cut_says(network: Network, data: st.DataObject) -> None:
    links = sorted(network.links)
    down = frozenset(network.links[data.draw(st.sampled_from(links))]) if links else frozenset()
    found = isolation(network, down)
    before, after = walk(network, Failures()), walk(network, Failures(down=down))
    assert found.cut_off == before - after

    def safe(failing: frozenset[str]) -> set[str]:
        inside = set(walk(network, Failures(down=failing)))
        for ends in network.links.values():
            inside &= walk(network, Failures(down=failing | frozenset(ends)))
        return inside

    assert found.at_risk == (safe(frozenset()) & after) - safe(down)
