"""What becomes of an alarm: by whom, within which guards, and how it ends; on both databases, with a clock that tests set."""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from agent.actions import loop, triggers
from agent.actions.deeds.deed import Ended
from agent.actions.elsewhere import Elsewhere
from agent.actions.errors import ActionRefused, NotMeant, UnknownAction, UnknownRule
from agent.actions.loop import Loop
from agent.assurance.errors import UnknownAlarm
from agent.assurance.tables import AlarmChangeRow, MarkRow, ServiceStateRow
from agent.fulfillment.errors import Refusal, StateRefused
from agent.fulfillment.tables import ElementHoldRow, FreezeRow, PlanRow
from agent.security.tables import AuditRow
from agent.tables import metadata
from crm_bridge.tables import CustomerRow, EventRow, TicketNoteRow
from crm_bridge.tickets import TicketReport, report
from inventory.db import Database
from inventory.maintenance import NewMaintenance, announce
from inventory.reach import Scope
from inventory.servertime import ServerTime
from inventory.work import DatabaseQueue
from policies.acting.guards import Limits
from policies.acting.rules import Guards, Mode, Trigger
from policies.acting.rules import Scope as Where
from policies.values import Severity
from tests.agent.actions.stage import EASY, NOC, OTHER, FakeDeed, Stage, rule
from tests.clock import FakeClock

APPROVE = rule(mode=Mode.APPROVE)


@pytest.fixture
def stage(database, clock) -> Stage:
    return Stage(database, clock)


def staged(database, clock, *rules, **more) -> Stage:
    return Stage(database, clock, *rules, **more)


# -- on its way --------------------------------------------------------------------------------------------------------


def test_an_alarm_becomes_an_action_that_is_measured_by_its_end(stage):
    alarm = stage.alarm()
    stage.turn()
    assert stage.states() == ["running"]
    assert stage.woken == 1
    stage.work()
    action = stage.action()
    stage.turn()
    assert stage.states() == ["running"]
    stage.end_plan(action.id)
    stage.turn()
    assert stage.states() == ["measuring"]
    stage.work()
    assert stage.deed.looked == [action.id]
    stage.clock.advance(7)
    stage.clear(alarm)
    stage.turn()
    action = stage.action()
    assert (action.state, action.outcome) == (
        "effective",
        f"the alarm cleared 7 s after it (plan {action.plan_id} was carried out)",
    )
    assert (action.reverse, action.object, action.elements) == ("the way back", "pe1", ["pe1"])
    assert action.before["alarm"]["stands"] is True
    assert action.after["alarm"]["stands"] is False
    assert stage.history(action.id) == [(state, "daemon") for state in ("asked", "running", "measuring", "effective")]


def test_an_alarm_that_stands_all_the_same_was_not_helped(stage):
    stage.alarm()
    stage.turn()
    stage.work()
    stage.end_plan(stage.action().id)
    stage.turn()
    stage.turn(298)
    assert stage.states() == ["measuring"]
    stage.turn(2)
    action = stage.action()
    assert action.state == "ineffective"
    assert action.outcome.startswith("the alarm stands, 300 s after it")
    stage.turn(3600)
    assert len(stage.actions()) == 1  # one try for one occurrence


def test_an_alarm_that_has_cleared_and_come_back_meanwhile_was_not_helped(stage):
    alarm = stage.alarm()
    stage.turn()
    stage.work()
    stage.end_plan(stage.action().id)
    stage.clear(alarm)
    stage.clock.advance(1)
    stage.raise_again(alarm)
    stage.turn()
    stage.turn(301)
    assert stage.actions()[0].state == "ineffective"


def test_an_alarm_that_cleared_too_late_was_not_helped_however_late_one_looks(stage):
    alarm = stage.alarm()
    stage.turn()
    stage.work()
    stage.end_plan(stage.action().id)
    stage.turn()
    stage.clock.advance(400)
    stage.clear(alarm)
    stage.turn(100)
    assert stage.action().state == "ineffective"
    assert stage.action().outcome.startswith("the alarm cleared 400 s after it (")


def test_a_plan_that_fails_ends_the_action_with_the_element_s_words(stage):
    stage.alarm()
    stage.turn()
    stage.work()
    stage.end_plan(stage.action().id, "failed", "line 3 was refused")
    stage.turn()
    action = stage.action()
    assert (action.state, "line 3 was refused; everything is as it was" in action.outcome) == ("failed", True)


def test_what_is_done_at_once_is_measured_at_once(stage):
    stage.deed.at_once = Ended(True, "test msr-1 passed")
    alarm = stage.alarm()
    stage.turn()
    stage.work()
    assert stage.states() == ["measuring"]
    stage.clear(alarm)
    stage.turn()
    assert "test msr-1 passed" in stage.action().outcome


def test_what_refuses_as_it_begins_fails_and_says_why(stage):
    stage.deed.refused = StateRefused(Refusal("changeFreeze", "", "nothing is changed until noon", "wait"))
    stage.alarm()
    stage.turn()
    stage.work()
    assert (stage.states(), "nothing is changed until noon" in stage.action().outcome) == (["failed"], True)


def test_a_worker_that_dies_before_it_noted_anything_is_followed_by_another(stage, monkeypatch):
    stage.alarm()
    stage.turn()
    prepare = FakeDeed.prepare

    def die(_deed, _errand):
        monkeypatch.setattr(FakeDeed, "prepare", prepare)
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeDeed, "prepare", die)
    with pytest.raises(KeyboardInterrupt):
        stage.work()
    stage.clock.advance(61)
    stage.work()
    assert stage.deed.prepared == [stage.action().id]
    assert stage.action().plan_id


def test_one_that_kills_its_worker_again_and_again_is_given_up(stage, monkeypatch):
    stage.alarm()
    stage.turn()

    def die(_deed, _errand):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(FakeDeed, "prepare", die)
        for _ in range(5):
            with pytest.raises(KeyboardInterrupt):
                stage.work()
            stage.clock.advance(61)
    stage.work()
    assert (stage.states(), "given up" in stage.action().outcome) == (["failed"], True)


@pytest.mark.parametrize(
    ("before", "after", "state", "words"),
    [
        ("down", "up", "effective", "no service is down any more"),
        ("down", "down", "ineffective", "still down: svc-1"),
        ("up", "up", "done", "not measured: no service was down"),
    ],
)
def test_what_is_for_services_is_measured_by_their_states(  # noqa: PLR0917  a row of the table above
    database, clock, before, after, state, words
):
    stage = staged(database, clock, rule(measured_by="services"))
    stage.deed.services = ("svc-1",)
    at = clock.now()
    with database.write() as session:
        session.add(ServiceStateRow(id="sst-1", service_id="svc-1", state=before, start=at, start_earliest=at, start_latest=at))
    stage.alarm()
    stage.turn()
    stage.work()
    stage.end_plan(stage.action().id)
    stage.turn()
    with database.write() as session:
        session.get_one(ServiceStateRow, "sst-1").state = after
    stage.turn(300)
    action = stage.action()
    assert (action.state, action.outcome.startswith(words)) == (state, True)
    assert action.before["services"] == {"svc-1": before}


# -- what calls for it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "columns",
    [
        {"standing": "symptom"},
        {"standing": "pending", "cause": "linkDown", "port": "ge-0/0/1"},
        {"acknowledged_by": "ada", "acknowledged_at": "now"},
        {"assigned_to": "ada"},
        {"muted": "shelved by ada until noon"},
        {"muted": "flapping"},
        {"cause": "elementUnreachable"},
        {"cleared_at": "now"},
    ],
)
def test_symptoms_and_what_somebody_has_taken_up_call_for_nothing(stage, columns):
    stage.alarm(**{name: stage.clock.now() if value == "now" else value for name, value in columns.items()})
    stage.turn()
    assert stage.actions() == []
    reasons = why(stage, f"alm-pe1-{columns.get('port', '')}-{columns.get('cause', 'configurationDrift')}").reasons
    assert len(reasons) == 1


def test_it_waits_until_the_alarm_has_stood_for_long_enough(database, clock):
    stage = staged(database, clock, rule(standing_s=60))
    alarm = stage.alarm()
    stage.turn(59)
    assert stage.actions() == []
    assert why(stage, alarm).reasons == ("the alarm has stood for 59 of 60 s",)
    stage.turn(1)
    assert stage.states() == ["running"]


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.MANUAL])
def test_rules_that_are_off_or_somebody_s_do_nothing_by_themselves(database, clock, mode):
    stage = staged(database, clock, rule(mode=mode))
    alarm = stage.alarm()
    stage.turn()
    assert stage.actions() == []
    assert why(stage, alarm).reasons[0] in {"the rule is off", "it is done only when somebody runs it"}


def test_an_occurrence_has_one_action_and_the_next_one_another(stage):
    alarm = stage.alarm()
    stage.turn()
    stage.turn()
    assert len(stage.actions()) == 1
    stage.clear(alarm)
    stage.work()
    stage.end_plan(stage.action().id)
    stage.turn()
    stage.turn()
    assert stage.states() == ["effective"]
    stage.raise_again(alarm)
    stage.turn()
    assert stage.states() == ["effective", "running"]


def test_alarms_outside_the_scope_keep_no_others_out_however_many_stand(database, clock, monkeypatch):
    monkeypatch.setattr(triggers, "AT_ONCE", 2)
    scope = Trigger(causes=("configurationDrift",), standing_s=0, scope=Where(elements=("pe5",)))
    stage = staged(database, clock, rule().model_copy(update={"trigger": scope}))
    for number in range(1, 6):
        stage.alarm(f"pe{number}")
        stage.clock.advance(1)
    stage.turn()
    assert [action.object for action in stage.actions()] == ["pe5"]


def test_an_alarm_that_the_deed_is_not_for_leaves_no_row_and_is_explained(stage):
    alarm = stage.alarm("pool:vlans", cause="configurationDrift")
    stage.turn()
    stage.turn()
    assert stage.actions() == []
    assert why(stage, alarm).reasons == ("pool:vlans is no element",)


def test_what_could_be_meant_and_cannot_be_done_is_refused_with_the_reason(stage):
    stage.impossible("there is no other way")
    stage.alarm()
    stage.turn()
    stage.turn()
    assert (stage.action().state, stage.action().outcome) == ("refused", "there is no other way")


def test_what_cannot_be_done_for_the_moment_waits_and_what_has_gone_is_obsolete(stage):
    maintain(stage, 10)
    stage.alarm()
    stage.turn()
    stage.impossible("another order changes the service")
    stage.turn(600)
    action = stage.action()
    assert (action.state, action.objections[0]["message"]) == ("held", "another order changes the service")
    stage.deed.impossible = NotMeant("the service has gone")
    stage.turn(5)
    assert (stage.action().state, stage.action().outcome) == ("obsolete", "nothing is left to do: the service has gone")


# -- guards ------------------------------------------------------------------------------------------------------------


def maintain(stage, minutes):
    at = stage.clock.now()
    new = NewMaintenance(at, at + timedelta(minutes=minutes), "fibre work", (Scope("element", "pe1"),))
    with stage.database.write() as session:
        announce(session, new, at, by="noc")


def hold(stage):
    with stage.database.write() as session:
        at = stage.clock.now()
        session.add(
            PlanRow(id="pln-x", order_id="", state="running", step="commit", created_at=at, deadline=at + timedelta(hours=1))
        )
        session.flush()
        session.add(ElementHoldRow(element="pe1", plan_id="pln-x", fence=1, since=at, in_doubt=False, reason=""))


def let_go(stage):
    with stage.database.write() as session:
        session.delete(session.get_one(ElementHoldRow, "pe1"))


def test_in_maintenance_it_waits_and_begins_when_that_is_over(stage):
    maintain(stage, 10)
    stage.alarm()
    stage.turn()
    action = stage.action()
    assert (action.state, [each["guard"] for each in action.objections]) == ("held", ["maintenance"])
    assert "fibre work" in action.objections[0]["message"]
    stage.turn()
    assert [state for state, _ in stage.history(action.id)] == ["asked", "held"]  # once told, not again
    stage.turn(600)
    assert stage.states() == ["running"]


def test_while_a_plan_has_the_element_it_waits(stage):
    hold(stage)
    stage.alarm()
    stage.turn()
    assert stage.action().objections[0]["message"] == "pe1 is held by plan pln-x"
    let_go(stage)
    stage.turn(5)
    assert stage.states() == ["running"]


def test_in_a_change_freeze_it_waits(stage):
    at = stage.clock.now()
    with stage.database.write() as session:
        session.add(
            FreezeRow(id="frz-1", reason="trade fair", start=at, end=at + timedelta(hours=1), created_by="noc", created_at=at)
        )
    stage.alarm()
    stage.turn()
    assert stage.states() == ["held"]
    assert stage.action().objections[0]["guard"] == "freeze"
    stage.turn(3600)
    assert stage.states() == ["running"]


def test_an_alarm_that_clears_while_it_waits_makes_it_obsolete(stage):
    maintain(stage, 10)
    alarm = stage.alarm()
    stage.turn()
    stage.clear(alarm)
    stage.turn()
    assert stage.states() == ["obsolete"]


@pytest.mark.parametrize("columns", [{"assigned_to": "ada"}, {"standing": "symptom"}, {"muted": "shelved by ada until noon"}])
def test_what_waited_does_not_begin_by_itself_when_somebody_has_taken_up_its_alarm_meanwhile(stage, columns):
    hold(stage)
    alarm = stage.alarm()
    stage.turn()
    stage.change_alarm(alarm, **columns)
    let_go(stage)
    stage.turn(5)
    assert (stage.action().state, [each["guard"] for each in stage.action().objections]) == ("held", ["alarm"])
    stage.change_alarm(alarm, assigned_to=None, standing="root", muted="")
    stage.turn(5)
    assert stage.states() == ["running"]


def test_a_word_lets_it_begin_though_somebody_has_taken_up_its_alarm_but_not_when_that_is_over(database, clock):
    stage = staged(database, clock, rule(mode=Mode.APPROVE))
    alarm = stage.alarm()
    stage.turn()
    stage.change_alarm(alarm, acknowledged_by="noc", acknowledged_at=clock.now())
    stage.clear(alarm)
    with stage.database.write() as session, pytest.raises(ActionRefused, match="is over"):
        stage.desk.approve(session, stage.action().id, NOC, clock.now())
    stage.change_alarm(alarm, cleared_at=None)
    with stage.database.write() as session:
        stage.desk.approve(session, stage.action().id, NOC, clock.now())
    assert stage.states() == ["running"]


def test_an_alarm_that_has_cleared_measures_nothing(stage):
    alarm = stage.alarm()
    stage.clear(alarm)
    with stage.database.write() as session, pytest.raises(ActionRefused, match="has cleared"):
        stage.desk.run(session, "mend", "pe1", alarm, NOC, stage.clock.now())


def test_what_nobody_can_take_back_is_refused_for_good(stage):
    stage.deed.reverse = ""
    stage.alarm()
    stage.turn()
    stage.turn()
    action = stage.action()
    assert (action.state, action.began_at) == ("refused", None)
    assert action.outcome == "nobody knows how to take it back on pe1"
    assert stage.deed.prepared == []


def test_a_storm_of_alarms_begins_no_more_than_the_limits_let_pass(database, clock):
    guards = Guards(per_object=1, in_all=3, within_s=3600, pause_s=0, elements_at_once=2)
    stage = staged(database, clock, rule(guards=guards))
    for element in range(1, 6):
        for port in range(4):
            stage.alarm(f"pe{element}", f"ge-{port}", cause="linkDown")
    stage.turn()
    assert len([row for row in stage.actions() if row.state == "running"]) == 3
    assert len({name for row in stage.actions() if row.state == "running" for name in row.elements}) <= 2
    held = [row for row in stage.actions() if row.state == "held"]
    assert len(held) == 17
    assert all(row.objections for row in held)


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.integers(0, 1), st.integers(1, 900), st.booleans()),
        min_size=1,
        max_size=15,
    )
)
def test_whatever_comes_the_database_never_holds_more_than_the_limits(asked):
    """The guards' own property is tested where they are; this is that the loop asks them about what really is."""
    with TemporaryDirectory() as folder, closing(Database(f"sqlite:///{folder}/fabd.db")) as database:
        metadata.create_all(database.engine)
        keeps_to_its_limits(database, asked)


def keeps_to_its_limits(database, asked):
    guards = Guards(per_object=1, in_all=2, within_s=1800, pause_s=300, elements_at_once=1)
    stage = Stage(database, FakeClock(), rule(guards=guards), limits=Limits(2, timedelta(hours=1), 1))
    alarms = set()
    for element, port, waited, ends in asked:
        name = f"alm-pe{element}-ge-{port}-linkDown"
        if name in alarms:
            stage.raise_again(name)
        else:
            alarms.add(stage.alarm(f"pe{element}", f"ge-{port}", cause="linkDown"))
        stage.turn(waited)
        stage.work()
        if ends:
            for row in stage.actions():
                if row.state == "running":
                    stage.end_plan(row.id)
        stage.turn()
        began = [row for row in stage.actions() if row.began_at is not None]
        for row in began:
            recent = [one for one in began if row.began_at - timedelta(hours=1) < one.began_at <= row.began_at]
            assert len(recent) <= 2
        assert len({name for row in began if row.acted_at is None for name in row.elements}) <= 1


def test_a_mistake_with_one_leaves_the_others_alone(stage, monkeypatch):
    stage.alarm("pe1")
    stage.alarm("pe2")
    target = FakeDeed.target

    def stumble(deed, session, subject, at):
        if subject.name == "pe1":
            raise RuntimeError("of the program")
        return target(deed, session, subject, at)

    monkeypatch.setattr(FakeDeed, "target", stumble)
    stage.turn()
    assert [(row.object, row.state) for row in stage.actions()] == [("pe2", "running")]
    monkeypatch.undo()
    stage.turn()
    assert sorted(row.object for row in stage.actions()) == ["pe1", "pe2"]


def test_guards_of_many_waiting_actions_are_asked_by_turns(stage, monkeypatch):
    maintain(stage, 10)
    for port in range(120):
        stage.alarm("pe1", f"ge-{port}", cause="linkDown")
    stage.turn()
    assert stage.states() == ["held"] * 120
    asked = []
    target = FakeDeed.target
    monkeypatch.setattr(FakeDeed, "target", lambda *words: asked.append(1) or target(*words))
    stage.turn()
    assert len(asked) == 50  # of those that nobody has looked at since they were made
    stage.turn(600)
    stage.turn(5)
    stage.turn(5)
    assert stage.states().count("running") == 10


def test_a_turn_whose_plans_take_long_leaves_the_rest_to_the_next(stage, monkeypatch):
    target = FakeDeed.target

    def slow(*words):
        stage.clock.advance(1.2)
        return target(*words)

    maintain(stage, 10)
    monkeypatch.setattr(FakeDeed, "target", slow)
    for port in range(3):
        stage.alarm("pe1", f"ge-{port}", cause="linkDown")
    stage.turn()
    assert stage.states() == ["held"]
    stage.turn()
    stage.turn()
    assert stage.states() == ["held"] * 3
    asked = []
    monkeypatch.setattr(FakeDeed, "target", lambda *words: asked.append(words[2].name) or slow(*words))
    stage.turn(600)
    stage.turn(5)
    stage.turn(5)
    assert sorted(asked) == ["pe1/ge-0", "pe1/ge-1", "pe1/ge-2"]


# -- people ------------------------------------------------------------------------------------------------------------


def ask(stage, verb, *words, actor=NOC):
    with stage.database.write() as session:
        return getattr(stage.desk, verb)(session, *words, actor, stage.clock.now())


def why(stage, alarm):
    with stage.database.read() as session:
        (verdict,) = stage.desk.why(session, alarm, stage.clock.now())
    return verdict


def test_a_proposal_begins_by_an_approval(database, clock):
    stage = staged(database, clock, APPROVE)
    stage.alarm()
    stage.turn()
    stage.turn()
    action = stage.action()
    assert (action.state, action.began_at) == ("proposed", None)
    ask(stage, "approve", action.id)
    assert (stage.action().state, stage.action().approved_by) == ("running", "noc")
    with pytest.raises(ActionRefused, match="only what is proposed"):
        ask(stage, "approve", action.id)


def test_an_approved_one_waits_for_its_guards_and_then_begins_by_itself(database, clock):
    stage = staged(database, clock, APPROVE)
    maintain(stage, 10)
    stage.alarm()
    stage.turn()
    assert stage.states() == ["proposed"]
    ask(stage, "approve", stage.action().id)
    assert stage.states() == ["held"]
    stage.turn(600)
    assert stage.states() == ["running"]


def test_a_proposal_that_nobody_answers_expires_and_one_whose_alarm_ends_is_obsolete(database, clock):
    stage = staged(database, clock, APPROVE, patience=timedelta(minutes=5))
    alarm = stage.alarm("pe1")
    stage.alarm("pe2")
    stage.turn()
    stage.clear(alarm)
    stage.turn(1)
    assert sorted(stage.states()) == ["obsolete", "proposed"]
    stage.turn(300)
    assert sorted(stage.states()) == ["expired", "obsolete"]


@pytest.mark.parametrize(
    ("mode", "state"), [(Mode.APPROVE, "proposed"), (Mode.MANUAL, "obsolete"), (Mode.OFF, "obsolete"), (Mode.AUTOMATIC, "running")]
)
def test_what_was_held_back_follows_the_mode_that_its_rule_has_by_now(database, clock, mode, state):
    stage = staged(database, clock)
    maintain(stage, 10)
    stage.alarm()
    stage.turn()
    assert stage.states() == ["held"]
    stage.decider.rules["mend"] = rule(mode=mode)
    stage.turn(600)
    stage.turn(5)
    assert stage.states() == [state]


@pytest.mark.parametrize("rules", [(rule(mode=Mode.OFF),), (rule("another", mode=Mode.MANUAL),)], ids=["off", "unknown"])
@pytest.mark.parametrize("mode", [Mode.AUTOMATIC, Mode.APPROVE])
def test_what_one_daemon_waits_to_do_another_one_where_the_rule_is_off_leaves_to_it(database, clock, mode, rules):
    """Where several daemons are: on PostgreSQL. On SQLite there is one, and it has changed its mind."""
    stage = staged(database, clock, rule(mode=mode))
    other = Loop(
        database, clock, replace(stage.decider, rules={each.name: each for each in rules}, elsewhere=Elsewhere()), lambda: None
    )
    maintain(stage, 60)
    stage.alarm()
    stage.turn()
    (waits,) = stage.states()
    assert waits in {"held", "proposed"}
    for _ in range(10):
        stage.turn(30)
        clock.advance(30)
        other.turn()
    assert stage.states() == ["obsolete" if database.is_sqlite else waits]
    clock.advance(150)
    other.turn()
    clock.advance(60)
    other.turn()
    assert stage.states() == ["obsolete"], "the one that would have done it is gone"


def test_daemons_whose_clocks_differ_leave_it_to_each_other(database, clock):
    stage = staged(database, clock, rule(mode=Mode.APPROVE))
    own = replace(stage.decider, queue=DatabaseQueue(database, server_time=ServerTime()))
    first = Loop(database, clock, own, lambda: None)
    ahead = FakeClock()
    ahead.step_to(clock.now() + timedelta(minutes=10))
    other = Loop(database, ahead, replace(own, rules={}, elsewhere=Elsewhere()), lambda: None)
    stage.alarm()
    first.turn()
    other.turn()
    assert stage.states() == ["obsolete" if database.is_sqlite else "proposed"]


def test_a_daemon_that_starts_anew_knows_nothing_of_rules_that_nobody_has_on(database, clock):
    stage = staged(database, clock)
    stage.turn()
    clock.advance(7200)
    Elsewhere().say(database, stage.queue, (), clock.now())
    with database.read() as session:
        assert session.scalars(select(MarkRow.name).where(MarkRow.name.startswith("rule on/"))).all() == []


def test_what_an_alarm_calls_for_is_planned_once_as_it_begins(stage, monkeypatch):
    planned, target = [], FakeDeed.target
    monkeypatch.setattr(FakeDeed, "target", lambda *given: planned.append(given[2]) or target(*given))
    stage.alarm()
    stage.turn()
    assert (stage.states(), len(planned)) == (["running"], 1)


def test_a_second_person_may_be_asked_for(database, clock):
    stage = staged(database, clock, rule(mode=Mode.APPROVE, guards=EASY.model_copy(update={"second_person": True})))
    action = ask(stage, "run", "mend", "pe1", None)
    assert action.state == "proposed"
    with pytest.raises(ActionRefused, match="wants a second person"):
        ask(stage, "approve", action.id)
    assert ask(stage, "approve", action.id, actor=OTHER).state == "running"


def test_what_is_run_by_hand_without_an_alarm_is_done_when_it_is_done(database, clock):
    stage = staged(database, clock, rule(mode=Mode.MANUAL))
    assert ask(stage, "run", "mend", "pe1", None).state == "running"
    stage.work()
    stage.end_plan(stage.action().id)
    stage.turn()
    stage.turn()
    assert stage.states() == ["done"]


def test_what_is_run_by_hand_about_an_alarm_is_measured_by_it(database, clock):
    stage = staged(database, clock, rule(mode=Mode.MANUAL))
    alarm = stage.alarm("pe3")
    action = ask(stage, "run", "mend", "", alarm)
    assert (action.object, action.alarm_id, action.state) == ("pe3", alarm, "running")
    assert (why(stage, alarm).action_id, why(stage, alarm).state) == (action.id, "running")


def test_by_hand_it_keeps_to_the_guards_and_leaves_nothing_when_refused(stage):
    maintain(stage, 10)
    hold(stage)
    with pytest.raises(ActionRefused, match=r"maintenance until .* fibre work; pe1 is held by plan pln-x"):
        ask(stage, "run", "mend", "pe1", None)
    assert stage.actions() == []


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("dance", "pe1", None), UnknownRule),
        (("mend", "", "alm-nowhere"), UnknownAlarm),
        (("mend", "", None), ActionRefused),
        (("mend", "svc-1", None), NotMeant),
    ],
)
def test_what_cannot_be_meant_is_refused(stage, words, error):
    with pytest.raises(error):
        ask(stage, "run", *words)


def test_an_action_that_is_not_there_is_unknown(stage):
    for verb in ("approve", "reject"):
        with pytest.raises(UnknownAction):
            ask(stage, verb, "act-nowhere")


# -- what is told ------------------------------------------------------------------------------------------------------


def test_it_is_written_on_the_alarm_the_ticket_the_audit_trail_and_told_as_events(stage):
    at = stage.clock.now()
    alarm = stage.alarm(problem_id="prb-1")
    with stage.database.write() as session:
        session.add(CustomerRow(id="cus-1", account_number="1001", name="Acme", created_at=at))
        session.flush()
        problem = TicketReport("cus-1", "prb-1", "element:pe1", "drift", (), Severity.MAJOR, "drift", "pe1 has drifted", None)
        report(session, problem, at)
    stage.turn()
    stage.work()
    action = stage.action()
    stage.end_plan(action.id)
    stage.turn()
    stage.clear(alarm)
    stage.turn()
    with stage.database.read() as session:
        notes = list(session.scalars(select(TicketNoteRow.text).order_by(TicketNoteRow.id)))
        comments = [row.detail["comment"] for row in session.scalars(select(AlarmChangeRow).order_by(AlarmChangeRow.id))]
        audited = set(session.scalars(select(AuditRow.action).where(AuditRow.object == f"action {action.id}")))
        events = list(session.scalars(select(EventRow).where(EventRow.aggregate == f"action:{action.id}")))
    assert [note.split(":")[0] for note in notes] == ["Begun", "It helped"]
    assert notes[1].endswith(f"(action {action.id}, rule mend)")
    assert sorted(comments) == sorted(notes)
    assert audited == {"ask", "running", "measuring", "effective"}
    assert [event.type for event in events] == ["actionCreateEvent", *["actionStateChangeEvent"] * 3]


def test_what_ended_long_ago_is_forgotten_with_its_history(stage):
    alarm = stage.alarm()
    stage.deed.reverse = ""
    stage.turn()
    assert stage.loop.forget(stage.clock.now(), 10) == 0
    stage.clock.advance(10)
    assert stage.loop.forget(stage.clock.now(), 10) == 1
    assert stage.actions() == []
    assert stage.history(alarm) == []


def test_what_stands_is_kept_beyond_its_days_and_of_very_many_the_latest(stage, monkeypatch):
    for element in ("pe1", "pe2"):
        stage.alarm(element)
        stage.turn()
    stage.work()
    rows = stage.actions()
    for row in rows:
        stage.end_plan(row.id)
    stage.turn()
    stage.turn(400)
    assert [(row.state, bool(row.returns)) for row in stage.actions()] == [("ineffective", True)] * 2
    stage.clock.advance(400 * 86_400)
    assert stage.loop.forget(stage.clock.now(), 10) == 0
    monkeypatch.setattr(loop, "MOST_STANDING", 1)
    assert stage.loop.forget(stage.clock.now(), 10) == 1
    assert [row.id for row in stage.actions()] == [rows[1].id]
