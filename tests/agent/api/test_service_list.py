"""Services in a list: how each is, what is wrong with it, and what is asked for in vain."""

from agent.assurance.tables import ServiceStateRow

V1 = "/api/v1"


def test_a_service_is_listed_with_how_it_is_where_it_stands_and_what_is_wrong(story):
    (service,) = story.office.get(f"{V1}/services").json()
    assert (service["id"], service["state"], service["health"]) == (story.service, "active", "down")
    assert (service["reason"], service["elements"], service["problems"]) == ("linkDown at pe1/ge-0/0/1", ["pe1"], ["prb-1"])
    assert len(service["tickets"]) == 1
    assert service["since"].startswith("20")


def test_lists_are_narrowed_by_health_element_and_state(story):
    office = story.office
    for query, found in (
        ("health=down", 1),
        ("health=up", 0),
        ("elements=pe1", 1),
        ("elements=pe2", 0),
        ("elements=pe2,pe1", 1),
        ('elements="pe1"', 1),
        ("elements=pe1&elements=pe2", 0),
        ("elements.ne=pe1", 0),
        ("state.ne=terminated", 1),
        ("state=terminated", 0),
        ("reason.regex=linkDown", 1),
    ):
        answer = office.get(f"{V1}/services?{query}")
        assert (answer.status_code, len(answer.json())) == (200, found), query


def test_an_element_that_is_not_there_is_told_from_one_without_services(story):
    answer = story.office.get(f"{V1}/services?elements=nowhere")
    assert answer.status_code == 404
    assert "nowhere" in answer.text


def test_what_nothing_was_measured_of_is_unknown_and_comes_after_what_is_down(story):
    office = story.office
    other = office.post("/tmf-api/serviceOrdering/v4/serviceOrder", json=office.order("pe1/ge-0/0/0"))
    assert other.status_code == 201, other.text
    listed = office.get(f"{V1}/services").json()
    assert [each["health"] for each in listed] == ["down", "unknown"]
    assert (listed[1]["since"], listed[1]["reason"]) == (None, "nothing has been measured")
    with office.database.write() as session:
        session.get_one(ServiceStateRow, "sst-2").end = office.clock.now()
    assert office.get(f"{V1}/services?health=down").json() == []
