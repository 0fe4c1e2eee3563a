"""From an element's name to a session: what the inventory, the platforms and the credentials must say."""

import pytest

from agent.errors import CredentialUnresolved
from agent.fulfillment.doors import InventoryDoors
from agent.fulfillment.errors import EndpointUnusable
from drivers.errors import DriverSetupError
from drivers.platform import load_platform
from drivers.port import Credential
from inventory.elements import set_administrative
from inventory.importer import import_document
from inventory.source import Source

DOCUMENT = {
    "sites": [{"name": "lab"}],
    "elements": [
        {
            "name": "pe1",
            "site": "lab",
            "platform": "ietf",
            "endpoints": {"netconf": {"host": "192.0.2.1", "port": 830, "credential": "core"}},
        },
        {
            "name": "pe2",
            "site": "lab",
            "platform": "ios",
            "endpoints": {"snmp": {"host": "192.0.2.2", "port": 161, "credential": "core"}},
        },
        {"name": "pe3", "site": "lab", "platform": "mystery"},
    ],
}


class FakeDriver:
    def __init__(self, protocol):
        self.protocol = protocol
        self.opened = []
        self.ended = []

    def open(self, target, deadline):
        self.opened.append((target, deadline))
        return "session"

    def end_session(self, target, session_id, deadline):
        self.ended.append((target.element, session_id, deadline))


@pytest.fixture
def doors(database, clock, tmp_path):
    with database.write() as session:
        import_document(session, Source.of_data(DOCUMENT, "x.yaml"), platforms=["ietf", "ios", "mystery"], at=clock.now())
    driver = FakeDriver("netconf")

    def credential(reference):
        return Credential(reference, "fabd", "secret")

    return InventoryDoors(
        database, lambda _: driver, credential, lambda name: load_platform(name).protocol, tmp_path / "known_hosts"
    )


def test_a_door_knows_address_protocol_and_credential(doors):
    assert doors.to("pe1").open(5.0) == "session"
    ((target, deadline),) = doors.drivers("netconf").opened
    assert (target.element, target.platform, target.protocol, target.host, target.port) == (
        "pe1",
        "ietf",
        "netconf",
        "192.0.2.1",
        830,
    )
    assert (target.credential.reference, target.known_hosts, deadline) == ("core", doors.known_hosts, 5.0)
    assert "secret" not in repr(target)


def test_a_left_session_is_ended_by_its_id(doors):
    doors.to("pe1").end("17", 5.0)
    assert doors.drivers("netconf").ended == [("pe1", "17", 5.0)]


@pytest.mark.parametrize(
    ("element", "message"),
    [
        ("pe9", "pe9: it is no longer in the inventory; import it again"),
        ("pe2", "pe2: it has no ssh endpoint; add one to the inventory"),
        ("pe3", "pe3: unknown platform 'mystery'"),
    ],
)
def test_what_is_missing_is_named(doors, element, message):
    with pytest.raises(EndpointUnusable, match="^" + message.replace("?", r"\?")):
        doors.to(element).open(5.0)


def test_a_locked_element_is_not_touched(doors):
    with doors.database.write() as session:
        set_administrative(session, "pe1", "locked")
    with pytest.raises(EndpointUnusable, match="locked by an operator"):
        doors.to("pe1").open(5.0)
    assert doors.drivers("netconf").opened == []


@pytest.mark.parametrize(
    "error", [CredentialUnresolved("core", "add it"), FileNotFoundError("gone"), DriverSetupError("no driver")]
)
def test_a_credential_that_cannot_be_had_is_named_by_reference(doors, error):
    def fails(reference):
        assert reference == "core"
        raise error

    doors = InventoryDoors(doors.database, doors.drivers, fails, doors.protocol_of)
    with pytest.raises(EndpointUnusable, match=r"pe1: credential core: "):
        doors.to("pe1").open(5.0)
