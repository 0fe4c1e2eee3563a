"""Neighbours of FRR as its command line shows them: lost, back, and what a log line claims of them."""

from collections.abc import Iterator

import pytest

from tests.lab import frr
from tests.lab.fabd import Document, Fabd
from tests.lab.lab import Lab
from tests.lab.shell import wait_until
from tests.lab.topology import AUTONOMOUS_SYSTEM, ROUTERS

pytestmark = pytest.mark.lab

PE1 = next(router for router in ROUTERS if router.name == "pe1")
PE2 = next(router for router in ROUTERS if router.name == "pe2")


@pytest.fixture
def asking(fabd: Fabd) -> Iterator[Fabd]:
    """Every element is asked every two seconds."""
    fabd.stop()
    fabd.start(FABD_COLLECTORS__ENABLED="true", FABD_COLLECTORS__INTERVAL_S="2")
    yield fabd
    fabd.stop()


def states(fabd: Fabd, **wanted: str) -> dict[str, Document]:
    return {each["qualifier"]: each for each in fabd.get("/api/v1/collected", limit="500", **wanted)}


def standing(fabd: Fabd, cause: str) -> dict[tuple[str, str], Document]:
    found = fabd.get("/api/v1/alarms", cause=cause, cleared="false")
    return {(each["element"], each["qualifier"]): each for each in found}


def bgp(lab: Lab, *lines: str) -> None:
    del lab
    frr.vtysh("pe1", "configure terminal", f"router bgp {AUTONOMOUS_SYSTEM}", *lines)


def test_every_neighbour_of_every_router_is_found_well(asking: Fabd) -> None:
    others = {str(router.loopback) for router in ROUTERS if router != PE1}

    def found() -> dict[str, Document]:
        return states(asking, element="pe1", cause="bgpNeighbourDown")

    wait_until("pe1's BGP neighbours are known", lambda: found().keys() == others)
    wait_until("they are well", lambda: {each["standing"] for each in found().values()} == {"good"})

    def adjacencies() -> set[str]:
        return {each["shown"] for each in states(asking, element="pe1", cause="ospfNeighbourDown").values()}

    wait_until("its adjacencies are known, too, and full", lambda: adjacencies() == {"Full"}, seen=adjacencies)
    reply = asking.post("/api/v1/collectors/frr-bgp/run", {"element": "pe1"})
    assert {each["qualifier"] for each in reply["states"]} == others


def test_a_session_that_is_shut_is_unwanted_here_and_lost_there_until_it_is_back(asking: Fabd, lab: Lab) -> None:
    here, there = str(PE1.loopback), str(PE2.loopback)
    wait_until("pe2 is known", lambda: here in states(asking, element="pe2"))
    wait_until("pe1 is known", lambda: there in states(asking, element="pe1"))
    bgp(lab, f"neighbor {there} shutdown")
    try:
        wait_until("pe2 has lost pe1", lambda: ("pe2", here) in standing(asking, "bgpNeighbourDown"))
        wait_until("nobody wants it on pe1", lambda: states(asking, element="pe1")[there]["standing"] == "unwanted")
        assert ("pe1", there) not in standing(asking, "bgpNeighbourDown")
    finally:
        bgp(lab, f"no neighbor {there} shutdown")
    wait_until("they speak again", lambda: standing(asking, "bgpNeighbourDown") == {})
    lab.until_converged()
