"""Rules of the closed loop and what stands against an action: by tables, and by a property over made-up hours."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.acting.guards import Around, Limits, Past, Wanted, objections
from policies.acting.rules import Deed, Guards, Mode, Scope, Trigger, parse_actions
from policies.errors import InvalidPolicy
from policies.values import Severity

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
PORT = "pe1/ge-0/0/1"
FREE = Guards(per_object=100, in_all=100, pause_s=0, elements_at_once=100)
RULE = """
rules:
  - name: bounce
    title: shut a port for a moment
    deed: bounce-port
    trigger: {causes: [linkDown]}
"""


def wanted(**changes):
    return Wanted(**{"rule": "bounce", "object": PORT, "elements": frozenset({"pe1"}), "reverse": "open it", **changes})


def past(minutes, *, ran=1.0, rule="bounce", where=PORT, elements=("pe1",), under_way=False):
    began = NOON - timedelta(minutes=minutes)
    return Past(rule, where, frozenset(elements), began, None if under_way else began + timedelta(minutes=ran))


def said(guards=FREE, limits=Limits(most=100, elements_at_once=100), want=None, **around):  # noqa: B008  immutable
    return [each.guard for each in objections(want or wanted(), guards, limits, Around(NOON, **around))]


def test_a_rule_is_off_until_somebody_says_otherwise():
    (rule,) = parse_actions(RULE, "own.yaml")
    assert (rule.mode, rule.deed) == (Mode.OFF, Deed.BOUNCE)


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ("    mode: sometimes\n", "rules[0].mode"),
        ("    guards: {per_object: 5, in_all: 2}\n", "rules[0].guards"),
        ("    guards: {within_s: 1}\n", "rules[0].guards.within_s"),
        ("    forever: true\n", "rules[0].forever"),
        (RULE.removeprefix("\nrules:\n"), "rules[1].name"),
    ],
)
def test_mistakes_are_named_with_their_place(more, path):
    with pytest.raises(InvalidPolicy) as refused:
        parse_actions(RULE + more, "own.yaml")
    assert [problem.path for problem in refused.value.problems] == [path]


def test_a_scope_that_nothing_fits_is_a_mistake():
    with pytest.raises(ValueError, match="at least 1 item"):
        Scope(elements=())


@pytest.mark.parametrize(
    ("cause", "severity", "seconds", "wants"),
    [
        ("linkDown", Severity.MAJOR, 60, True),
        ("linkDown", Severity.CRITICAL, 3600, True),
        ("linkDown", Severity.MINOR, 60, False),
        ("linkDown", Severity.MAJOR, 59, False),
        ("linkUp", Severity.MAJOR, 60, False),
    ],
)
def test_a_trigger_wants_the_cause_that_is_bad_enough_for_long_enough(cause, severity, seconds, wants):
    trigger = Trigger(causes=("linkDown",), severity=Severity.MAJOR, standing_s=60)
    assert trigger.wants(cause, severity, timedelta(seconds=seconds)) is wants


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        (Scope(), True),
        (Scope(elements=("pe*",)), True),
        (Scope(elements=("sw*", "pe1")), True),
        (Scope(elements=("sw*",)), False),
        (Scope(platforms=("ios", "junos")), False),
        (Scope(elements=("pe*",), sites=("ghent",)), True),
        (Scope(elements=("pe*",), sites=("lab*",)), False),
    ],
)
def test_a_scope_is_patterns_of_which_each_list_has_to_fit(scope, covered):
    assert scope.covers("pe1", "ietf", "ghent") is covered


@pytest.mark.parametrize(
    ("around", "expected"),
    [
        ({}, []),
        ({"maintenance": [("fibre work", NOON + timedelta(hours=1))]}, ["maintenance"]),
        ({"holders": [("pe1", "pln-1", False)]}, ["held"]),
        ({"holders": [("pe1", "pln-1", True)]}, ["held"]),
        ({"locked": ["pe1"]}, ["locked"]),
        ({"freeze": ("trade fair", NOON + timedelta(days=1))}, ["freeze"]),
        ({"past": [past(30)]}, []),
    ],
)
def test_what_stands_around_it_keeps_it(around, expected):
    assert said(**around) == expected


def test_what_changes_nothing_minds_only_maintenance_and_how_often():
    test = wanted(rule="test", object="service:svc-1", elements=frozenset(), reverse="")
    around = {"holders": [("pe1", "pln-1", True)], "locked": ["pe1"], "freeze": ("fair", NOON)}
    assert said(want=test, **around) == []
    assert said(want=test, maintenance=[("fibre work", NOON)]) == ["maintenance"]
    assert said(Guards(per_object=1, pause_s=0), want=test, past=[past(5, rule="test", where="service:svc-1")]) == ["objectLimit"]


def test_what_cannot_be_taken_back_is_never_done():
    (objection,) = objections(wanted(reverse=""), FREE, Limits(), Around(NOON))
    assert (objection.guard, objection.final) == ("irreversible", True)


@pytest.mark.parametrize(
    ("guards", "limits", "history", "expected"),
    [
        (Guards(per_object=1, pause_s=0), Limits(), [past(59)], ["objectLimit"]),
        (Guards(per_object=1, pause_s=0), Limits(), [past(60)], []),
        (Guards(per_object=2, in_all=2, pause_s=0), Limits(), [past(50), past(20)], ["objectLimit", "ruleLimit"]),
        (Guards(per_object=1, pause_s=0), Limits(), [past(59, where="pe1/other")], []),
        (Guards(in_all=1, pause_s=0), Limits(), [past(59, where="pe2/other")], ["ruleLimit"]),
        (Guards(in_all=1, pause_s=0), Limits(), [past(59, rule="redeploy", where="pe2")], []),
        (FREE, Limits(most=1), [past(59, rule="redeploy", where="pe2")], ["limit"]),
        (FREE, Limits(most=1, within=timedelta(minutes=30)), [past(31, rule="redeploy", where="pe2")], []),
        (Guards(per_object=9, in_all=9, pause_s=900), Limits(), [past(15)], ["pause"]),
        (Guards(per_object=9, in_all=9, pause_s=900), Limits(), [past(16)], []),
        (Guards(per_object=9, in_all=9, pause_s=900), Limits(), [past(5, rule="redeploy")], ["pause"]),
        (Guards(per_object=9, in_all=9, pause_s=0), Limits(), [past(500, under_way=True)], ["pause"]),
        (Guards(pause_s=0), Limits(), [past(500, where="x", elements=["pe2"], under_way=True)], ["ruleElements"]),
        (Guards(pause_s=0), Limits(), [past(500, where="x", elements=["pe1"], under_way=True)], []),
        (FREE, Limits(elements_at_once=1), [past(500, rule="r", where="x", elements=["pe2"], under_way=True)], ["elements"]),
        (Guards(pause_s=0), Limits(), [past(500, where="x", elements=["pe2"])], []),
    ],
)
def test_limits_pauses_and_elements_at_once(guards, limits, history, expected):
    assert said(guards, limits, past=history) == expected


def test_an_action_on_more_elements_than_may_be_changed_at_once_is_refused():
    both = wanted(elements=frozenset({"pe1", "pe2"}))
    assert said(Guards(pause_s=0, elements_at_once=1), want=both) == ["ruleElements"]
    assert said(Guards(pause_s=0, elements_at_once=2), want=both) == []


def test_every_objection_that_ends_by_itself_says_when():
    found = objections(wanted(), Guards(pause_s=900), Limits(), Around(NOON, past=[past(5)]))
    assert {each.guard: each.until for each in found} == {
        "objectLimit": NOON + timedelta(minutes=55),
        "pause": NOON + timedelta(minutes=11),
    }


# -- hours of asking ---------------------------------------------------------------------------------------------------

RULES = {
    "bounce": Guards(per_object=2, in_all=4, within_s=1800, pause_s=120, elements_at_once=2),
    "redeploy": Guards(per_object=1, in_all=3, within_s=3600, pause_s=600, elements_at_once=1),
}
ALL = Limits(most=5, within=timedelta(minutes=45), elements_at_once=2)
MAINTAINED = (NOON + timedelta(minutes=20), NOON + timedelta(minutes=50))
ASKED = st.tuples(
    st.integers(0, 400),  # seconds since the last time
    st.sampled_from(sorted(RULES)),
    st.sampled_from(["pe1/1", "pe1/2", "pe2/1", "pe3"]),
    st.integers(1, 500),  # seconds that it takes
)


def begun(asks):
    """The actions that begin when somebody asks like that."""
    at, running = NOON, []
    for waited, rule, where, takes in asks:
        at += timedelta(seconds=waited)
        history = [Past(r, o, e, began, end if end <= at else None) for r, o, e, began, end in running]
        maintenance = [("work", MAINTAINED[1])] if MAINTAINED[0] <= at < MAINTAINED[1] else []
        elements = frozenset({where.split("/")[0]})
        around = Around(at, maintenance=maintenance, past=history)
        if not objections(Wanted(rule, where, elements, "back"), RULES[rule], ALL, around):
            running.append((rule, where, elements, at, at + timedelta(seconds=takes)))
    return running


@given(st.lists(ASKED, max_size=60))
def test_never_more_than_the_limits_never_in_maintenance_never_two_at_once(asks):
    running = begun(asks)
    for rule, where, _, at, _ in running:
        guards = RULES[rule]
        within = timedelta(seconds=guards.within_s)
        own = [each for each in running if each[0] == rule and at - within < each[3] <= at]
        assert len(own) <= guards.in_all
        assert len([each for each in own if each[1] == where]) <= guards.per_object
        assert len([each for each in running if at - ALL.within < each[3] <= at]) <= ALL.most
        assert not MAINTAINED[0] <= at < MAINTAINED[1]
        busy = [each for each in running if each[3] <= at < each[4]]
        assert len(frozenset().union(*(each[2] for each in busy))) <= ALL.elements_at_once
        assert len(frozenset().union(*(each[2] for each in busy if each[0] == rule))) <= guards.elements_at_once
        before = [each for each in running if each[1] == where and each[3] < at]
        assert all(each[4] + timedelta(seconds=guards.pause_s) <= at for each in before)


def test_the_property_is_about_something():
    many = [(60, "bounce", f"pe{number % 3 + 1}/{number}", 10) for number in range(60)]
    assert len(begun(many)) >= 4


def refusals(text, causes=None):
    with pytest.raises(InvalidPolicy) as refused:
        parse_actions(text, "own.yaml", causes)
    return [(problem.path, problem.message) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("text", "path", "meant"),
    [
        (RULE.replace("bounce-port", "bounce-prot"), "rules[0].deed", "did you mean bounce-port?"),
        (RULE + "    gaurds: {}\n", "rules[0].gaurds", "did you mean guards?"),
        (RULE + "    guards: {puase_s: 1}\n", "rules[0].guards.puase_s", "did you mean pause_s?"),
        (RULE + "    mode: manuel\n", "rules[0].mode", "did you mean manual?"),
        (RULE + "    return: {whn: cleared}\n", "rules[0].return.whn", "did you mean when?"),
    ],
)
def test_a_misspelt_word_is_told_with_what_may_have_been_meant(text, path, meant):
    ((where, message),) = refusals(text)
    assert (where, meant in message) == (path, True), message


def test_a_cause_that_no_alarm_has_is_a_mistake_where_causes_are_known():
    known = {"linkDown", "errorsHigh"}
    assert len(parse_actions(RULE, "own.yaml", known)) == 1
    ((where, message),) = refusals(RULE.replace("linkDown", "linkDwon"), known)
    assert where == "rules[0].trigger.causes[0]"
    assert message.startswith("no alarm has the cause linkDwon; did you mean linkDown?")
    ((_, message),) = refusals(RULE.replace("linkDown", "powerGone"), known)
    assert "there are errorsHigh, linkDown (What other systems tell of is named in the settings: actions.causes)" in message


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("    shut_s: 0\n", "greater than or equal to 1"),
        ("    shut_s: 31\n", "less than or equal to 30"),
        ("    return: {when: cleared}\n", "bounce-port leaves nothing that could be taken back"),
    ],
)
def test_what_does_not_fit_the_deed_is_refused(more, words):
    ((_, message),) = refusals(RULE + more)
    assert words in message


def test_only_a_port_is_shut_and_only_a_way_returns_by_itself():
    assert "shut_s is for bounce-port" in refusals(RULE.replace("bounce-port", "move-path") + "    shut_s: 3\n")[0][1]
    assert "would bring the drift back" in refusals(RULE.replace("bounce-port", "redeploy") + "    return: {when: cleared}\n")[0][1]
    (rule,) = parse_actions(RULE.replace("bounce-port", "move-path") + "    return: {when: cleared, for_s: 60}\n", "own.yaml")
    assert (rule.back.when, rule.back.for_s) == ("cleared", 60)


def test_ways_back_are_counted_by_themselves_and_what_is_taken_back_need_not_rest_first():
    guards = Guards(per_object=1, in_all=1, pause_s=3600)
    there = Past("bounce", PORT, frozenset({"pe1"}), NOON - timedelta(minutes=5), NOON - timedelta(minutes=4), "act-1")
    assert said(guards, past=[there]) == ["objectLimit", "ruleLimit", "pause"]
    assert said(guards, want=wanted(undoes="act-1"), past=[there]) == []
    back = Past(
        "bounce", PORT, frozenset({"pe1"}), NOON - timedelta(minutes=3), NOON - timedelta(minutes=2), "act-2", is_return=True
    )
    assert said(guards, want=wanted(undoes="act-1"), past=[there, back]) == ["objectLimit", "ruleLimit", "pause"]
    assert said(guards, limits=Limits(most=1), want=wanted(undoes="act-1"), past=[there]) == ["limit"]
