"""Who may use a port together with whom."""

import threading

import pytest

from inventory.db import Database
from inventory.errors import PortInUse, UnknownObject
from inventory.ports import bequeath_claims, claim, claims, release_claims, renounce_claims
from tests.inventory.factory import add_element, port_id


@pytest.fixture
def port(database: Database) -> str:
    with database.write() as session:
        add_element(session, "pe1", customer=["ge-0/0/1"])
        return port_id(session, "pe1/ge-0/0/1")


@pytest.mark.parametrize(("held", "wanted", "allowed"), [(0, 0, False), (0, 5, False), (5, 0, False), (5, 5, False), (5, 6, True)])
def test_what_another_service_holds_decides(database: Database, port: str, held: int, wanted: int, allowed: bool) -> None:
    with database.write() as session:
        claim(session, port, vlan=held, service_id="svc-1", owner="itm-1")
        if allowed:
            claim(session, port, vlan=wanted, service_id="svc-2", owner="itm-2")
        else:
            with pytest.raises(PortInUse, match="port pe1/ge-0/0/1 is in use: service svc-1 has"):
                claim(session, port, vlan=wanted, service_id="svc-2", owner="itm-2")


def test_a_service_keeps_what_it_has(database: Database, port: str) -> None:
    with database.write() as session:
        first = claim(session, port, vlan=5, service_id="svc-1", owner="itm-1")
        assert claim(session, port, vlan=5, service_id="svc-1", owner="itm-9") == first
        assert claims(session, "svc-1") == (first,)
        assert first.port == "pe1/ge-0/0/1"


def test_released_ports_are_free(database: Database, port: str) -> None:
    with database.write() as session:
        claim(session, port, vlan=0, service_id="svc-1", owner="itm-1")
        assert release_claims(session, service_id="svc-1") == 1
        assert release_claims(session, service_id="svc-1") == 0
        claim(session, port, vlan=0, service_id="svc-2", owner="itm-2")
        assert release_claims(session, owner="itm-2") == 1


def test_releasing_nobodys_claims_is_a_mistake(database: Database) -> None:
    with database.write() as session, pytest.raises(ValueError, match="whose claims"):
        release_claims(session)


def test_a_port_that_is_gone_is_named(database: Database) -> None:
    with database.write() as session, pytest.raises(UnknownObject, match="no port 'prt-gone'"):
        claim(session, "prt-gone", vlan=0, service_id="svc-1", owner="itm-1")


def test_of_those_who_race_for_a_port_one_gets_it(database: Database, port: str) -> None:
    outcomes: list[str] = []

    def race(number: int) -> None:
        try:
            with database.write() as session:
                claim(session, port, vlan=number % 2 * 7, service_id=f"svc-{number}", owner="")
            outcomes.append("mine")
        except PortInUse:
            outcomes.append("in use")

    threads = [threading.Thread(target=race, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == [*["in use"] * 5, "mine"]


def test_an_heir_has_the_port_from_the_moment_its_holder_has_ended(database: Database, port: str) -> None:
    with database.write() as session:
        claim(session, port, vlan=0, service_id="svc-1", owner="itm-1")
        claim(session, port, vlan=0, service_id="svc-2", owner="itm-2", ending={"svc-1"})
        assert claim(session, port, vlan=0, service_id="svc-2", owner="itm-2", ending={"svc-1"}).service_id == "svc-2"
        assert claims(session, "svc-2") == ()
        bequeath_claims(session, "svc-1")
        assert [(each.vlan, each.service_id) for each in claims(session, "svc-2")] == [(0, "svc-2")]
        assert claims(session, "svc-1") == ()


def test_until_then_it_is_whose_it_was(database: Database, port: str) -> None:
    with database.write() as session:
        claim(session, port, vlan=0, service_id="svc-1", owner="itm-1")
        claim(session, port, vlan=0, service_id="svc-2", owner="itm-2", ending={"svc-1"})
        renounce_claims(session, "svc-2")
        assert release_claims(session, service_id="svc-1", owner="itm-2") == 0
        assert release_claims(session, service_id="svc-1", owner="itm-1") == 1


@pytest.mark.parametrize(("inherited", "wanted"), [(0, 0), (0, 5), (5, 0), (5, 5)])
def test_what_has_an_heir_is_nobody_elses_to_inherit(database: Database, port: str, inherited: int, wanted: int) -> None:
    with database.write() as session:
        claim(session, port, vlan=inherited, service_id="svc-1", owner="itm-1")
        claim(session, port, vlan=inherited, service_id="svc-2", owner="itm-2", ending={"svc-1"})
        with pytest.raises(PortInUse, match="service svc-2 has"):
            claim(session, port, vlan=wanted, service_id="svc-3", owner="itm-3", ending={"svc-1"})


def test_who_renounces_inherits_nothing_and_has_nothing(database: Database, port: str) -> None:
    with database.write() as session:
        claim(session, port, vlan=5, service_id="svc-1", owner="itm-1")
        claim(session, port, vlan=5, service_id="svc-2", owner="itm-2", ending={"svc-1"})
        claim(session, port, vlan=6, service_id="svc-2", owner="itm-2", ending={"svc-1"})
        renounce_claims(session, "svc-2")
        assert [each.vlan for each in claims(session, "svc-1")] == [5]
        bequeath_claims(session, "svc-1")
        claim(session, port, vlan=0, service_id="svc-3", owner="itm-3")
