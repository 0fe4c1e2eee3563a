"""What real lldpd tells its neighbours, asked for over SNMPv3 and held against the inventory."""

import json

import pytest

from tests.lab.fabd import Document, Fabd
from tests.lab.shell import wait_until

pytestmark = pytest.mark.lab

CORE = {"pe1-p1", "p1-pe2", "leaf1-p1", "leaf2-p1"}
HOSTS = {"pe1-ce1"}
"""Links to what speaks no LLDP."""


def discovered(fabd: Fabd) -> list[Document]:
    found: list[Document] = json.loads(fabd.command("inventory", "discover", "--json"))["findings"]
    return found


def links(found: list[Document], verdict: str) -> set[str]:
    return {each["link"] for each in found if each["verdict"] == verdict}


def test_neighbours_confirm_the_inventory_and_contradict_a_wrong_one(fabd: Fabd) -> None:
    found: list[Document] = []

    def all_have_heard() -> bool:
        found[:] = discovered(fabd)
        return links(found, "confirmed") == CORE

    wait_until("all have heard each other", all_have_heard)
    assert links(found, "missing") == HOSTS
    wrong = fabd.network()
    [link] = [each for each in wrong["links"] if each["name"] == "p1-pe2"]
    link["b"] = "pe2/cust1"
    fabd.import_network(wrong)
    try:
        found = discovered(fabd)
    finally:
        fabd.import_network(fabd.network())
    assert links(found, "confirmed") == CORE - {"p1-pe2"}
    [other] = [each for each in found if each["verdict"] == "other"]
    assert (other["port"], other["heard"], other["expected"]) == ("p1/c-pe2", "pe2/c-p1", "pe2/cust1")
