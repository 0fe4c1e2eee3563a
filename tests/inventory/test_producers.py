"""What makes inventory documents makes them as the importer reads them."""

from pathlib import Path

from sqlalchemy import select

import agent.demo
from drivers.platform import platforms
from drivers.sim.inventory import inventory_document
from drivers.sim.network import SimNetwork
from drivers.sim.topology import load_topology as load_simulated
from inventory.db import Database
from inventory.importer import import_document
from inventory.source import Source
from inventory.tables import ElementRow
from inventory.topology import load_topology
from tests.clock import EPOCH


def _elements(database: Database) -> list[ElementRow]:
    with database.read() as session:
        return list(session.scalars(select(ElementRow)))


def test_the_demos_network_imports_and_is_connected(database: Database) -> None:
    network = SimNetwork(load_simulated(Path(agent.demo.__file__).parent / "network.yaml"))
    with database.write() as session:
        import_document(session, Source.of_data(inventory_document(network), "sim"), platforms=platforms(), at=EPOCH)
    with database.read() as session:
        topology = load_topology(session)
    assert len(topology.elements) >= 8
    assert [element.name for element in _elements(database) if element.attributes.get("poller")] == ["p1"]
    first = next(iter(topology.elements))
    assert all(topology.path(first, other) is not None for other in topology.elements)
