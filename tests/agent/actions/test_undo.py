"""Taking back what was done: by somebody's word, by itself when what it was about has healed, and when it is refused."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from agent.actions.deeds.deed import Ended
from agent.actions.errors import ActionRefused, NotMeant, NotPossible, UnknownAction
from agent.actions.tables import ActionRow
from agent.assurance.tables import AlarmChangeRow, ServiceStateRow
from policies.acting.rules import Deed, Guards, Mode, Return
from tests.agent.actions.stage import EASY, NOC, OTHER, FakeDeed, Stage, rule
from tests.agent.actions.test_loop import hold, let_go, maintain

CLEARED = Return(when="cleared", for_s=900)
STRICT = Guards(per_object=1, in_all=1, within_s=86_400, pause_s=3600, elements_at_once=5)


def moving(mode=Mode.AUTOMATIC, back=CLEARED, guards=STRICT, **more):
    return rule(mode=mode, guards=guards, deed=Deed.MOVE, **{"return": back}, **more)


@pytest.fixture
def stage(database, clock) -> Stage:
    return Stage(database, clock, moving())


def moved(stage) -> ActionRow:
    """An action that is done and helped."""
    alarm = stage.alarm("pe1", "ge-0", cause="linkDown")
    stage.turn()
    stage.work()
    stage.end_plan(stage.action().id)
    stage.turn()
    stage.work()
    stage.clear(alarm)
    stage.turn()
    assert stage.states() == ["effective"]
    return stage.action()


def undo(stage, action_id, actor=NOC):
    with stage.database.write() as session:
        return stage.desk.undo(session, action_id, actor, stage.clock.now())


def finish(stage, action_id, state="done", error=None):
    stage.work()
    stage.end_plan(action_id, state, error)
    stage.turn()
    stage.work()
    stage.turn(301)


def back_of(stage, done) -> ActionRow:
    (row,) = [row for row in stage.actions() if row.undoes == done.id]
    return row


def returns(stage, done) -> str:
    with stage.database.read() as session:
        return session.get_one(ActionRow, done.id).returns


# -- by itself ---------------------------------------------------------------------------------------------------------


def test_what_has_healed_for_long_enough_is_taken_back_within_the_same_guards(stage):
    done = moved(stage)
    assert done.returns == "cleared"
    stage.turn(800)
    assert len(stage.actions()) == 1
    stage.turn(200)
    back = back_of(stage, done)
    assert (back.state, back.asked_by, back.rule, back.deed) == ("running", "daemon", "mend", "move-path")
    assert stage.deed.asked_since < stage.clock.now() - timedelta(seconds=899)
    finish(stage, back.id)
    assert stage.deed.taken_back == [(back.id, done.plan_id)]
    assert back_of(stage, done).state == "done"
    assert returns(stage, done) == ""
    assert ("effective", "fabd") in stage.history(done.id)
    stage.turn(5000)
    assert len(stage.actions()) == 2  # once


def test_ways_back_that_take_long_to_plan_leave_the_others_to_later_turns(database, clock, monkeypatch):
    stage = Stage(database, clock, moving(guards=EASY))
    alarms = [stage.alarm(element, "ge-0", cause="linkDown") for element in ("pe1", "pe2", "pe3")]
    stage.turn()
    stage.work()
    for row in stage.actions():
        stage.end_plan(row.id)
    stage.turn()
    stage.work()
    for alarm in alarms:
        stage.clear(alarm)
    stage.turn()
    assert stage.states() == ["effective"] * 3
    back = FakeDeed.back
    monkeypatch.setattr(FakeDeed, "back", lambda *given: stage.clock.advance(1.2) and back(*given))
    begun = []
    stage.turn(1000)
    for _ in range(3):
        begun.append(sum(bool(row.undoes) for row in stage.actions()))
        stage.turn(31)
    assert begun == [1, 2, 3]


def test_while_the_trouble_stands_or_stood_a_moment_ago_nothing_is_taken_back(stage):
    done = moved(stage)
    stage.deed.trouble = "pe1/ge-0 is down"
    stage.turn(2000)
    assert len(stage.actions()) == 1
    stage.deed.trouble = ""
    stage.turn(31)
    assert back_of(stage, done).state == "running"


def test_a_way_back_that_waits_is_over_when_it_fails_again_and_another_one_follows(stage):
    done = moved(stage)
    hold(stage)
    stage.turn(1000)
    first = back_of(stage, done)
    assert (first.state, [each["guard"] for each in first.objections]) == ("held", ["held"])
    stage.deed.trouble = "pe1/ge-0 is down"
    stage.turn()
    let_go(stage)
    first = back_of(stage, done)
    assert (first.state, first.outcome) == ("obsolete", "it is too early to take it back: pe1/ge-0 is down")
    assert returns(stage, done) == "cleared"
    stage.deed.trouble = ""
    stage.turn(1000)
    assert [row.state for row in stage.actions() if row.undoes] == ["obsolete", "running"]


def test_a_way_back_waits_for_maintenance_and_for_no_more_than_a_week(stage):
    done = moved(stage)
    maintain(stage, 60 * 24 * 30)
    stage.turn(1000)
    assert back_of(stage, done).state == "held"
    stage.turn(6 * 86_400)
    assert back_of(stage, done).state == "held"
    stage.turn(86_400)
    assert (back_of(stage, done).state, returns(stage, done)) == ("expired", "by-hand")


def test_one_that_fails_is_left_to_people(stage):
    done = moved(stage)
    stage.turn(1000)
    back = back_of(stage, done)
    finish(stage, back.id, "failed", "line 3 was refused")
    assert (back_of(stage, done).state, returns(stage, done)) == ("failed", "by-hand")
    stage.turn(5000)
    assert len(stage.actions()) == 2
    with pytest.raises(ActionRefused, match="not before"):  # so soon after the attempt
        undo(stage, done.id)
    stage.turn(86_400)
    assert undo(stage, done.id).state == "running"


def test_in_mode_approve_it_is_proposed_and_begins_by_a_word(database, clock):
    stage = Stage(database, clock, moving(Mode.APPROVE))
    stage.alarm("pe1", "ge-0", cause="linkDown")
    stage.turn()
    with database.write() as session:
        stage.desk.approve(session, stage.action().id, NOC, clock.now())
    stage.work()
    stage.end_plan(stage.action().id)
    stage.turn()
    stage.clear("alm-pe1-ge-0-linkDown")
    stage.turn()
    done = stage.action()
    stage.turn(1000)
    back = back_of(stage, done)
    assert (back.state, back.approved_by) == ("proposed", "")
    with database.write() as session:
        stage.desk.approve(session, back.id, OTHER, clock.now())
    assert (back_of(stage, done).state, back_of(stage, done).approved_by) == ("running", "other")


@pytest.mark.parametrize("back", [Return(), Return(when="by-hand")])
def test_by_hand_means_that_nothing_returns_by_itself(database, clock, back):
    stage = Stage(database, clock, moving(back=back))
    done = moved(stage)
    stage.turn(100_000)
    assert (len(stage.actions()), done.returns) == (1, "by-hand")


def test_a_rule_that_has_become_manual_returns_nothing_by_itself(stage):
    done = moved(stage)
    stage.decider.rules["mend"] = moving(Mode.MANUAL)
    stage.turn(2000)
    assert len(stage.actions()) == 1
    assert undo(stage, done.id).state == "running"


def test_what_is_gone_is_taken_back_no_more_and_says_why(stage):
    done = moved(stage)
    stage.deed.gone = NotMeant("link direct is gone")
    stage.turn(1000)
    assert (len(stage.actions()), returns(stage, done)) == (1, "")
    with pytest.raises(ActionRefused, match="link direct is gone"):
        undo(stage, done.id)


# -- by somebody's word ------------------------------------------------------------------------------------------------


def test_a_word_takes_it_back_at_once_for_its_own_pause_and_limits_do_not_count(stage):
    done = moved(stage)
    back = undo(stage, done.id)
    assert (back.state, back.asked_by, back.undoes, back.reverse) == ("running", "noc", done.id, "there again")
    finish(stage, back.id)
    assert returns(stage, done) == ""
    with pytest.raises(ActionRefused, match=f"taken back by action {back.id}"):
        undo(stage, done.id)
    with pytest.raises(ActionRefused, match="is a way back itself"):
        undo(stage, back.id)


def test_it_keeps_to_the_guards_and_leaves_nothing_when_refused(stage):
    done = moved(stage)
    maintain(stage, 10)
    hold(stage)
    with pytest.raises(ActionRefused, match=r"maintenance until .* fibre work; pe1 is held by plan pln-x"):
        undo(stage, done.id)
    assert len(stage.actions()) == 1


def test_after_a_way_back_the_way_there_waits_for_its_pause(stage):
    done = moved(stage)
    finish(stage, undo(stage, done.id).id)
    stage.decider.rules["mend"] = moving(guards=STRICT.model_copy(update={"per_object": 5, "in_all": 5}))
    stage.raise_again("alm-pe1-ge-0-linkDown")
    stage.turn()
    (again,) = [row for row in stage.actions() if not row.undoes and row.id != done.id]
    assert (again.state, {each["guard"] for each in again.objections}) == ("held", {"pause"})
    assert len(again.objections) == 2  # that of the way there, and that of the way back


def test_a_second_word_meets_the_first(stage):
    done = moved(stage)
    back = undo(stage, done.id)
    with pytest.raises(ActionRefused, match=f"being taken back already, by action {back.id}"):
        undo(stage, done.id)


def test_what_cannot_be_taken_back_now_is_refused_with_the_deed_s_reason(stage):
    done = moved(stage)
    stage.deed.gone = NotPossible("link direct is not healed: pe1/ge-0 is down")
    with pytest.raises(ActionRefused, match="is not healed"):
        undo(stage, done.id)


def test_a_second_person_is_wanted_for_the_way_back_too(database, clock):
    guards = STRICT.model_copy(update={"second_person": True})
    stage = Stage(database, clock, moving(guards=guards))
    done = moved(stage)
    stage.decider.rules["mend"] = moving(Mode.APPROVE, guards=guards)
    back = undo(stage, done.id)
    assert back.state == "proposed"
    with database.write() as session, pytest.raises(ActionRefused, match="wants a second person"):
        stage.desk.approve(session, back.id, NOC, clock.now())
    with database.write() as session:
        assert stage.desk.approve(session, back.id, OTHER, clock.now()).state == "running"


@pytest.mark.parametrize(
    ("deed", "words"), [(Deed.BOUNCE, "the port was opened again as part of it"), (Deed.TEST, "a test changes nothing")]
)
def test_deeds_that_leave_nothing_are_not_taken_back(database, clock, deed, words):
    stage = Stage(database, clock, rule(deed=deed))
    done = moved(stage)
    assert done.returns == ""
    with pytest.raises(ActionRefused, match=words):
        undo(stage, done.id)


def test_neither_is_what_has_not_begun_runs_or_has_failed(stage):
    hold(stage)
    stage.alarm("pe1", "ge-0", cause="linkDown")
    stage.turn()
    with pytest.raises(ActionRefused, match="is held and has changed nothing yet"):
        undo(stage, stage.action().id)
    let_go(stage)
    stage.turn(5)
    with pytest.raises(ActionRefused, match="is under way"):
        undo(stage, stage.action().id)
    finish(stage, stage.action().id, "failed", "line 3 was refused")
    with pytest.raises(ActionRefused, match="it failed, and everything is as it was"):
        undo(stage, stage.action().id)
    with pytest.raises(UnknownAction):
        undo(stage, "act-nowhere")


def test_a_redeployment_that_found_nothing_to_do_left_nothing(database, clock):
    stage = Stage(database, clock)
    stage.deed.at_once = Ended(True, "pe1 was as it should be when it was compared again")
    stage.alarm()
    stage.turn()
    stage.work()
    stage.turn(301)
    with pytest.raises(ActionRefused, match="was as it should be"):
        undo(stage, stage.action().id)


# -- measured, and told ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "state", "words"), [("up", "done", "no service is down"), ("down", "ineffective", "down, and was not before: svc-1")]
)
def test_whether_services_bear_it_is_looked_at_for_as_long_as_the_rule_says(stage, after, state, words):
    stage.deed.services = ("svc-1",)
    at = stage.clock.now()
    with stage.database.write() as session:
        session.add(ServiceStateRow(id="sst-1", service_id="svc-1", state="up", start=at, start_earliest=at, start_latest=at))
    done = moved(stage)
    back = undo(stage, done.id)
    stage.work()
    stage.end_plan(back.id)
    stage.turn()
    stage.turn(200)
    assert back_of(stage, done).state == "measuring"
    with stage.database.write() as session:
        session.get_one(ServiceStateRow, "sst-1").state = after
    stage.turn(100)
    back = back_of(stage, done)
    assert (back.state, back.outcome.startswith(words)) == (state, True), back.outcome


def test_it_is_written_on_the_alarm_though_that_is_over(stage):
    done = moved(stage)
    finish(stage, undo(stage, done.id).id)
    with stage.database.read() as session:
        comments = [row.detail["comment"] for row in session.scalars(select(AlarmChangeRow).order_by(AlarmChangeRow.id))]
    assert [words for words in comments if words.startswith(f"Begun: move-path back (action {done.id}) on pe1/ge-0.")]


def test_a_worker_that_dies_on_the_way_back_is_followed_by_another(stage, monkeypatch):
    done = moved(stage)
    back = undo(stage, done.id)
    prepare = type(stage.deed).prepare_back

    def die(_deed, _errand, _done):
        monkeypatch.setattr(type(stage.deed), "prepare_back", prepare)
        raise KeyboardInterrupt

    monkeypatch.setattr(type(stage.deed), "prepare_back", die)
    with pytest.raises(KeyboardInterrupt):
        stage.work()
    stage.clock.advance(61)
    stage.work()
    assert stage.deed.taken_back == [(back.id, done.plan_id)]
    assert back_of(stage, done).plan_id


def test_without_an_alarm_what_is_run_is_measured_by_the_one_that_stands_there(database, clock):
    stage = Stage(database, clock, rule(mode=Mode.MANUAL, guards=EASY))
    alarm = stage.alarm("pe1")
    with database.write() as session:
        assert stage.desk.run(session, "mend", "pe1", None, NOC, clock.now()).alarm_id == alarm
        without = stage.desk.run(session, "mend", "pe2", None, NOC, clock.now()).id
    stage.work()
    stage.end_plan(without)
    stage.turn()
    stage.turn()
    (row,) = [row for row in stage.actions() if row.id == without]
    assert row.state == "done"
    assert row.outcome.startswith("not measured: no alarm was there to be measured by, and it is for no service (plan")
