"""Who says what on an element."""

import pytest

from inventory.services import NewService, create_service, set_parts, terminate_service
from inventory.sharing import disown, others, own, untold
from inventory.tables import ServiceRow
from tests.clock import EPOCH
from tests.inventory.factory import add_element

VRF = {"vrf ACME": "", "vrf ACME / rd": "rd 65000:1"}


@pytest.fixture
def session(database):
    with database.write() as session:
        for name in ("pe1", "pe2"):
            add_element(session, name)
        for number in (1, 2, 3):
            new = NewService(f"vpn {number}", "l3vpn", "1.0.0", "C-1001", {}, id=f"svc-{number}")
            create_service(session, new, EPOCH, state="active")
        yield session


def found(session, services, places=tuple(VRF), element="pe1"):
    return {place: said.service_id for place, said in others(session, element, places, services).items()}


def test_what_another_one_says_is_found_by_its_place(session):
    own(session, "svc-1", {"pe1": VRF})
    assert found(session, ["svc-2"]) == {"vrf ACME": "svc-1", "vrf ACME / rd": "svc-1"}
    said = others(session, "pe1", VRF, ["svc-2"])["vrf ACME / rd"]
    assert said.is_value("rd 65000:1")
    assert not said.is_value("rd 65000:2")
    assert others(session, "pe1", VRF, ["svc-2"])["vrf ACME"].is_value("")


@pytest.mark.parametrize(
    ("services", "places", "element"),
    [(["svc-1"], ["vrf ACME"], "pe1"), (["svc-2"], ["vrf BETA"], "pe1"), (["svc-2"], ["vrf ACME"], "pe2"), (["svc-2"], [], "pe1")],
    ids=["its own", "another place", "another element", "no place"],
)
def test_what_nobody_else_says_there_is_not_found(session, services, places, element):
    own(session, "svc-1", {"pe1": VRF})
    assert found(session, services, places, element) == {}


def test_saying_anew_replaces_what_was_said(session):
    own(session, "svc-1", {"pe1": VRF, "pe2": VRF})
    own(session, "svc-1", {"pe2": {"vrf BETA": ""}})
    assert found(session, [], element="pe1") == {}
    assert found(session, [], ["vrf ACME", "vrf BETA"], "pe2") == {"vrf BETA": "svc-1"}


def test_of_several_each_one_owns_it_until_the_last_is_gone(session):
    for service in ("svc-1", "svc-2", "svc-3"):
        own(session, service, {"pe1": VRF})
    disown(session, "svc-1")
    assert found(session, ["svc-3"])["vrf ACME"] == "svc-2"
    terminate_service(session, "svc-2", EPOCH)
    assert found(session, ["svc-3"]) == {}
    assert found(session, [])["vrf ACME"] == "svc-3"


def test_many_places_are_asked_for_at_once(session):
    many = {f"network {number}": "" for number in range(1200)}
    own(session, "svc-1", {"pe1": many})
    assert found(session, [], list(many)) == dict.fromkeys(many, "svc-1")


def test_active_services_of_whom_nothing_is_written_down_are_found_once(session):
    for service in ("svc-1", "svc-2", "svc-3"):
        set_parts(session, service, {"pe1": f"text of {service}\n"})
    own(session, "svc-2", {"pe1": VRF})
    session.get_one(ServiceRow, "svc-3").state = "reserved"
    session.flush()
    ((part,),) = untold(session)
    assert (part.service_id, part.element, part.platform, part.desired) == ("svc-1", "pe1", "ios", "text of svc-1\n")
    own(session, "svc-1", {"pe1": VRF})
    assert list(untold(session)) == []
