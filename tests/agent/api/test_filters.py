"""Filters of native lists: by what nothing has, they are refused with what there is, never answered by an empty list."""

import re

import pytest
from fastapi.routing import APIRoute

from agent.api.app import ROUTERS
from agent.api.tmf.paths import USAGE
from agent.security.roles import Role
from tests.agent.api.office import ORDERS

V1 = "/api/v1"
LISTS = sorted(
    route.path
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    and route.path.startswith(V1)
    and "GET" in route.methods
    and 206 in route.responses
    and "{" not in route.path
)
READS = sorted(
    re.sub(r"{[^}]*}", "x", route.path)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute) and route.path.startswith(V1) and "GET" in route.methods
)


def test_there_are_lists():
    assert len(LISTS) > 20


@pytest.mark.any_database  # refused before anything is read
@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("query", ["elemnt=x", "sort=elemnt", "elemnt.regex=x", "elemnt.gt=1"])
def test_what_nothing_has_is_refused_with_what_there_is(office, path, query):
    answer = office.get(f"{path}?{query}", role=Role.ADMIN)
    assert answer.status_code == 400, answer.text
    assert "nothing here has an attribute 'elemnt'" in answer.text
    assert "here is " in answer.text  # all that there is


def test_a_misspelt_one_is_told_with_what_may_have_been_meant(office):
    assert "did you mean element?" in office.get(f"{V1}/alarms?elemnt=x").text
    assert "did you mean severity?" in office.get(f"{V1}/alarms?severty=major").text


@pytest.mark.any_database  # refused before anything is read
@pytest.mark.parametrize(
    ("query", "words"),
    [
        (f"{V1}/plans?state=waitng", "there is no state 'waitng'; use one of waiting, running, done, failed, cancelled, inDoubt"),
        (f"{V1}/plans?state=waiting,doing", "there is no state 'doing'"),
        (f"{V1}/plans?state.ne=doing&purpose.regex=x", "there is no state 'doing'"),
        (f"{V1}/bills?state=paid", "use one of new, onHold, validated, sent, partiallyPaid, settled"),
        (f"{ORDERS}?state=done", "there is no state 'done'; use one of acknowledged, inProgress"),
        (f"{USAGE}/usage?status=done", "there is no status 'done'; use one of received"),
        (f"{USAGE}/usage?status=done&sort=-description", "there is no status 'done'; use one of received"),
    ],
)
def test_a_state_that_nothing_is_ever_in_is_refused_with_those_there_are(office, query, words):
    answer = office.get(query, role=Role.ADMIN)
    assert (answer.status_code, words in answer.text) == (400, True), answer.text


@pytest.mark.parametrize("query", ["state=waiting,inDoubt", "state.ne=done", "state.regex=wait", 'state="waiting"'])
def test_states_that_there_are_may_be_asked_for(office, query):
    assert office.get(f"{V1}/plans?{query}").json() == []


def test_inside_what_is_open_anything_may_be_asked_for(office):
    assert office.get(f"{V1}/actions?before.alarm.stands=true").json() == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (f"{V1}/action-rules?mode=off", "takes no parameter 'mode'; it takes none"),
        (f"{V1}/history/points?subject=x&metric=y&sinc=2026-01-01", "did you mean since?"),
    ],
)
def test_what_takes_its_parameters_by_name_refuses_others(office, path, words):
    answer = office.get(path)
    assert answer.status_code == 400
    assert words in answer.text


@pytest.mark.any_database  # refused before anything is read, as well
@pytest.mark.parametrize("path", READS)
def test_no_read_overlooks_what_it_does_not_take(office, path):
    answer = office.get(f"{path}?elemnt=x", role=Role.ADMIN)
    assert answer.status_code == 400, answer.text
    assert "elemnt" in answer.text or "fields only" in answer.text
