"""From which addresses elements send, beside those at which they are polled."""

import asyncio

from agent.listening import SOURCES, Addresses
from inventory.db import Database
from inventory.tables import EndpointRow
from policies.values import new_id
from tests.inventory.factory import add_element


def endpoint(host: str, protocol: str = "netconf") -> EndpointRow:
    return EndpointRow(id=new_id("end"), protocol=protocol, host=host, port=830, credential="lab")


def test_endpoints_names_and_attributes_are_addresses_and_shared_ones_are_nobodys(database: Database) -> None:
    with database.write() as session:
        for name, host, sources in (
            ("pe1", "192.0.2.1", "198.51.100.1, 198.51.100.2"),
            ("pe2", "localhost", ["198.51.100.2", 7]),
            ("pe3", "nowhere.invalid", {"no": "list"}),
        ):
            row = add_element(session, name, attributes={SOURCES: sources})
            row.endpoints.append(endpoint(host))
    aliases = asyncio.run(Addresses(database).aliases())
    assert {address: aliases.get(address) for address in ("192.0.2.1", "198.51.100.1", "198.51.100.2", "127.0.0.1")} == {
        "192.0.2.1": "pe1",
        "198.51.100.1": "pe1",
        "198.51.100.2": None,
        "127.0.0.1": "pe2",
    }
    assert "pe3" not in aliases.values()
