"""Redeploy and adopt, one by one and in the background, on simulated elements; with the alarm that comes and goes."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from agent.assurance.alarms.driftalarm import watch_drift
from agent.assurance.tables import AlarmRow
from agent.fulfillment.drift import DriftState
from agent.fulfillment.driftdesk import DriftVerb
from agent.fulfillment.errors import Missing, StateRefused
from agent.fulfillment.freezes import NewFreeze
from agent.fulfillment.intents import standing
from agent.fulfillment.tables import DriftRow, DriftRunRow, ElementHoldRow, JournalRow, PlanRow
from agent.fulfillment.views import plan_view
from inventory.services import parts_of, set_parts
from inventory.tables import EndpointRow, ServicePartRow, StatementRow
from tests.agent.fulfillment.field import field
from tests.agent.installation import eventually

HACKED = "interface Gi0/4.{vlan}\n description hacked\n ip address 192.0.2.9 255.255.255.252 secondary\n"


@pytest.fixture
def ground(database, tmp_path, host_keys):
    with field(database, tmp_path, host_keys) as made:
        made.routed = made.activate("internet-access", port="pe1/ge-0/0/1", description="Acme")
        made.access = made.activate("internet-access", accessPort="sw1/1")
        made.line = made.activate("l2-eline", a="sw1/2", b="pe2/Gi0/1")
        made.service = made.fulfilment(watch_drift)
        made.desk = made.service.drift
        made.service.start()
        yield made
        made.service.stop()


def vlan_of(ground, service):
    return next(line for line in ground.part(service, "pe2").splitlines() if line.startswith("interface")).split(".")[1]


def hack(ground):
    """The router's part of one service is changed by hand."""
    ground.configure({"pe2": ("", HACKED.format(vlan=vlan_of(ground, ground.access)))})


def redeploy(ground, drifts):
    with ground.database.write() as session:
        plan_id = ground.service.redeploy(session, drifts)
    return ended(ground, plan_id)


def ended(ground, plan_id):
    def look():
        with ground.database.read() as session:
            plan = session.get_one(PlanRow, plan_id)
            return plan if plan.finished_at or plan.state == "inDoubt" else None

    return eventually(look)


def through(ground, verb, elements=None, *, dry_run=False):
    with ground.database.write() as session:
        run_id = ground.service.begin_drift_run(session, verb, elements, dry_run=dry_run, by="noc").id

    def look():
        with ground.database.read() as session:
            row = session.get_one(DriftRunRow, run_id)
            return row if row.state == "done" else None

    return {result["element"]: result for result in eventually(look).results}


def alarms(ground):
    with ground.database.read() as session:
        return [
            (row.element, row.cause, row.cleared_at is None) for row in session.scalars(select(AlarmRow).order_by(AlarmRow.element))
        ]


def test_a_redeployed_element_is_as_before_and_what_others_have_stays(ground):
    before = ground.running("pe2")
    ground.configure({"pe2": ("", "interface Gi0/3\n description others\n")})
    hack(ground)
    drift = ground.desk.check("pe2")
    assert drift.state is DriftState.DRIFTED
    plan = redeploy(ground, [drift])
    assert (plan.state, plan.purpose, plan.order_id) == ("done", "redeploy", "")
    assert ground.desk.check("pe2").state is DriftState.IN_SYNC
    after = ground.running("pe2")
    assert "description others" in after
    assert after.replace(" description others\n", "") == before
    with ground.database.read() as session:
        view = plan_view(session, plan.id)
        assert session.scalars(select(ElementHoldRow)).all() == []
        assert session.scalars(select(JournalRow.id).where(JournalRow.plan_id == plan.id)).all()
    assert "no ip address 192.0.2.9" in view.changes[0].payload


def test_a_redeployment_goes_back_as_a_whole_when_an_element_refuses(ground):
    hack(ground)
    part = ground.part(ground.routed, "pe1")
    ground.configure({"pe1": (part, part.replace("Acme", "somebody"))})
    drifts = ground.desk.check_all(["pe1", "pe2"])
    hacked = ground.running("pe2")
    ground.sim.call(lambda network: network.elements["pe1"].faults.refuse_edit("no"))
    plan = redeploy(ground, drifts)
    assert plan.state == "failed"
    assert ground.running("pe2") == hacked


def test_an_alarm_with_the_difference_comes_and_goes(ground):
    ground.desk.check("pe2")
    assert alarms(ground) == []
    hack(ground)
    drift = ground.desk.check("pe2")
    assert alarms(ground) == [("pe2", "configurationDrift", True)]
    with ground.database.read() as session:
        alarm = session.scalars(select(AlarmRow)).one()
        known = session.get_one(DriftRow, "pe2")
    assert any("description hacked" in each for each in alarm.why["unexpected"])
    assert (known.state, known.unexpected) == ("drifted", list(drift.unexpected))
    redeploy(ground, [drift])
    ground.desk.check("pe2")
    assert alarms(ground) == [("pe2", "configurationDrift", False)]


def test_what_cannot_be_asked_leaves_the_alarm_as_it_is(ground):
    hack(ground)
    ground.desk.check("pe2")
    with ground.database.write() as session:
        session.execute(update(EndpointRow).where(EndpointRow.protocol == "ssh").values(port=9))
    ground.drivers.close()
    assert ground.desk.check("pe2").state is DriftState.UNKNOWN
    assert alarms(ground) == [("pe2", "configurationDrift", True)]


def test_nothing_is_redeployed_that_is_as_it_should_be_and_nothing_in_a_freeze(ground):
    drift = ground.desk.check("pe2")
    with ground.database.write() as session, pytest.raises(StateRefused, match="pe2 is as it should be"):
        ground.service.redeploy(session, [drift])
    hack(ground)
    drift, at = ground.desk.check("pe2"), ground.clock.now()
    with ground.database.write() as session:
        ground.service.add_freeze(session, NewFreeze(at, at + timedelta(days=7), "year's end"), at, by="noc")
    with ground.database.write() as session, pytest.raises(StateRefused, match=r"nothing is changed until .*: year's end"):
        ground.service.redeploy(session, [drift])


def test_a_redeployment_ends_when_services_have_changed_meanwhile(ground):
    hack(ground)
    drift = ground.desk.check("pe2")
    with ground.database.write() as session:
        set_parts(session, ground.line, {"sw1": ground.part(ground.line, "sw1")})
    hacked = ground.running("pe2")
    plan = redeploy(ground, [drift])
    assert plan.state == "failed"
    assert plan.error["failures"][0]["code"] == "intentChanged"
    assert ground.running("pe2") == hacked


def test_one_service_is_redeployed_and_the_drift_of_others_stays(ground):
    hack(ground)
    line = vlan = None
    for text in ground.part(ground.line, "pe2").splitlines():
        if text.startswith("vlan "):
            vlan = text.split()[1]
        if text.strip().startswith("name "):
            line = text.strip()
    ground.configure({"pe2": (f"vlan {vlan}\n {line}\n", f"vlan {vlan}\n name other\n")})
    drifts = ground.desk.check_service(ground.access)
    assert {drift.element: drift.state for drift in drifts} == {"pe2": DriftState.DRIFTED, "sw1": DriftState.IN_SYNC}
    assert redeploy(ground, drifts).state == "done"
    left = ground.desk.check("pe2")
    assert left.services == (ground.line,)
    assert left.missing == (f"vlan {vlan} / {line}",)


def test_what_stands_there_is_adopted_where_a_service_can_say_it(ground):
    vlan = vlan_of(ground, ground.access)
    ground.configure({"pe2": ("", f"interface Gi0/4.{vlan}\n description by hand\n")})
    drift = ground.desk.check("pe2")
    with ground.database.write() as session:
        assert set(ground.desk.adopt(session, drift).parts) == {ground.access}
    assert "description by hand" in ground.part(ground.access, "pe2")
    assert ground.desk.check("pe2").state is DriftState.IN_SYNC
    assert alarms(ground) == [("pe2", "configurationDrift", False)]
    with ground.database.read() as session:
        assert [part.element for part in parts_of(session, ground.access) if part.adopted_at] == ["pe2"]
        marked = session.scalars(select(ServicePartRow).where(ServicePartRow.adopted_at.is_not(None))).all()
        assert [part.service_id for part in marked] == [ground.access]
        assert session.scalars(select(StatementRow).where(StatementRow.service_id == ground.access)).all()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (HACKED, "would have other values on pe2 than it was given"),
        ("no interface", "nothing of service .* is left on pe2"),
    ],
)
def test_what_no_service_can_say_is_not_adopted(ground, change, reason):
    if change == HACKED:
        hack(ground)
    else:
        part = ground.part(ground.access, "pe2")
        ground.configure({"pe2": (part, "")})
    drift = ground.desk.check("pe2")
    with ground.database.write() as session, pytest.raises(StateRefused, match=reason):
        ground.desk.adopt(session, drift)
    assert ground.part(ground.access, "pe2") == standing_part(ground, "pe2", ground.access)


def standing_part(ground, element, service):
    with ground.database.read() as session:
        return standing(session, [element])[element].parts[service]


def test_many_are_compared_in_the_background_and_only_told(ground):
    hack(ground)
    hacked = ground.running("pe2")
    results = through(ground, DriftVerb.REDEPLOY, dry_run=True)
    assert {name: result["state"] for name, result in results.items()} == {"pe1": "inSync", "pe2": "drifted", "sw1": "inSync"}
    assert "no ip address 192.0.2.9" in results["pe2"]["payload"]
    assert ground.running("pe2") == hacked


def test_many_are_redeployed_in_the_background_and_compared_again(ground):
    hack(ground)
    results = through(ground, DriftVerb.REDEPLOY)
    assert {result["state"] for result in results.values()} == {"inSync"}
    assert results["pe2"]["plan_state"] == "done"
    assert ground.desk.check("pe2").state is DriftState.IN_SYNC


def test_a_run_goes_on_where_it_was_when_the_daemon_died(ground):
    hack(ground)
    ground.service.stop()
    with ground.database.write() as session:
        run = ground.desk.begin(session, DriftVerb.CHECK, None, dry_run=False, by="noc")
        run.results, run.state = [{"element": "pe2", "state": "inSync", "reason": "known before"}], "running"
        run_id = run.id
    ground.service = ground.fulfilment(watch_drift)
    ground.service.start()

    def look():
        with ground.database.read() as session:
            row = session.get_one(DriftRunRow, run_id)
            return row if row.state == "done" else None

    results = {result["element"]: result for result in eventually(look).results}
    assert results["pe2"]["reason"] == "known before"
    assert set(results) == {"pe1", "pe2", "sw1"}


def test_one_that_cannot_be_adopted_keeps_none_of_the_others(ground):
    hack(ground)
    part = ground.part(ground.routed, "pe1")
    ground.configure({"pe1": (part, part.replace("Acme", "by hand"))})
    results = through(ground, DriftVerb.ADOPT)
    assert results["pe1"]["state"] == "inSync"
    assert results["pe1"]["adopted"] == [ground.routed]
    assert "would have other values" in results["pe2"]["refused"]
    assert "by hand" in ground.part(ground.routed, "pe1")


def test_the_audit_of_the_night_raises_the_alarms(ground):
    hack(ground)
    for _ in range(2):  # a second daemon on the same database
        ground.service._audit_drift()
    eventually(lambda: alarms(ground) == [("pe2", "configurationDrift", True)])
    with ground.database.read() as session:
        assert [row.by for row in session.scalars(select(DriftRunRow))] == ["daemon"]


def test_elements_that_are_not_there_are_refused(ground):
    with ground.database.write() as session, pytest.raises(Missing, match="no element 'nowhere'"):
        ground.service.begin_drift_run(session, DriftVerb.CHECK, ["pe1", "nowhere"], dry_run=False, by="noc")
    with pytest.raises(Missing):
        ground.desk.check("nowhere")
