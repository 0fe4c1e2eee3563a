"""Bouncing a customer port: on simulated elements of three kinds, refused where it must not be, and killed at every point."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from agent.fulfillment.errors import Missing, StateRefused
from agent.fulfillment.freezes import NewFreeze
from agent.fulfillment.plan import Purpose, Step
from agent.fulfillment.tables import ChangeSetRow, JournalRow, PlanRow
from drivers.port import Commitment
from inventory.tables import ElementRow, PortRow
from inventory.work import Work
from tests.agent.fulfillment.fakes import FAULTS, FakeElement, Killed
from tests.agent.fulfillment.field import field
from tests.agent.fulfillment.test_recovery import restart
from tests.agent.fulfillment.world import World
from tests.agent.installation import eventually

OPEN, SHUT = "port open", "port shut"
POINTS = [f"{when} {point}" for point in ("take", "hold", "stage", "commit", "decide", "undone") for when in ("before", "after")]


@pytest.fixture
def ground(database, tmp_path, host_keys):
    with field(database, tmp_path, host_keys) as made:
        made.activate("internet-access", port="pe1/ge-0/0/1", description="Acme")
        made.activate("internet-access", accessPort="sw1/1")
        made.activate("l2-eline", a="sw1/2", b="pe2/Gi0/1")
        made.service = made.fulfilment()
        made.service.start()
        yield made
        made.service.stop()


def bounce(ground, port):
    with ground.database.write() as session:
        return ground.service.bounce(session, port, ground.clock.now())


def ended(ground, plan_id):
    def look():
        with ground.database.read() as session:
            plan = session.get_one(PlanRow, plan_id)
            return plan if plan.finished_at or plan.state == "inDoubt" else None

    return eventually(look)


def port_changes(ground, element, port):
    """How often it went down, hundredths of a second after boot, and how it is now."""

    def look(network):
        found = network.elements[element].state.ports[port]
        return found.last_change, found.oper_up

    return ground.sim.call(look)


@pytest.mark.parametrize("port", ["pe1/ge-0/0/1", "pe2/Gi0/1", "sw1/1"])
def test_a_port_is_shut_for_a_moment_and_open_again(ground, port):
    element, name = port.split("/", 1)
    before, (changed_before, up) = ground.running(element), port_changes(ground, element, name)
    assert up
    plan = ended(ground, bounce(ground, port))
    assert (plan.state, plan.decision, plan.error, plan.purpose) == ("done", "revert", None, Purpose.BOUNCE)
    changed, up = port_changes(ground, element, name)
    assert up
    assert changed > changed_before
    assert ground.running(element) == before
    (change,) = plan.change_sets
    assert change.state == "reverted"
    assert change.forward
    assert change.reverse
    with ground.database.read() as session:
        steps = list(session.scalars(select(JournalRow.step).where(JournalRow.plan_id == plan.id).order_by(JournalRow.id)))
    assert [step for step in dict.fromkeys(steps) if step in {Step.COMMIT, Step.VERIFY, Step.DECIDE, Step.REVERT}] == [
        Step.COMMIT,
        Step.VERIFY,
        Step.DECIDE,
        Step.REVERT,
    ]


@pytest.mark.parametrize(
    ("port", "code"),
    [("sw1/up1", "notACustomerPort"), ("pe1/ge-0/0/2", "noService")],
)
def test_what_is_no_customer_s_port_is_left_alone(ground, port, code):
    with pytest.raises(StateRefused) as refused:
        bounce(ground, port)
    assert refused.value.refusals[0].code == code


def test_a_port_that_nobody_knows_is_missing(ground):
    with pytest.raises(Missing, match="there is no port 'pe1/nowhere'"):
        bounce(ground, "pe1/nowhere")


def test_a_locked_element_and_a_freeze_keep_it(ground):
    with ground.database.write() as session:
        now = ground.clock.now()
        freeze = ground.service.add_freeze(session, NewFreeze(now, now + timedelta(hours=1), "trade fair"), now, by="noc").id
    with pytest.raises(StateRefused, match="trade fair"):
        bounce(ground, "pe1/ge-0/0/1")
    with ground.database.write() as session:
        ground.service.end_freeze(session, freeze, ground.clock.now(), by="noc")
        session.execute(update(ElementRow).where(ElementRow.name == "pe1").values(administrative="locked"))
    with pytest.raises(StateRefused, match="pe1 is locked"):
        bounce(ground, "pe1/ge-0/0/1")


def test_without_its_index_a_bridge_s_port_is_not_touched(ground):
    with ground.database.write() as session:
        session.execute(update(PortRow).where(PortRow.name == "1").values(if_index=None))
    with pytest.raises(StateRefused, match="ifIndex of 1 is not known"):
        bounce(ground, "sw1/1")


# -- kill -9 -----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=list(Commitment))
def world(database, clock, request) -> World:
    made = World(database, clock, FakeElement("pe", request.param, running={OPEN}, startup={OPEN}))
    with database.write() as session:
        at = clock.now()
        session.add(
            PlanRow(
                id="pln-1",
                order_id="",
                purpose=Purpose.BOUNCE,
                state="waiting",
                step=Step.CONNECT,
                created_at=at,
                deadline=at + timedelta(minutes=15),
                change_sets=[
                    ChangeSetRow(
                        id="chg-1",
                        element="pe",
                        platform="fake",
                        commitment=request.param,
                        before=OPEN,
                        after=SHUT,
                        forward="shut",
                        reverse="open",
                        ports=[],
                        checks=[],
                    )
                ],
            )
        )
        session.flush()
        made.queue.submit(session, Work("plan", "pln-1"), at)
    return made


def is_as_it_was(world):
    element = world.elements["pe"]
    assert element.running == {OPEN}
    assert element.startup == {OPEN}
    assert (element.persist, element.locked_by) == ("", "")
    assert world.holds() == []
    assert world.open_work() == 0


def plan_of(world):
    with world.database.read() as session:
        return session.get_one(PlanRow, "pln-1")


def test_unhindered_it_holds_for_a_moment_and_ends_well(world):
    begun = world.clock.now()
    world.work_off()
    assert world.points == POINTS
    assert plan_of(world).state == "done"
    assert world.clock.now() - begun >= world.settings.bounce
    is_as_it_was(world)


def test_it_stays_shut_for_as_long_as_its_plan_says(world):
    with world.database.write() as session:
        session.get_one(PlanRow, "pln-1").rest_s = 20
    begun = world.clock.now()
    world.work_off()
    assert plan_of(world).state == "done"
    assert timedelta(seconds=20) <= world.clock.now() - begun < timedelta(seconds=25)
    is_as_it_was(world)


@pytest.mark.parametrize("expired", [False, True], ids=["soon", "late"])
@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_the_port_is_open_in_the_end(world, point, expired):
    world.kill_at = point
    world.work()
    restart(world, cut=True, expired=expired)
    world.work_off()
    cut_short = POINTS.index("after stage") <= POINTS.index(point) < POINTS.index("after decide")
    assert plan_of(world).state == ("failed" if cut_short else "done")
    is_as_it_was(world)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("phase", ["connect", "lock", "stage", "commit", "verify", "revert", "standing", "abort"])
def test_killed_in_the_middle_of_a_phase_the_port_is_open_in_the_end(world, phase, when):
    world.elements["pe"].fail(phase, Killed(), when=when)
    world.work()
    restart(world, cut=True, expired=False)
    world.work_off()
    assert plan_of(world).state in {"done", "failed"}
    is_as_it_was(world)


def test_a_port_that_does_not_shut_is_put_back_and_told(world):
    world.elements["pe"].fail("commit", FAULTS["refused"]("pe"), when="after")
    world.work_off()
    plan = plan_of(world)
    assert plan.state == "failed"
    assert plan.error
    is_as_it_was(world)
