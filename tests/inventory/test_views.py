"""What `fabd inventory show` shows."""

import pytest

from inventory.allocation import allocate
from inventory.db import Database
from inventory.fill import fills
from inventory.importer import import_document
from inventory.ports import claim
from inventory.services import NewService, create_service, set_parts, terminate_service
from inventory.source import Source
from inventory.views import Branch, Leaf, tree
from tests.clock import EPOCH
from tests.inventory.factory import port_id

NETWORK = """\
sites: [{name: belgium}, {name: ghent, parent: belgium}, {name: spare}]
elements:
  - {name: pe1, site: ghent, platform: ios, ports: [{name: b, if_index: 2}, {name: a, if_index: 1, role: core}],
     endpoints: {ssh: {host: 192.0.2.1, port: 22, credential: core}}}
  - {name: p1, site: belgium, platform: frr, role: core, ports: [{name: x, role: core}]}
links: [{a: pe1/a, b: p1/x}]
pools: [{name: v, kind: vlan, ranges: [[1, 4]]}, {name: bw, kind: bandwidth, capacity_bps: 100}]
"""


@pytest.fixture
def network(database: Database) -> Database:
    with database.write() as session:
        import_document(session, Source.of_text(NETWORK, "n.yaml"), platforms={"ios", "frr"}, at=EPOCH)
        for number in (1, 2):
            create_service(session, NewService(f"n{number}", "internet-access", "1", f"C-{number}", {}, id=f"svc-{number}"), EPOCH)
        set_parts(session, "svc-1", {"pe1": "text"})
        claim(session, port_id(session, "pe1/b"), vlan=7, service_id="svc-1", owner="itm-1")
        allocate(session, "v", owner="itm-1", role="vlan", service_id="svc-1", at=EPOCH)
        allocate(session, "bw", owner="itm-1", role="bw", service_id="svc-1", at=EPOCH, amount_bps=40)
        terminate_service(session, "svc-2", EPOCH)
    return database


def test_the_tree_holds_sites_within_sites_and_their_elements(network: Database) -> None:
    with network.read() as session:
        shown = tree(session)
    ghent = Branch("ghent", (), (Leaf("pe1", "ios", "edge", "unlocked", 2),))
    assert shown == (Branch("belgium", (ghent,), (Leaf("p1", "frr", "core", "unlocked", 1),)), Branch("spare", (), ()))


def test_pools_are_shown_with_their_fill(network: Database) -> None:
    with network.read() as session:
        assert [(pool.name, pool.size, pool.allocated, pool.free) for pool in fills(session)] == [
            ("bw", 100, 40, 60),
            ("v", 4, 1, 3),
        ]
