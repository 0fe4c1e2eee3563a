"""What keeps a plan from beginning: an approval, a reference, a freeze, its day. And what lets it go on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.fulfillment import approving, freezes, waiting
from agent.fulfillment.amendment import Amendment, Amendments
from agent.fulfillment.approval import ApprovalRule, Scope, reason
from agent.fulfillment.errors import FreezeMalformed, Missing, StateRefused
from agent.fulfillment.freezes import NewFreeze, WeeklyFreeze
from agent.fulfillment.intents import standing
from agent.fulfillment.journal import no_checkpoint
from agent.fulfillment.outcome import PLAN_WORK
from agent.fulfillment.requests import ORDINARY, URGENT
from agent.fulfillment.runner import PlanRunner
from agent.fulfillment.tables import ChangeSetRow, PlanRow
from agent.fulfillment.views import plan_view
from drivers.platform import load_platform
from inventory.services import service_view
from inventory.work import Work
from policies.calendar import ServiceHours
from tests.agent.fulfillment.fakes import FAULTS
from tests.agent.fulfillment.house import House
from tests.agent.fulfillment.network import delete, eline, internet
from tests.agent.fulfillment.world import LEASE

HOUR = timedelta(hours=1)
EVERY_PLAN = (ApprovalRule(),)


@pytest.fixture
def house(database, clock) -> House:
    return House(database, clock)


@pytest.fixture
def strict(database, clock) -> House:
    return House(database, clock, approval=EVERY_PLAN)


def code_of(error) -> str:
    return error.value.refusals[0].code


# -- approval ----------------------------------------------------------------------------------------------------------

SCOPE = Scope(frozenset({"l2-eline"}), elements=3, services=2)
RULES = {
    "any": (ApprovalRule(), "every plan needs one"),
    "specification": (ApprovalRule(["l2-eline", "l3vpn"]), "l2-eline needs one"),
    "other specification": (ApprovalRule(["l3vpn"]), ""),
    "elements": (ApprovalRule(elements_over=2), "it changes 3 elements, more than 2"),
    "as many elements": (ApprovalRule(elements_over=3), ""),
    "services": (ApprovalRule(services_over=1), "it changes 2 services, more than 1"),
    "both": (ApprovalRule(["l2-eline"], elements_over=2), "l2-eline needs one, it changes 3 elements, more than 2"),
    "one of both": (ApprovalRule(["l2-eline"], elements_over=3), ""),
}


@pytest.mark.parametrize("case", RULES)
def test_a_rule_asks_where_everything_it_says_is_so(case):
    rule, why = RULES[case]
    assert reason([rule], SCOPE) == why


def test_a_rule_may_leave_out_what_is_urgent_and_what_changes_nothing_needs_none():
    assert reason([ApprovalRule(except_urgent=True)], replace(SCOPE, urgent=True)) == ""
    assert reason([ApprovalRule()], replace(SCOPE, services=0)) == ""
    assert reason([ApprovalRule(["l3vpn"]), ApprovalRule()], SCOPE) == "every plan needs one"


def decide(house, verb, plan_id, **options):
    with house.database.write() as session:
        return verb(session, house.queue, plan_id, house.clock.now(), by="noc", **options)


def test_a_plan_waits_for_its_approval_and_says_so(strict):
    order = strict.place(internet())
    strict.work_due()
    (plan,) = strict.plans(order.id)
    assert (plan.state, plan.approval, plan.waits) == ("waiting", "required", "approval")
    row = strict.order_row(order.id)
    assert (row.state, row.items[0].state) == ("pending", "pending")
    assert f"`fabd plan approve {plan.id}`" in row.items[0].errors[0]["message"]
    assert strict.told(order.id, "waiting")[0] == "it has to be approved: every plan needs one"
    assert strict.elements["pe1"].calls == []


def test_approved_it_begins_and_the_note_is_in_its_timeline(strict):
    order = strict.place(internet())
    strict.work_due()
    strict.clock.advance(3600)
    (plan,) = strict.plans(order.id)
    decide(strict, approving.approve, plan.id, note="agreed")
    decide(strict, approving.approve, plan.id)
    strict.work_due()
    row = strict.order_row(order.id)
    assert (row.state, row.items[0].errors) == ("completed", [])
    assert strict.told(order.id, "approved") == ["approved by noc; agreed"]
    assert "planApproved" in [each["name"] for each in row.milestones]


def test_approved_before_a_worker_looked_it_does_not_wait_at_all(strict):
    order = strict.place(internet())
    decide(strict, approving.approve, strict.plans(order.id)[0].id)
    strict.work_due()
    assert strict.order_row(order.id).state == "completed"
    assert "pending" not in strict.order_states_told(order.id)


def test_rejected_before_its_day_it_ends_at_once(strict):
    order = strict.place(internet(), requested_start=strict.clock.now() + HOUR)
    decide(strict, approving.reject, order.items[0].plan_id)
    strict.work_due()
    assert strict.order_row(order.id).state == "failed"
    strict.assert_empty()


@pytest.mark.parametrize("looked", [False, True])
def test_rejected_its_item_fails_with_the_words_and_everything_is_given_back(strict, looked):
    order = strict.place(internet(), eline("2", related=(("dependsOn", "1"),)))
    if looked:
        strict.work_due()
    decide(strict, approving.reject, order.items[0].plan_id, note="not this week")
    strict.work_due()
    row = strict.order_row(order.id)
    assert (row.state, [item.state for item in row.items]) == ("failed", ["failed", "failed"])
    assert row.items[0].errors[0]["message"] == "rejected by noc: not this week"
    assert row.items[1].errors[0]["code"] == "dependencyFailed"
    strict.work_off()
    strict.assert_empty()


def test_what_nobody_approves_in_time_fails(strict):
    order = strict.place(internet())
    strict.work_due()
    strict.clock.advance(strict.settings.approval_wait.total_seconds())
    strict.work_due()
    (error,) = strict.order_row(order.id).items[0].errors
    assert (error["code"], strict.order_row(order.id).state) == ("approvalExpired", "failed")
    strict.assert_empty()


def test_a_word_that_comes_too_late_or_for_the_wrong_plan_is_refused(strict):
    rejected = strict.plans(strict.place(internet()).id)[0].id
    decide(strict, approving.reject, rejected)
    with pytest.raises(StateRefused) as error:
        decide(strict, approving.approve, rejected)
    assert code_of(error) == "decidedAlready"
    with pytest.raises(Missing):
        decide(strict, approving.approve, "pln-none")
    cancelled = strict.place(eline())
    strict.cancel(cancelled.id)
    with pytest.raises(StateRefused) as error:
        decide(strict, approving.approve, strict.plans(cancelled.id)[0].id)
    assert code_of(error) == "planEnded"


def test_what_needs_no_approval_takes_none(house):
    order = house.place(internet())
    with pytest.raises(StateRefused) as error:
        decide(house, approving.approve, house.plans(order.id)[0].id)
    assert code_of(error) == "needsNoApproval"


def test_what_waits_for_an_approval_can_be_cancelled(strict):
    order = strict.place(internet())
    strict.work_due()
    assert strict.cancel(order.id).state == "done"
    strict.work_off()
    strict.assert_empty()


# -- references --------------------------------------------------------------------------------------------------------


def waits(item, reference="fibre-17", until=None):
    return replace(item, waits_for=reference, wait_until=until)


def complete(house, order_id, item="1", **options):
    with house.database.write() as session:
        return waiting.complete_wait(session, house.outcomes, order_id, item, house.clock.now(), by="splicer", **options)


def test_an_item_waits_for_what_another_system_completes(house):
    order = house.place(waits(internet()), eline("2"))
    house.work_due()
    assert house.item_states(order.id) == {"1": "pending", "2": "completed"}
    row = house.order_row(order.id)
    assert row.state == "pending"
    assert f"`fabd order release {order.id} 1`" in row.items[0].errors[0]["message"]
    assert house.types_told(order.id).count("serviceOrderInformationRequiredEvent") == 1
    complete(house, order.id, note="spliced")
    complete(house, order.id)
    house.work_due()
    assert house.order_row(order.id).state == "completed"
    assert house.told(order.id, "released") == ["the reference keeps it no longer"]
    assert "fibre-17 was completed by splicer: spliced" in [each["message"] for each in house.order_row(order.id).milestones]


def test_completed_before_the_item_could_begin_it_never_waits(house):
    order = house.place(internet(), waits(eline("2", related=(("dependsOn", "1"),))))
    complete(house, order.id, "2")
    house.work_due()
    assert house.order_row(order.id).state == "completed"
    assert "pending" not in house.order_states_told(order.id)


@pytest.mark.parametrize("until", [HOUR, None])
def test_a_reference_that_is_not_completed_in_time_fails_the_item(house, until):
    order = house.place(waits(internet(), until=until and house.clock.now() + until))
    house.work_due()
    house.clock.advance((until or house.settings.reference_wait).total_seconds() - 1)
    house.work_due()
    assert house.order_row(order.id).state == "pending"
    house.clock.advance(1)
    house.work_due()
    row = house.order_row(order.id)
    assert (row.state, row.items[0].errors[0]["code"]) == ("failed", "referenceExpired")
    assert "fibre-17, which item 1 waited for, was not completed" in row.items[0].errors[0]["message"]
    house.assert_empty()


def test_a_release_of_what_does_not_wait_is_refused_by_name(house):
    order = house.place(internet(), waits(eline("2"), until=house.clock.now() + HOUR))
    with pytest.raises(StateRefused) as error:
        complete(house, order.id, "1")
    assert code_of(error) == "waitsForNothing"
    for wrong in (("ord-none", "1"), (order.id, "9")):
        with pytest.raises(Missing):
            complete(house, *wrong)
    house.clock.advance(3600)
    house.work_due()
    with pytest.raises(StateRefused) as error:
        complete(house, order.id, "2")
    assert code_of(error) == "waitOver"


# -- freezes -----------------------------------------------------------------------------------------------------------


def freeze(house, start=timedelta(), end=HOUR, reason="year's end", **options):
    at = house.clock.now()
    with house.database.write() as session:
        return freezes.add_freeze(session, NewFreeze(at + start, at + end, reason, **options), at, by="noc").id


def unfreeze(house, freeze_id):
    with house.database.write() as session:
        freezes.end_freeze(session, freeze_id, house.clock.now(), by="noc")
        waiting.wake_frozen(session, house.outcomes, house.clock.now())


def test_a_plan_waits_for_the_end_of_a_freeze_and_of_those_that_follow_upon_it(house):
    freeze(house)
    freeze(house, HOUR, 2 * HOUR, "the day after")
    freeze(house, 3 * HOUR, 4 * HOUR, "much later")
    order = house.place(internet())
    house.work_due()
    (plan,) = house.plans(order.id)
    assert (plan.waits, plan.waits_until) == ("freeze", house.clock.now() + 2 * HOUR)
    assert plan.deadline == plan.waits_until + house.settings.plan_timeout
    row = house.order_row(order.id)
    assert (row.state, row.items[0].errors[0]["code"]) == ("pending", "changeFreeze")
    assert row.items[0].errors[0]["message"].endswith("year's end; the day after")
    assert row.expected_completion > plan.waits_until
    house.clock.advance(2 * 3600)
    house.work_due()
    assert house.order_row(order.id).state == "completed"


def test_it_begins_as_soon_as_the_freeze_is_ended(house):
    frozen = freeze(house)
    order = house.place(internet())
    house.work_due()
    unfreeze(house, frozen)
    house.work_due()
    assert house.order_row(order.id).state == "completed"


def test_what_only_takes_away_is_never_frozen(house):
    (service,) = house.active(internet())
    freeze(house)
    order = house.place(delete(service))
    house.work_due()
    assert house.order_row(order.id).state == "completed"


@pytest.mark.parametrize(("passes", "state"), [(True, "completed"), (False, "pending")])
def test_what_is_urgent_passes_where_the_freeze_says_so(house, passes, state):
    freeze(house, urgent_passes=passes)
    urgent, ordinary = house.place(internet(), priority=URGENT), house.place(eline())
    house.work_due()
    assert house.order_row(urgent.id).state == state
    assert house.order_row(ordinary.id).state == "pending"


def amend(house, order_id, **changed):
    """Said anew of an order that was placed; the words stay."""
    amendments = Amendments(house.queue, house.announcer, house.settings, house.pace)
    wanted = Amendment(None, None, None, ORDINARY, {})
    with house.database.write() as session:
        amendments.amend(session, order_id, replace(wanted, **changed), house.clock.now())


def test_an_order_that_is_made_urgent_in_a_freeze_passes_at_once(house):
    freeze(house, urgent_passes=True)
    order = house.place(internet())
    house.work_due()
    amend(house, order.id, priority=URGENT)
    house.work_due()
    assert house.order_row(order.id).state == "completed"


def test_an_order_that_waits_and_is_put_off_says_for_which_day(house):
    freeze(house)
    order = house.place(internet())
    house.work_due()
    day = house.clock.now() + 5 * HOUR
    amend(house, order.id, requested_start=day)
    house.work_due()
    row, (plan,) = house.order_row(order.id), house.plans(order.id)
    assert (plan.waits, plan.waits_until) == ("start", day)
    assert (row.state, [error["code"] for error in row.items[0].errors]) == ("pending", ["notYet"])
    assert row.expected_completion >= day
    house.clock.advance(5 * 3600)
    house.work_due()
    assert house.order_row(order.id).state == "completed"


def test_dates_stay_once_one_item_has_had_its_turn(house):
    order = house.place(internet(), replace(internet("2", "pe3/eth1"), waits_for="fibre-4711"))
    house.work_due()
    states = {item.reference: item.state for item in house.order_row(order.id).items}
    assert states == {"1": "completed", "2": "pending"}
    with pytest.raises(StateRefused, match=r"item 1 is completed"):
        amend(house, order.id, requested_start=house.clock.now() + HOUR)
    amend(house, order.id, document={"description": "words may change"})


def test_what_a_freeze_finds_under_way_goes_on(house):
    order = house.place(internet())
    house.checkpoint = lambda name: freeze(house) if name == "before commit" else None
    house.work_due()
    assert house.order_row(order.id).state == "completed"


def test_what_undoes_a_cancelled_order_is_not_frozen_and_needs_no_approval(strict):
    order = strict.place(internet(), eline("2", related=(("dependsOn", "1"),)))
    decide(strict, approving.approve, order.items[0].plan_id)
    assert strict.work()
    freeze(strict)
    strict.cancel(order.id)
    strict.work_due()
    assert strict.order_row(order.id).state == "cancelled"
    strict.assert_empty()


def test_weekly_hours_are_frozen_by_the_settings(database, clock):
    friday = ServiceHours.model_validate({"weekly": [{"days": ["fri"], "from": "16:00", "to": "24:00"}]})
    weekend = ServiceHours.model_validate({"weekly": [{"days": ["sat", "sun"], "from": "00:00", "to": "24:00"}]})
    house = House(database, clock, freezes=(WeeklyFreeze("weekend", friday), WeeklyFreeze("weekend", weekend)))
    clock.advance(4 * 86_400 + 8 * 3600)  # from Monday, 9:00
    order = house.place(internet())
    house.work_due()
    (plan,) = house.plans(order.id)
    assert plan.waits_until.isoformat() == "2026-01-12T00:00:00+00:00"
    clock.advance(2 * 86_400 + 7 * 3600)
    house.work_due()
    assert house.order_row(order.id).state == "completed"


MALFORMED = {
    "freezeOrder": {"end": -HOUR},
    "freezeOver": {"start": -2 * HOUR, "end": -HOUR},
    "freezeTooLong": {"end": timedelta(days=100)},
    "freezeReason": {"reason": "  "},
}


@pytest.mark.parametrize("code", MALFORMED)
def test_a_freeze_that_cannot_be_meant_is_refused(house, code):
    with pytest.raises(FreezeMalformed) as error:
        freeze(house, **MALFORMED[code])
    assert code_of(error) == code


def test_a_freeze_is_ended_once(house):
    frozen = freeze(house)
    unfreeze(house, frozen)
    with pytest.raises(StateRefused):
        unfreeze(house, frozen)
    with pytest.raises(Missing):
        unfreeze(house, "frz-none")


# -- its day -----------------------------------------------------------------------------------------------------------


def test_what_is_ordered_for_later_is_reserved_now_and_acknowledged_until_then(house):
    order = house.place(internet(), requested_start=house.clock.now() + HOUR)
    house.work_due()
    assert house.order_row(order.id).state == "acknowledged"
    assert list(house.allocations().values()) == ["allocated"] * 2
    house.clock.advance(3600)
    house.work_due()
    assert house.order_row(order.id).state == "completed"


def test_a_plan_that_is_due_too_early_waits_on(house):
    order = house.place(internet())
    with house.database.write() as session:
        session.merge(house.order_row(order.id)).requested_start = house.clock.now() + HOUR
    house.work_due()
    row = house.order_row(order.id)
    assert (row.state, house.plans(order.id)[0].waits) == ("acknowledged", "start")
    house.clock.advance(3600)
    house.work_due()
    assert house.order_row(order.id).state == "completed"


# -- side by side ------------------------------------------------------------------------------------------------------


def test_items_that_do_not_depend_on_each_other_are_due_at_once_and_an_order_of_which_some_hold_is_partial(house):
    order = house.place(internet(), internet("2", "pe3/eth1"), eline("3", related=(("dependsOn", "1"),)))
    claims = house.queue.claim([PLAN_WORK], "several", house.clock.now(), LEASE, limit=3)
    independent = {item.plan_id for item in order.items if not item.depends_on}
    assert {claim.work.key for claim in claims} == independent
    house.elements["pe1"].fail("stage", FAULTS["refused"]("pe1"))
    for claim in claims:
        PlanRunner(house.tools())(claim)
    assert house.item_states(order.id) == {"1": "failed", "2": "completed", "3": "failed"}
    assert house.order_row(order.id).state == "partial"


def redeployment(house) -> dict[str, set[str]]:
    """A plan that no order stands behind, for elements that have lost everything; what they are to have."""
    services = house.active(internet("1", "pe1/ge-0/0/1"), internet("2", "pe2/Gi0/1"))
    at, wanted = house.clock.now(), {}
    with house.database.write() as session:
        plan = PlanRow(
            id="pln-redeploy",
            order_id="",
            purpose="redeploy",
            state="waiting",
            step="connect",
            created_at=at,
            deadline=at + HOUR,
        )
        session.add(plan)
        session.flush()
        for part in (part for service_id in services for part in service_view(session, service_id).parts):
            element = house.elements[part.element]
            wanted[element.name] = set(element.running)
            element.running, element.startup = set(), set()
            session.add(
                ChangeSetRow(
                    id=f"chg-{element.name}",
                    plan_id=plan.id,
                    element=element.name,
                    platform=PLATFORMS[element.name],
                    commitment=element.commitment,
                    before="",
                    after=part.desired,
                    own_after=standing(session, [element.name])[element.name].text(load_platform(PLATFORMS[element.name])),
                    forward="to it",
                    reverse="from it",
                    ports=[],
                )
            )
        house.queue.submit(session, Work(PLAN_WORK, plan.id), at)
    return wanted


PLATFORMS = {"pe1": "ietf", "pe2": "ios"}


def test_a_plan_without_an_order_is_carried_out_all_the_same(house):
    wanted = redeployment(house)
    freeze(house)  # it was asked for before
    house.work_due()
    (plan,) = house.plans("")
    assert (plan.state, plan.decision) == ("done", "commit")
    assert {name: house.elements[name].startup for name in wanted} == wanted
    with house.database.read() as session:
        view = plan_view(session, plan.id)
    assert (view.purpose, view.order_id, view.items) == ("redeploy", "", ())


@pytest.mark.parametrize("phase", ["stage", "commit"])
def test_a_plan_without_an_order_fails_without_one(house, phase):
    redeployment(house)
    house.elements["pe2"].fail(phase, FAULTS["refused"]("pe2"))
    house.work_off()
    (plan,) = house.plans("")
    assert plan.state == "failed"
    assert house.elements["pe1"].running == set()
    assert house.holds() == []


def test_a_plan_without_an_order_can_be_in_doubt(house):
    redeployment(house)

    def vanish(name):
        if name == "after commit":
            house.elements["pe2"].reachable = False

    house.checkpoint = vanish
    house.work()
    assert house.holds() == [("pe2", True)]
    house.checkpoint = no_checkpoint
    house.elements["pe2"].reachable = True
    house.work_off(100)
    assert house.holds() == []
    assert house.plans("")[0].state == "failed"
