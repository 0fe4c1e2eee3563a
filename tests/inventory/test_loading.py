"""Rows that are read by prepared statements are the session's objects, just as if it had loaded them."""

import pytest
from sqlalchemy.orm import Session

from inventory.db import Database
from inventory.loading import Loading, lock
from inventory.prepared import among
from inventory.tables import ElementRow, EndpointRow, SiteRow

_NAMED = Loading(SiteRow, among(SiteRow.name, "names"), order_by=SiteRow.name)


@pytest.fixture
def sites(database: Database) -> Database:
    with database.write() as session:
        session.add_all([SiteRow(id=f"ste-{name}", name=name, attributes={"of": name}) for name in "abc"])
    return database


@pytest.mark.parametrize("wanted", [(), ("b",), ("c", "a"), ("a", "none", "b", "c"), {"b": 1}.keys()])
def test_one_statement_finds_any_number_of_names(sites: Database, wanted) -> None:
    with sites.read() as session:
        found = [row.name for row in _NAMED.rows(session, {"names": wanted})]
    assert found == sorted(set(wanted) & set("abc"))


def test_what_is_changed_of_them_is_written(sites: Database) -> None:
    with sites.write() as session:
        for row in _NAMED.rows(session, {"names": ["a", "b"]}):
            row.address = f"street {row.attributes['of']}"
    with sites.read() as session:
        assert [row.address for row in _NAMED.rows(session, {"names": ["a", "b", "c"]})] == ["street a", "street b", ""]


def test_an_object_that_the_session_has_is_brought_up_to_date_but_for_its_own_changes(sites: Database) -> None:
    with sites.write() as session:
        mine = session.get_one(SiteRow, "ste-a")
        session.connection().exec_driver_sql("UPDATE site SET address = 'moved', name = 'a2' WHERE id = 'ste-a'")
        mine.address = "mine"
        with session.no_autoflush:
            (found,) = Loading(SiteRow, among(SiteRow.id, "ids")).rows(session, {"ids": ["ste-a"]})
        assert found is mine
        assert (mine.address, mine.name) == ("mine", "a2")


def test_their_relations_are_read_when_they_are_asked_for(sites: Database) -> None:
    with sites.write() as session:
        endpoint = EndpointRow(id="end-1", protocol="netconf", host="192.0.2.1", port=830, credential="lab")
        session.add(ElementRow(id="elm-1", name="pe1", site_id="ste-a", platform="ietf", role="edge", endpoints=[endpoint]))
    with sites.read() as session:
        (element,) = Loading(ElementRow, among(ElementRow.name, "names")).rows(session, {"names": ["pe1"]})
        assert [each.host for each in element.endpoints] == ["192.0.2.1"]


def test_whoever_locks_is_shown_what_is_new_to_him_once(sites: Database) -> None:
    shown = []

    def then(_session: Session, rows) -> None:
        shown.append([row.id for row in rows])

    with sites.write() as session:
        first = lock(session, SiteRow, ["ste-b", "ste-a", "ste-none"], then)
        again = lock(session, SiteRow, ["ste-a", "ste-c"], then)
        assert again["ste-a"] is first["ste-a"]
    assert shown == [["ste-a", "ste-b"], ["ste-c"]]
