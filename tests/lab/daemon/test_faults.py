"""Faults that no single port tells: a silent cable, an element without power, a port that comes and goes. By a daemon of their own,
managed beside the network, to which nothing has happened yet.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.lab.daemon.seen import (
    TICKETS,
    alarms,
    figure,
    health,
    instant,
    now,
    the_problem,
    tickets,
    told,
    unplugged,
    until_counted,
    until_health,
    until_quiet,
)
from tests.lab.fabd import Document, Fabd, change, complaints, internet
from tests.lab.lab import Lab
from tests.lab.shell import wait_until
from tests.lab.topology import AUTONOMOUS_SYSTEM, MANAGEMENT, P1, PE1, PE2

pytestmark = pytest.mark.lab

OSPF, BGP = "ospfNeighbourDown", "bgpNeighbourDown"
POLLED_WITHIN = timedelta(seconds=30)
"""Silence is known to have begun between the last answer and the first one that is missing."""


@pytest.fixture(scope="module")
def fresh(daemon: Fabd, lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabd]:
    with daemon.away(), Fabd(lab, tmp_path_factory.mktemp("fabd-faults")) as running:
        running.import_network(running.network(pe1={"bgp_as": AUTONOMOUS_SYSTEM}))
        yield running


@pytest.fixture
def fabd(fresh: Fabd) -> Iterator[Fabd]:
    yield fresh
    fresh.tidy()


def standing(fabd: Fabd, **which: str) -> list[Document]:
    found: list[Document] = fabd.get("/api/v1/alarms", cleared="false", limit="100", **which)
    return found


def problems(fabd: Fabd) -> dict[str, str]:
    """Id → root of those that stand for themselves."""
    found = fabd.get("/api/v1/problems", limit="100")
    return {each["id"]: each["root_object"] for each in found if "superseded_by" not in each["evidence"]}


def new_roots(fabd: Fabd, before: dict[str, str]) -> list[str]:
    return [root for problem, root in problems(fabd).items() if problem not in before]


def until_only_new(fabd: Fabd, before: dict[str, str], root: str) -> None:
    """What is found first may turn out to be a consequence."""
    wait_until(f"{root} is all that is new", lambda: new_roots(fabd, before) == [root], seen=lambda: problems(fabd))


def all_is_well(fabd: Fabd, lab: Lab) -> None:
    lab.until_converged()
    until_quiet(fabd)


def test_a_cable_that_swallows_everything_is_one_problem_that_names_it_and_all_lost_neighbours_are_its_symptoms(
    fabd: Fabd, lab: Lab
) -> None:
    [access] = fabd.ordered(internet("pe2/cust1"))
    parted, before = now(), problems(fabd)
    with lab.swallowing("p1", "c-pe2"):
        problem = the_problem(fabd, "link:p1-pe2", parted, "open")
        wait_until(
            "pe2 has no neighbour left, and nobody has it",
            lambda: Counter(each["cause"] for each in standing(fabd, standing="symptom")) == {OSPF: 2, BGP: 8},
            seen=lambda: standing(fabd),
        )
        roots = {f"{each['element']}/{each['object']}": each["cause"] for each in standing(fabd, standing="root")}
        assert roots == {"p1/c-pe2": "linkSilent", "pe2/c-p1": "linkSilent"}
        assert problem["problem_class"] == "linkSilent"
        assert new_roots(fabd, before) == ["link:p1-pe2"]
        assert standing(fabd, cause="linkDown") == [], "every port is up"
        [alarm] = standing(fabd, cause=BGP, element="pe1")
        assert (alarm["qualifier"], "unverified" in alarm["why"]) == (str(PE2.loopback), False)
        for alarm in standing(fabd, standing="symptom"):
            why = fabd.command("alarm", "why", alarm["id"])
            assert problem["id"] in why
            assert "link:p1-pe2" in why
        [root] = standing(fabd, cause="linkSilent", element="pe2")
        assert "its two ends lost each other" in fabd.command("alarm", "why", root["id"])
        assert the_problem(fabd, "link:p1-pe2", parted, "open")["tickets"] == [], "no service is bound to this cable"
        assert health(fabd, access)[0]["state"] == "up"
    the_problem(fabd, "link:p1-pe2", parted, "resolved")
    all_is_well(fabd, lab)


def test_a_cable_that_swallows_some_of_it_is_found_by_measuring_the_customers_router(fabd: Fabd, lab: Lab) -> None:
    [access] = fabd.ordered(internet("pe2/cust1"))
    there = str(access.link4)
    lab.attach("ce2", access.customer4, access.link4[0])
    # out through the network, as customers' packets go
    lab.exec(MANAGEMENT, ["ip", "route", "replace", there, "via", str(PE1.management)])
    try:
        wait_until("ce2 is reached", lambda: lab.reaches(MANAGEMENT, access.customer4.ip))
        order = fabd.order(change(access, measure="echo"))
        assert order["state"] == "completed", complaints(order)
        tests = f"/api/v1/services/{access.id}/tests"
        well = fabd.post(tests, {"packets": 20, "baseline": True})
        assert (well["passed"], loss(well)) == (True, 0.0)
        with lab.swallowing("p1", "c-pe2", percent=30):
            ill = fabd.post(tests, {"packets": 40})
        assert not ill["passed"]
        assert 0.1 < loss(ill) < 0.9
        assert "lost" in " ".join(ill["results"][0]["faults"])
        assert standing(fabd, cause="linkDown") == [], "no port says so"
        assert "failed" in fabd.command("measure", "list", access.id)
    finally:
        lab.detach("ce2")
        lab.exec(MANAGEMENT, ["ip", "route", "delete", there])
    all_is_well(fabd, lab)


def loss(test: Document) -> float:
    [result] = test["results"]
    return float(result["figures"]["loss_ratio"])


def test_an_element_without_power_is_one_problem_and_what_it_counts_begins_anew(fabd: Fabd, lab: Lab) -> None:
    [access] = fabd.ordered(internet("pe2/cust1"))
    wait_until("the port was polled", lambda: len(told(fabd, "pe2/cust1")) == 2)
    off, before, started = now() - POLLED_WITHIN, problems(fabd), lab.starts(PE2)
    with lab.switched_off(PE2):
        problem = the_problem(fabd, "element:pe2", off, "open")
        wait_until("the customer has a ticket", lambda: the_problem(fabd, "element:pe2", off, "open")["tickets"] != [])
        [ticket] = tickets(fabd, the_problem(fabd, "element:pe2", off, "open"))
        assert ticket["status"] == "acknowledged"
        assert problem["services"] == [access.id]
        until_health(fabd, access, "unknown")
        until_only_new(fabd, before, "element:pe2")
    problem = the_problem(fabd, "element:pe2", off, "resolved")
    assert [each["status"] for each in tickets(fabd, problem)] == ["resolved"]
    until_health(fabd, access, "up")
    until_counted(fabd, lab, "pe2", "cust1")
    assert figure(fabd, 'fabd_counter_gaps_total{reason="reboot"}') == 1
    assert 'reason="clock"' not in fabd.text("/metrics")

    assert lab.starts(PE2) == started + 1, "what does not count its starts is not believed after one"

    def starts() -> list[Document]:
        found: list[Document] = fabd.get("/api/v1/observations", element="pe2", source="trap", finding="coldStart")
        return found

    wait_until(
        "what the agent said of its start is kept",
        lambda: [instant(each["at"]) > off for each in starts()] == [True],
        seen=lambda: (starts(), fabd.get("/api/v1/intake")),
    )
    all_is_well(fabd, lab)


def test_the_middle_of_the_network_without_power_is_the_root_of_all_that_its_neighbours_lose(fabd: Fabd, lab: Lab) -> None:
    off, before = now() - POLLED_WITHIN, problems(fabd)
    with lab.switched_off(P1):
        wait_until(
            "all its neighbours are understood",
            lambda: len(the_problem(fabd, "element:p1", off, "open")["alarms"]) == 5,
        )
        roots = {each["element"]: each["standing"] for each in alarms(fabd, the_problem(fabd, "element:p1", off, "open"))}
        assert roots == {"p1": "root", "pe1": "symptom", "pe2": "symptom", "leaf1": "symptom", "leaf2": "symptom"}
        until_only_new(fabd, before, "element:p1")
        [root] = set(problems(fabd)) - set(before)
        others = [each for each in fabd.listed("problem", "list") if each["id"] not in {root, *before}]
        assert {each["evidence"]["superseded_by"] for each in others} <= {root}
    the_problem(fabd, "element:p1", off, "resolved")
    all_is_well(fabd, lab)


def test_a_port_that_comes_and_goes_is_one_alarm_and_one_ticket_and_every_second_of_it_counts(fabd: Fabd, lab: Lab) -> None:
    [access] = fabd.ordered(internet("pe1/cust1"))
    before = problems(fabd)
    for _ in range(4):
        with unplugged(lab, "pe1", "cust1"):
            until_health(fabd, access, "down")
        until_health(fabd, access, "up")
    wait_until("it is told to be flapping", lambda: len(standing(fabd, cause="flapping")) == 1)
    [alarm] = standing(fabd, cause="flapping")
    assert (alarm["element"], alarm["object"], alarm["count"]) == ("pe1", "cust1", 4)
    assert "is flapping: 4 failures; released at" in alarm["text"]
    assert set(new_roots(fabd, before)) == {"link:pe1-ce1"}
    assert len([each for each in fabd.get(TICKETS, limit="100") if each["name"] == "linkDown: link:pe1-ce1"]) == 1
    assert len([each for each in health(fabd, access) if each["state"] == "down"]) == 4
    assert "release at" in fabd.command("alarm", "why", alarm["id"])
