"""What TM Forum's conformance kit asks of TMF645, with bodies of our own; and that the planner's word is what is answered."""

import pytest
from sqlalchemy import select

from agent.api.tables import RecordRow
from agent.api.tmf.qualification_work import QUALIFICATION_WORK, QualificationRunner, Qualifications
from agent.api.tmf.service_qualification import KINDS
from crm_bridge.tables import EventRow
from inventory.tables import AllocationRow, PortClaimRow
from inventory.work import DatabaseQueue
from tests.agent.api.office import ORDERS, PATIENCE

BASE = "/tmf-api/serviceQualificationManagement/v4"
CHECKS, QUERIES = f"{BASE}/checkServiceQualification", f"{BASE}/queryServiceQualification"


def wanted(spec="internet-access", *, reference="1", **characteristics) -> dict:
    values = [{"name": name, "value": value} for name, value in characteristics.items()]
    return {"id": reference, "service": {"serviceSpecification": {"id": spec}, "serviceCharacteristic": values}}


def check(*items, **more) -> dict:
    return {"instantSyncQualification": True, "serviceQualificationItem": [*items]} | more


def asked(office, *items, **more) -> dict:
    answer = office.post(CHECKS, json=check(*items, **more))
    assert answer.status_code == 200, answer.text
    return answer.json()


def verdict(office, item, **more) -> dict:
    (told,) = asked(office, item, **more)["serviceQualificationItem"]
    return told


def values(service) -> dict:
    return {each["name"]: each["value"] for each in service["serviceCharacteristic"]}


def test_what_could_be_had_is_qualified_and_nothing_is_reserved(office):
    answer = asked(office, wanted(port="pe1/ge-0/0/1"), externalId="Q-1", vendors={"own": 1})
    assert (answer["state"], answer["qualificationResult"], answer["vendors"]) == ("done", "qualified", {"own": 1})
    assert {"id", "href", "checkServiceQualificationDate", "effectiveQualificationDate", "@type"} <= answer.keys()
    (item,) = answer["serviceQualificationItem"]
    assert (item["id"], item["state"], item["qualificationResult"]) == ("1", "done", "qualified")
    assert office.get(answer["href"]).json() == answer
    with office.database.read() as session:
        assert session.scalars(select(AllocationRow)).all() == session.scalars(select(PortClaimRow)).all() == []


def test_a_port_in_use_is_told_with_a_free_one_beside_it(story):
    office = story.office
    item = verdict(office, wanted(port="pe1/ge-0/0/1"))
    assert item["qualificationResult"] == "alternate"
    assert [reason["code"] for reason in item["eligibilityUnavailabilityReason"]] == ["portInUse"]
    assert story.service in item["eligibilityUnavailabilityReason"][0]["label"]
    (proposal, *_) = item["alternateServiceProposal"]
    assert values(proposal["alternateService"])["port"] == "pe1/ge-0/0/0"
    ordered = {"id": "1", "action": "add", "service": proposal["alternateService"]}
    assert office.post(ORDERS, json=office.order(serviceOrderItem=[ordered])).status_code == 201


@pytest.mark.parametrize(
    ("characteristics", "name", "value"),
    [({"port": "pe2/Gi0/1", "rate": 500_000}, "rate", 1000), ({"port": "pe2/Gi0/1", "vlan": 5000}, "vlan", 4094)],
)
def test_what_is_beyond_the_schema_is_told_with_the_nearest_that_is_not(office, characteristics, name, value):
    item = verdict(office, wanted(**characteristics))
    assert item["qualificationResult"] == "alternate", item["eligibilityUnavailabilityReason"]
    assert values(item["alternateServiceProposal"][0]["alternateService"]) == characteristics | {name: value}


TOGETHER = {
    "beyond the schema in two": ({"port": "pe2/Gi0/1", "vlan": 5000, "rate": 500_000}, {"vlan": 4094, "rate": 1000}),
    "a port in use, and too fast": ({"port": "pe1/ge-0/0/1", "rate": 5000}, {"port": "pe1/ge-0/0/0", "rate": None}),
    "a port in use of a platform that cannot": ({"port": "pe1/ge-0/0/1", "rate": 500}, {"port": "pe1/ge-0/0/0", "rate": None}),
}


@pytest.mark.parametrize("case", TOGETHER)
def test_what_is_refused_for_several_reasons_is_mended_in_all_of_them(story, case):
    """Whichever of them is told: the others would only be found once that one is mended."""
    characteristics, mended = TOGETHER[case]
    item = verdict(story.office, wanted(**characteristics))
    proposals = [values(each["alternateService"]) for each in item["alternateServiceProposal"]]
    expected = {name: value for name, value in (characteristics | mended).items() if value is not None}
    assert expected in proposals
    for proposed in proposals:
        service = wanted(**proposed)["service"]
        order = story.office.order(serviceOrderItem=[{"id": "1", "action": "add", "service": service}])
        answer = story.office.post(ORDERS, json=order, headers={"Prefer": "plan-only"})
        assert answer.status_code == 200, (proposed, answer.text)


def test_proposals_differ_in_more_than_one_thing(story):
    """Another port beside the one without what the platform cannot: who needs the rate is told where it is to be had."""
    item = verdict(story.office, wanted(port="pe1/ge-0/0/1", rate=500))
    proposals = [values(each["alternateService"]) for each in item["alternateServiceProposal"]]
    assert {"rate" in proposed for proposed in proposals} == {True, False}
    assert all(proposed.get("rate", 500) == 500 for proposed in proposals)


def test_both_ends_on_one_port_and_a_vlan_that_is_none_come_to_a_line(office):
    item = verdict(office, wanted("l2-eline", a="sw1/1", b="sw1/1", vlan=5000))
    for proposal in item["alternateServiceProposal"]:
        proposed = values(proposal["alternateService"])
        assert len({proposed["a"], proposed["b"]}) == 2
        assert proposed["vlan"] in range(200, 300)


def test_what_could_not_be_had_at_all_says_why_in_the_planners_words(office):
    for item, code in (
        (wanted("teleport"), "unknownSpecification"),
        (wanted(), "invalidCharacteristic"),
        ({"id": "1"}, "specificationMissing"),
    ):
        told = verdict(office, item)
        assert told["qualificationResult"] == "unqualified"
        assert told["eligibilityUnavailabilityReason"][0]["code"] == code
        assert "alternateServiceProposal" not in told


def test_alternatives_and_reasons_are_left_out_when_they_are_not_wanted(story):
    item = verdict(story.office, wanted(port="pe1/ge-0/0/1"), provideAlternative=False, provideUnavailabilityReason=False)
    assert item["qualificationResult"] == "unqualified"
    assert not {"alternateServiceProposal", "eligibilityUnavailabilityReason"} & item.keys()


def test_what_cannot_be_had_beside_the_others_comes_with_what_can(office):
    items = wanted(port="pe1/ge-0/0/1"), wanted(reference="2", port="pe1/ge-0/0/1")
    both = asked(office, *items)
    assert both["qualificationResult"] == "alternate"
    first, second = both["serviceQualificationItem"]
    assert [first["qualificationResult"], second["qualificationResult"]] == ["qualified", "alternate"]
    assert second["eligibilityUnavailabilityReason"][0]["code"] == "portInUse"
    proposed = second["alternateServiceProposal"][0]["alternateService"]
    ordered = [{"id": "1", "action": "add", "service": items[0]["service"]}, {"id": "2", "action": "add", "service": proposed}]
    assert office.post(ORDERS, json=office.order(serviceOrderItem=ordered)).status_code == 201


def test_items_that_could_be_had_one_by_one_but_not_together_are_told_apart(office):
    same = wanted(port="pe1/ge-0/0/1"), wanted(reference="2", port="pe1/ge-0/0/1")
    both = asked(office, *same, provideAlternative=False)
    assert both["qualificationResult"] == "unqualified"
    assert [each["qualificationResult"] for each in both["serviceQualificationItem"]].count("unqualified") == 1
    apart = asked(office, wanted(port="pe1/ge-0/0/1"), wanted(reference="2", port="pe1/ge-0/0/0"))
    assert apart["qualificationResult"] == "qualified"


def test_without_instant_sync_a_task_is_made_and_done_later(office):
    answer = office.post(CHECKS, json=check(wanted(port="pe1/ge-0/0/1"), instantSyncQualification=False))
    assert (answer.status_code, answer.headers["location"]) == (201, answer.json()["href"])
    assert (answer.json()["state"], "qualificationResult" in answer.json()) == ("accepted", False)
    work(office)
    done = office.get(answer.json()["href"]).json()
    assert (done["state"], done["qualificationResult"]) == ("done", "qualified")
    with office.database.read() as session:
        told = [event.type for event in session.scalars(select(EventRow).order_by(EventRow.sequence)) if "Qual" in event.type]
    assert told == ["checkServiceQualificationCreateEvent", "checkServiceQualificationStateChangeEvent"]


def work(office) -> None:
    queue = DatabaseQueue(office.database)
    qualifications = Qualifications(office.database, office.operator.catalog, office.fulfilment)
    runner = QualificationRunner(office.database, office.clock, queue, lambda: qualifications, KINDS)
    for claim in queue.claim([QUALIFICATION_WORK], "test", office.clock.now(), PATIENCE, limit=10):
        runner(claim)


def test_a_task_that_was_deleted_meanwhile_is_finished_quietly(office):
    one = office.post(CHECKS, json=check(wanted(), instantSyncQualification=False)).json()
    assert office.call("DELETE", one["href"]).status_code == 204
    work(office)
    with office.database.read() as session:
        assert session.scalars(select(RecordRow)).all() == []


def test_a_query_names_what_could_be_had_at_a_place(office):
    criteria = {"service": {"serviceCharacteristic": [{"name": "port", "value": "pe1/ge-0/0/1"}]}}
    answer = office.post(QUERIES, json={"instantSyncQualification": True, "searchCriteria": criteria})
    assert answer.status_code == 200, answer.text
    found = [item["service"]["serviceSpecification"]["id"] for item in answer.json()["serviceQualificationItem"]]
    assert "internet-access" in found
    assert answer.json()["state"] == "done"
    assert office.get(answer.json()["href"]).json() == answer.json()
    task = office.post(QUERIES, json={"searchCriteria": criteria})
    assert (task.status_code, task.json()["state"]) == (201, "accepted")
    work(office)
    assert office.get(task.json()["href"]).json()["state"] == "done"


@pytest.mark.parametrize("path", [CHECKS, QUERIES])
def test_lists_are_filtered_and_what_was_answered_is_not_patched(office, path):
    body = check(wanted(port="pe1/ge-0/0/1")) if path == CHECKS else {"instantSyncQualification": True, "searchCriteria": {}}
    one = office.post(path, json=body | {"externalId": "a"}).json()
    office.clock.advance(1)
    other = office.post(path, json=body | {"externalId": "b"}).json()
    assert [each["id"] for each in office.get(f'{path}?externalId="b"').json()] == [other["id"]]
    assert office.get(f"{path}?fields=state").json() == [
        {key: each[key] for key in ("id", "href", "state")} for each in (one, other)
    ]
    assert office.call("PATCH", one["href"], json={"description": "for Acme"}).json()["description"] == "for Acme"
    for refused in ({"state": "accepted"}, {"qualificationResult": "qualified"}, {"serviceQualificationItem": []}, {"id": "x"}):
        assert office.call("PATCH", one["href"], json=refused).status_code == 400, refused
    assert office.get(f"{path}/nobody").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"serviceQualificationItem": []},
        {"serviceQualificationItem": "all"},
        check(wanted(), wanted()),
        check(wanted(), provideAlternative="no"),
    ],
)
def test_what_is_no_check_is_refused(office, body):
    assert office.post(CHECKS, json=body).status_code == 400
    assert office.get(CHECKS).json() == []
