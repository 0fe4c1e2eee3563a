"""Pools over HTTP: how full they are, and keeping values back, on record."""

import pytest
from sqlalchemy import select

from agent.security.roles import Role
from agent.security.tables import AuditRow
from tests.agent.api.office import Office

POOLS = "/api/v1/pools"


@pytest.fixture
def office(database, clock):
    return Office(database, clock)


def test_pools_are_listed_with_their_fill(office):
    listed = office.call("GET", POOLS, role=Role.VIEWER).json()
    assert [each["name"] for each in listed] == sorted(each["name"] for each in listed)
    links = next(each for each in listed if each["name"] == "ipv4-links")
    assert (links["size"], links["free"], links["low"], links["days_left"]) == (4, 4, False, None)


def test_values_are_kept_back_and_given_back_on_record(office):
    kept = office.call("POST", f"{POOLS}/vlan-access/reserve", json={"values": ["104", "105"], "reason": "legacy"}).json()
    assert [(each["value"], each["reason"]) for each in kept["kept_back"]] == [("104", "legacy"), ("105", "legacy")]
    assert kept["free"] == 98
    back = office.call("POST", f"{POOLS}/vlan-access/release", json={"values": ["104"]}).json()
    assert [each["value"] for each in back["kept_back"]] == ["105"]
    assert office.call("GET", f"{POOLS}/vlan-access").json() == back
    with office.database.read() as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.object == "pool vlan-access")).all()
    assert {row.action: (row.before, row.after) for row in rows} == {
        "reserve": (None, {"values": ["104", "105"], "reason": "legacy"}),
        "release": ({"values": {"104": "legacy"}}, None),
    }


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("nowhere/reserve", {"values": ["1"]}, 404),
        ("vlan-access/reserve", {"values": ["1"]}, 400),
        ("vlan-access/reserve", {"values": []}, 400),
        ("vlan-access/release", {"values": ["104"]}, 409),
    ],
)
def test_what_cannot_be_is_refused_in_words(office, path, body, status):
    answer = office.call("POST", f"{POOLS}/{path}", json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]


def test_who_only_looks_keeps_nothing_back(office):
    assert office.call("POST", f"{POOLS}/vlan-access/reserve", role=Role.VIEWER, json={"values": ["104"]}).status_code == 403
