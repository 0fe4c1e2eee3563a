"""The oracle itself, on what can be reckoned in one's head."""

from fractions import Fraction

import pytest

from tests.agent.assurance.day.network import LENGTH, SERVICES
from tests.agent.assurance.day.oracle import Oracle, Period
from tests.agent.assurance.day.plant import Asked, Edge, Log

LINKS = {link: (f"{link}/a", f"{link}/b") for service in SERVICES.values() for link in service.links}
"""Their ends do not matter here."""


def watched(element: str, port: str, *, every: int = 60, unless: range = range(0)) -> Log:
    """A log of somebody who asks at even intervals, and gets no answer in `unless`."""
    log = Log()
    log.asked[element] = [Asked(at, at not in unless, frozenset({port})) for at in range(0, LENGTH, every)]
    return log


def down(log: Log, port: str, begin: int, end: int) -> Log:
    log.edges[port] += [Edge(begin, up=False, told=True), Edge(end, up=True, told=True)]
    return log


def periods(log: Log, service: str) -> list[Period]:
    return list(Oracle(log, LINKS, (), {}, []).periods(service))


@pytest.mark.parametrize(
    ("service", "port", "agreed"), [("night", "c3", 6 * 3600), ("month", "c3", 22 * 3600), ("counted", "c3", 24 * 3600)]
)
def test_what_is_agreed_follows_the_clock_on_the_wall_and_the_end_of_the_month(service: str, port: str, agreed: int) -> None:
    element = SERVICES[service].ends[0].partition("/")[0]
    found = periods(watched(element, port), service)
    assert sum(each.agreed for each in found) == agreed
    assert {(each.down, each.unknown, each.credit) for each in found} == {(0, 0, Fraction(0))}


def test_an_outage_that_was_seen_counts_from_its_own_first_second_to_its_own_last_one() -> None:
    found = periods(down(watched("d-pe2", "c3"), "d-pe2/c3", 100, 200), "counted")
    assert [(each.down, each.credit) for each in found if each.down] == [(100, Fraction(12, 10))]


def test_an_outage_between_two_looks_counts_nothing() -> None:
    assert all(each.down == 0 for each in periods(down(watched("d-pe2", "c3"), "d-pe2/c3", 61, 119), "counted"))


def test_an_outage_over_two_hours_is_two_outages() -> None:
    found = periods(down(watched("d-pe2", "c3"), "d-pe2/c3", 3300, 4000), "counted")
    assert [each.down for each in found if each.down] == [300, 400]


@pytest.mark.parametrize(("unanswered", "unknown"), [(2, 0), (3, 240), (10, 660)])
def test_silence_is_unknown_from_the_last_answer_to_the_next(unanswered: int, unknown: int) -> None:
    silent = range(600, 600 + 60 * unanswered)
    assert sum(each.unknown for each in periods(watched("d-pe2", "c3", unless=silent), "counted")) == unknown


@pytest.mark.parametrize(("outages", "credit"), [(2, 0), (3, Fraction(12 * 20, 100))])
def test_too_many_outages_are_credited_in_the_hour_of_the_last(outages: int, credit: Fraction) -> None:
    log = watched("c-pe2", "c3")
    for number in range(outages):
        down(log, "c-pe2/c3", 600 + 600 * number, 690 + 600 * number)
    assert [each.credit for each in periods(log, "chronic")][:2] == [credit, 0]
