"""What TM Forum's conformance kits do to every API alike, with bodies of our own: make two, list, show, choose, filter, miss.

They send quoted values, attributes that nobody knows, server-set fields, a charset beside the media type and a slash at the end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

HEADERS = {"Accept": "application/json;charset=utf-8", "Content-Type": "application/json;charset=utf-8"}
UNKNOWN = {"@type": "Special", "@baseType": "Usual", "@schemaLocation": "https://schemas.example/special.json", "x-kit": {"a": [1]}}
"""What every body has beside its own."""

Body = dict[str, Any]


@dataclass(frozen=True)
class Profile:
    """One resource as its kit looks at it."""

    collection: str
    bodies: Callable[[Any], tuple[Body, Body]]
    """Two of them, unlike each other."""
    mandatory: tuple[str, ...]
    """Of every answer."""
    demanded: tuple[str, ...]
    """Of every body that is sent."""
    filters: tuple[str, ...]
    """Texts to look for."""
    server_set: Body
    """What a client may say at creation, and is not believed."""

    def __str__(self) -> str:
        return self.collection.rpartition("/")[2]


def _order(office, port, **more) -> Body:
    values = [{"name": "port", "valueType": "String", "value": port}]
    service = {
        "state": "active",
        "serviceType": "CFS",
        "serviceCharacteristic": values,
        "serviceSpecification": {"id": "internet-access"},
    }
    return {
        "relatedParty": [{"id": office.operator.account, "role": "customer"}],
        "serviceOrderItem": [
            {"id": "1", "action": "add", "@type": "standard", "quantity": 1, "state": "active", "service": service}
        ],
        "requestedStartDate": "2018-01-15T09:37:40.508Z",
        "requestedCompletionDate": "2018-01-15T09:37:40.508Z",
    } | more


ASKED_FOR = {"serviceSpecification": {"id": "12"}}


def _foreign(name: str, state: str, description: str) -> Body:
    """Of another's catalog: kept, and not carried out."""
    specification = {"id": "31", "href": "https://catalog.example/31", "name": "Managed office"}
    return {"name": name, "state": state, "description": description, "serviceSpecification": specification}


PROFILES = (
    Profile(
        "/tmf-api/serviceOrdering/v4/serviceOrder",
        lambda office: (
            _order(office, "pe1/ge-0/0/1", externalId="OurBSS1", priority="1", category="Cloud", description="first of ours"),
            _order(office, "pe2/Gi0/1", externalId="OurBSS2", priority="2", category="Home", description="second, of ours"),
        ),
        ("id", "href", "state", "orderDate", "serviceOrderItem"),
        ("serviceOrderItem",),
        ("externalId", "priority", "category", "description"),
        {
            "id": "mine",
            "href": "/mine",
            "state": "completed",
            "orderDate": "2018-02-15T09:37:40.508Z",
            "startDate": "2018-02-15T09:37:40Z",
        },
    ),
    Profile(
        "/tmf-api/serviceInventory/v4/service",
        lambda _: (
            {"name": "one", "state": "active", "serviceSpecification": {"id": "12"}, "description": "d1", "startMode": "1"},
            {"name": "two", "state": "designed", "serviceSpecification": {"id": "13"}, "description": "d2", "startMode": "2"},
        ),
        ("id", "href", "state", "serviceSpecification", "serviceDate", "category"),
        ("state", "serviceSpecification"),
        ("name", "state", "description", "startMode", "serviceSpecification.id"),
        {"id": "mine", "href": "/mine", "serviceDate": "2018-01-15T09:37:40Z"},
    ),
    Profile(
        "/tmf-api/ServiceActivationAndConfiguration/v4/service",
        lambda _: (_foreign("one", "feasibilityChecked", "d1"), _foreign("two", "active", "d2")),
        ("id", "href", "state", "serviceSpecification", "serviceDate"),
        ("state", "serviceSpecification"),
        ("name", "state", "description"),
        {"id": "mine", "href": "/mine", "serviceDate": "2018-01-15T09:37:40Z"},
    ),
    *(
        Profile(
            f"/tmf-api/resourceInventoryManagement/v4/{kind}",
            lambda _: (
                {"name": "Splice box 12", "category": "Passive", "description": "d1", "value": "12", "resourceVersion": "1"},
                {"name": "Splice box 13", "category": "Cabinet", "description": "d2", "value": "13", "resourceVersion": "2"},
            ),
            ("id", "href", "name"),
            () if kind == "logicalResource" else ("name",),
            ("name", "category", "description", "resourceVersion"),
            {"id": "mine", "href": "/mine"},
        )
        for kind in ("resource", "physicalResource", "logicalResource")
    ),
    *(
        Profile(
            f"/tmf-api/serviceCatalogManagement/v4/{kind}",
            lambda _, more=more: (
                {"name": "Transport", "description": "d1", "version": "1", "lifecycleStatus": "Active"} | more,
                {"name": "Access", "description": "second, of ours", "version": "2", "lifecycleStatus": "Retired"} | more,
            ),
            ("id", "href", "name", "lifecycleStatus", "lastUpdate", *own),
            ("name", *more),
            ("name", "description"),
            {"id": "mine", "href": "/mine", "lastUpdate": "2018-01-15T09:37:40Z"},
        )
        for kind, more, own in (
            ("serviceCatalog", {}, ()),
            ("serviceCategory", {}, ("isRoot",)),
            ("serviceCandidate", {"serviceSpecification": {"id": "55", "name": "Fibre pair"}}, ("serviceSpecification",)),
            ("serviceSpecification", {}, ("isBundle",)),
        )
    ),
    *(
        Profile(
            f"/tmf-api/serviceQualificationManagement/v4/{kind}",
            lambda _, asked=asked: (
                {"externalId": "Q-1", "description": "first of ours"} | asked,
                {"externalId": "Q-2", "description": "second, of ours"} | asked,
            ),
            ("id", "href", "state", f"{kind}Date", *asked),
            tuple(asked),
            ("externalId", "description"),
            {"id": "mine", "href": "/mine", f"{kind}Date": "2018-01-15T09:37:40Z", "state": "done"},
        )
        for kind, asked in (
            (
                "checkServiceQualification",
                {"serviceQualificationItem": [{"id": "1", "service": {"serviceSpecification": {"id": "12"}}}]},
            ),
            ("queryServiceQualification", {"searchCriteria": {"service": {"serviceSpecification": {"id": "12"}}}}),
        )
    ),
    Profile(
        "/tmf-api/troubleTicket/v4/troubleTicket",
        lambda _: (
            {"name": "one", "description": "no light", "severity": "Urgent", "ticketType": "Bills charges"},
            {"name": "two", "description": "too slow", "severity": "Low", "ticketType": "Complaint"},
        ),
        ("id", "href", "status", "description", "severity", "ticketType", "creationDate", "lastUpdate"),
        ("description", "severity", "ticketType"),
        ("name", "description", "severity", "ticketType"),
        {"id": "mine", "href": "/mine", "creationDate": "2018-01-15T09:37:40Z"},
    ),
    Profile(
        "/tmf-api/usageManagement/v4/usage",
        lambda _: (
            {"usageSpecification": {"id": "af59"}, "usageType": "voice", "description": "one"},
            {"usageSpecification": {"id": "bf60"}, "usageType": "data", "description": "two"},
        ),
        ("id", "href", "status", "usageDate", "usageSpecification"),
        (),
        ("usageType", "description", "usageSpecification.id"),
        {"id": "mine", "href": "/mine"},
    ),
    Profile(
        "/tmf-api/usageManagement/v4/usageSpecification",
        lambda _: ({"name": "voice", "description": "one"}, {"name": "data", "description": "two"}),
        ("id", "href", "name", "isBundle", "lastUpdate", "lifecycleStatus"),
        (),
        ("name", "description"),
        {"id": "mine", "href": "/mine", "lastUpdate": "2018-01-15T09:37:40Z"},
    ),
)


@pytest.fixture(params=PROFILES, ids=str)
def profile(request) -> Profile:
    return request.param


@pytest.fixture
def two(office, profile) -> tuple[Body, Body]:
    """Both as they were answered."""
    sent = profile.bodies(office)
    answers = []
    for body in sent:
        answers.append(office.post(profile.collection, json=body | UNKNOWN | profile.server_set, headers=HEADERS))
        office.clock.advance(1)
    assert [answer.status_code for answer in answers] == [201, 201], [answer.text for answer in answers]
    for body, answer in zip(sent, answers, strict=True):
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["location"] == answer.json()["href"]
        expected = {key: value for key, value in body.items() if key not in {"serviceOrderItem", "relatedParty"}} | UNKNOWN
        assert answer.json().items() >= expected.items()
    return answers[0].json(), answers[1].json()


def own(listed: list[Body], two: tuple[Body, Body]) -> list[Body]:
    """Without what fabd lists beside what clients keep; both of them are there."""
    found = [each for each in listed if each["id"] in {made["id"] for made in two}]
    assert len(found) == len(two)
    return found


def reach(document: Any, path: str) -> Any:
    for step in path.split("."):
        document = document[step]
    return document


def test_what_is_made_has_everything_that_is_mandatory_and_the_server_says_what_is_its_own(profile, two):
    for made in two:
        assert set(profile.mandatory) <= set(made)
        for name, value in profile.server_set.items():
            assert made.get(name) != value, name
    assert two[0]["id"] != two[1]["id"]


def test_both_are_listed_and_shown(office, profile, two):
    for collection in (profile.collection, f"{profile.collection}/"):
        listed = office.get(collection, headers=HEADERS)
        assert (listed.status_code, isinstance(listed.json(), list)) == (200, True)
        assert own(listed.json(), two) == list(two)
    for made in two:
        assert office.get(made["href"], headers=HEADERS).json() == made


def test_exactly_what_is_asked_for_is_answered(office, profile, two):
    names = [*profile.mandatory, "x-kit"]
    for name in names:
        for answer in (
            office.get(f"{two[0]['href']}?fields={name}").json(),
            *own(office.get(f"{profile.collection}?fields={name}").json(), two),
        ):
            assert set(answer) == {"id", "href", name}
    both = own(office.get(profile.collection, params={"fields": ",".join(names)}).json(), two)
    assert all(set(answer) == {"id", "href", *names} for answer in both)


@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_a_filter_finds_the_one_and_not_the_other(office, profile, two, quote):
    for name in profile.filters:
        for made in two:
            value = str(reach(made, name))
            found = office.get(
                profile.collection,
                params={name: f"{quote or chr(34)}{value}{quote or chr(34)}" if "," in value else f"{quote}{value}{quote}"},
            )
            assert (found.status_code, [each["id"] for each in found.json()]) == (200, [made["id"]]), (name, value)


def test_instants_are_found_however_they_are_written(office, profile, two):
    dates = [name for name in two[0] if name.endswith("Date") or name == "lastUpdate"]
    for name in dates:
        value = two[0][name].replace("Z", "+00:00")
        found = office.get(profile.collection, params={name: f'"{value}"'})
        assert two[0]["id"] in [each["id"] for each in found.json()], name


def test_several_filters_and_a_choice_go_together(office, profile, two):
    first, second = profile.filters[:2]
    asked = {first: reach(two[1], first), second: f'"{reach(two[1], second)}"', "fields": "id,href"}
    assert office.get(profile.collection, params=asked).json() == [{"id": two[1]["id"], "href": two[1]["href"]}]
    asked[second] = reach(two[0], second)
    assert office.get(profile.collection, params=asked).json() == []


def test_an_attribute_that_nothing_has_is_named(office, profile, two):
    del two
    for parameter in ("nonesuch", "nonesuch.gt", "relatedParty.nonesuch"):
        refused = office.get(profile.collection, params={parameter: "x"})
        assert (refused.status_code, refused.json()["code"]) == (400, "unknownAttribute"), parameter
    assert office.get(profile.collection, params={"sort": "nonesuch"}).status_code == 400


def test_pages_are_cut_and_counted(office, profile, two):
    total = len(office.get(profile.collection).json())
    cut = office.get(profile.collection, params={"limit": 1, "offset": total - 1})
    assert (cut.status_code, [each["id"] for each in cut.json()]) == (206, [two[1]["id"]])
    assert (cut.headers["x-result-count"], cut.headers["x-total-count"]) == ("1", str(total))
    whole = office.get(profile.collection, params={"limit": total})
    assert (whole.status_code, whole.headers["x-total-count"]) == (200, str(total))
    for absurd in ({"limit": "-1"}, {"limit": "100000"}, {"offset": "x"}, {"offset": "9" * 30}, {"limit": "1.5"}):
        assert office.get(profile.collection, params=absurd).json()["code"] == "pagingInvalid"


def test_what_nobody_has_is_not_found(office, profile):
    for identity in ("404", "does-not-exist", "%20"):
        missed = office.get(f"{profile.collection}/{identity}")
        assert (missed.status_code, missed.json()["@type"]) == (404, "Error")


def test_what_is_demanded_and_not_sent_is_named(office, profile):
    body, before = profile.bodies(office)[0], office.get(profile.collection).json()
    for name in profile.demanded:
        refused = office.post(profile.collection, json={key: value for key, value in body.items() if key != name})
        assert (refused.status_code, refused.json()["referenceError"]) == (400, f"#/{name}")
        assert refused.json().keys() >= {"code", "reason", "message", "status"}
    assert office.get(profile.collection).json() == before


def test_a_patch_changes_what_it_says_and_refuses_what_is_the_servers(office, profile, two):
    changed = office.call("PATCH", two[0]["href"], json={"description": "changed", "x-kit": {"b": 2}}, headers=HEADERS)
    assert changed.status_code == 200
    assert (changed.json()["description"], changed.json()["x-kit"]) == ("changed", {"a": [1], "b": 2})
    for name in ("id", "href", *(key for key in profile.server_set if key != "state")):
        refused = office.call("PATCH", two[0]["href"], json={name: "2020-01-01T00:00:00Z"})
        assert (refused.status_code, refused.json()["referenceError"]) == (400, f"#/{name}")


def test_nothing_is_answered_to_who_cannot_read_it(office, profile):
    refused = office.get(profile.collection, headers={"Accept": "text/xml"})
    assert (refused.status_code, refused.json()["code"]) == (406, "notAcceptable")
    for accept in ("*/*", "application/*;q=0.5", "text/html, application/json;q=0.1", "application/problem+json", ""):
        assert office.get(profile.collection, headers={"Accept": accept}).status_code == 200, accept
    assert office.get(profile.collection, headers={"Accept": "application/json;q=0"}).status_code == 406
    problem = office.get(f"{profile.collection}/x", headers={"Accept": "application/problem+json"})
    assert problem.headers["content-type"] == "application/problem+json"
