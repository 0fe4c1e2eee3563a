"""Real faults and real counters: what the running daemon makes of them over SNMPv3 and its traps."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.lab.daemon.seen import (
    CLOCK,
    LATEST,
    alarms,
    figure,
    health,
    instant,
    kernel,
    now,
    the_problem,
    tickets,
    told,
    unplugged,
    until_counted,
    until_health,
    until_one_stands,
    until_quiet,
)
from tests.lab.fabd import Access, Fabd, deletion, internet
from tests.lab.lab import Lab
from tests.lab.shell import wait_until

pytestmark = pytest.mark.lab

USAGE = "/tmf-api/usageManagement/v4/usage"
TICKET_WITHIN = timedelta(seconds=100)
"""Two to three where nothing else runs; the next poll is five minutes away."""


@pytest.fixture
def access(fabd: Fabd) -> Access:
    [service] = fabd.ordered(internet("pe1/cust1"))
    return service


@pytest.fixture
def seldom_polling(fabd: Fabd) -> Iterator[None]:
    """The next poll is far away: what is found meanwhile is found because a trap came."""
    fabd.stop()
    fabd.start(FABD_POLLING__INTERVAL_S="300")
    yield
    fabd.stop()


def test_counters_read_over_snmpv3_are_the_kernels(fabd: Fabd, lab: Lab, access: Access) -> None:
    wait_until("the port was polled", lambda: len(told(fabd, "pe1/cust1")) == 2)
    lab.attach("ce1", access.customer4, access.link4[0])
    try:
        lab.exec("ce1", ["ping", "-q", "-c", "200", "-i", "0.005", "-s", "1000", str(access.link4[0])])
    finally:
        lab.detach("ce1")
    until_counted(fabd, lab, "pe1", "cust1")


@pytest.mark.usefixtures("seldom_polling")
def test_a_link_that_goes_down_is_a_ticket_within_seconds_and_its_return_resolves_it(fabd: Fabd, lab: Lab, access: Access) -> None:
    with unplugged(lab, "pe1", "cust1") as cut:
        problem = the_problem(fabd, "link:pe1-ce1", cut, "open")
        [alarm] = alarms(fabd, problem)
        assert (alarm["element"], alarm["object"], alarm["cause"]) == ("pe1", "cust1", "linkDown")
        assert (alarm["standing"], alarm["why"]["root"]) == ("root", "link:pe1-ce1")
        [ticket] = tickets(fabd, problem)
        assert ticket["status"] == "acknowledged"
        assert instant(ticket["creationDate"]) - cut < TICKET_WITHIN
        assert problem["services"] == [access.id]
        down = health(fabd, access)[0]
        assert (down["state"], down["end"]) == ("down", None)
        assert cut - CLOCK <= instant(down["start"]) <= cut + LATEST
    plugged = now()
    problem = the_problem(fabd, "link:pe1-ce1", cut, "resolved")
    assert figure(fabd, "fabd_traps_processed_total") >= 2
    assert [each["cleared"] for each in alarms(fabd, problem)] == [True]
    [ticket] = tickets(fabd, problem)
    assert ticket["status"] == "resolved"
    up, down = health(fabd, access)[:2]
    assert (up["state"], up["end"], down["state"], down["end"]) == ("up", None, "down", up["start"])
    assert plugged - CLOCK <= instant(up["start"]) <= plugged + LATEST
    assert any(f"({down['start']} .. {down['end']})" in note["text"].replace("+00:00", "Z") for note in ticket["note"])


def test_both_ends_of_a_core_link_are_one_problem_and_no_customers_ticket(fabd: Fabd, lab: Lab, access: Access) -> None:
    with unplugged(lab, "p1", "c-pe2") as cut:
        problem = the_problem(fabd, "link:p1-pe2", cut, "open")
        wait_until(
            "both ends are known to be down",
            lambda: len(the_problem(fabd, "link:p1-pe2", cut, "open")["alarms"]) == 2,
        )
        problem = the_problem(fabd, "link:p1-pe2", cut, "open")
        assert {f"{alarm['element']}/{alarm['object']}" for alarm in alarms(fabd, problem)} == {"p1/c-pe2", "pe2/c-p1"}
        assert {alarm["standing"] for alarm in alarms(fabd, problem)} == {"root"}
        until_one_stands(fabd, "link:p1-pe2")
    problem = the_problem(fabd, "link:p1-pe2", cut, "resolved")
    assert problem["tickets"] == []
    assert health(fabd, access)[0]["state"] == "up"
    lab.until_converged()


def test_an_element_that_is_silent_behind_a_cut_link_is_a_symptom(fabd: Fabd, lab: Lab) -> None:
    [remote] = fabd.ordered(internet("pe2/cust1"))
    with unplugged(lab, "p1", "c-pe2") as cut, lab.without_management("pe2"):
        wait_until(
            "pe2 counts as silent",
            lambda: any(alarm["element"] == "pe2" for alarm in fabd.get("/api/v1/alarms", standing="symptom", cleared="false")),
        )
        until_one_stands(fabd, "link:p1-pe2")
        wait_until("the customer has a ticket", lambda: the_problem(fabd, "link:p1-pe2", cut, "open")["tickets"] != [])
        problem = the_problem(fabd, "link:p1-pe2", cut, "open")
        assert [ticket["status"] for ticket in tickets(fabd, problem)] == ["acknowledged"], "one, of the root"
        until_health(fabd, remote, "unknown")
    the_problem(fabd, "link:p1-pe2", cut, "resolved")
    until_quiet(fabd)
    until_health(fabd, remote, "up")
    lab.until_converged()


def test_a_link_that_went_down_while_the_daemon_was_away_is_found_by_the_first_poll(fabd: Fabd, lab: Lab, access: Access) -> None:
    fabd.stop()
    with unplugged(lab, "pe1", "cust1") as cut:
        fabd.start()
        problem = the_problem(fabd, "link:pe1-ce1", cut, "open")
        assert len(problem["tickets"]) == 1
        down = health(fabd, access)[0]
        assert down["state"] == "down"
        assert cut - CLOCK <= instant(down["start"]) <= cut + LATEST
    the_problem(fabd, "link:pe1-ce1", cut, "resolved")


def test_usage_adds_up_to_what_the_kernel_counted_between_activation_and_delete(fabd: Fabd, lab: Lab) -> None:
    before = kernel(lab, "pe2", "cust1")
    [service] = fabd.ordered(internet("pe2/cust1"))
    lab.attach("ce2", service.customer4, service.link4[0])
    try:
        lab.exec("ce2", ["ping", "-q", "-c", "100", "-i", "0.01", "-s", "1000", str(service.link4[0])])
        sent = 100 * (1000 + 8 + 20 + 14)  # payload, ICMP, IPv4 and Ethernet headers
        until_counted(fabd, lab, "pe2", "cust1")
        assert fabd.order(deletion(service))["state"] == "completed"
    finally:
        lab.detach("ce2")
    after = kernel(lab, "pe2", "cust1")
    records = [each for each in fabd.get(USAGE, limit="100") if each["service"]["id"] == service.id]
    for name, way in (("octetsIn", "receive"), ("octetsOut", "transmit")):
        total = sum(value["value"] for record in records for value in record["usageCharacteristic"] if value["name"] == name)
        assert sent <= total <= after[way] - before[way]
