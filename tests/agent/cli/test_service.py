"""`fabd service list|show`, against the real API over a small operator with a fault."""

import pytest

from tests.agent.api.story import Story


@pytest.fixture
def story(served) -> Story:
    return Story(served.office)


def test_services_are_listed_with_what_is_wrong(fabd, story):
    said = fabd.ok("service", "list")
    for word in (story.service, "down", "linkDown at pe1/ge-0/0/1", "prb-1", "pe1"):
        assert word in said.out
    assert story.service in fabd.ok("service", "list", "--down", "--element", "pe1").out
    assert "there are no such services" in fabd.ok("service", "list", "--health", "up").err
    (found,) = fabd.ok("service", "list", "--json").json
    assert (found["health"], found["problems"]) == ("down", ["prb-1"])


def test_one_is_shown_with_its_values_its_places_and_its_history(fabd, story):
    said = fabd.ok("service", "show", story.service)
    for word in ("10.0.0.0/31 (pool", "prb-1", "ge-0/0/1 (endpoint)", "linkDown at pe1/ge-0/0/1", "active"):
        assert word in said.out
    document = fabd.ok("service", "show", story.service, "--json").json
    assert (document["health"], [each["state"] for each in document["states"]]) == ("down", ["down", "up"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("show", "svc-nowhere"), "there is no service 'svc-nowhere'"),
        (("list", "--element", "nowhere"), "nowhere"),
        (("list", "--down", "--health", "up"), "--down is --health down"),
        (("list", "--health", "bad"), "'bad' is not one of"),
    ],
)
@pytest.mark.usefixtures("story")
def test_what_is_not_there_is_said_to_be_so(fabd, words, told):
    said = fabd("service", *words)
    assert said.code != 0
    assert told in " ".join(said.err.split())
