"""What is left of a link's bandwidth."""

from datetime import UTC, datetime

import pytest

from inventory.allocation import allocate
from inventory.capacity import free_bps
from inventory.db import Database
from inventory.importer import import_document
from inventory.source import Source

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POOLS = {
    "pools": [
        {"name": "link:pe1-p1", "kind": "bandwidth", "capacity_bps": 1000},
        {"name": "vlans", "kind": "vlan", "ranges": [[1, 9]]},
    ]
}

pytestmark = pytest.mark.database


@pytest.fixture
def filled(database: Database) -> Database:
    with database.write() as session:
        import_document(session, Source.of_data(POOLS, "pools.yaml"), platforms=(), at=NOW)
        for service, amount in (("svc-a", 600), ("svc-b", 100)):
            allocate(
                session, "link:pe1-p1", owner=f"itm-{service}", role="bandwidth", service_id=service, at=NOW, amount_bps=amount
            )
    return database


@pytest.mark.parametrize(
    ("pool", "besides", "left"),
    [
        ("link:pe1-p1", "", 300),
        ("link:pe1-p1", "svc-a", 900),
        ("link:pe1-p1", "svc-c", 300),
        ("link:nowhere", "", None),
        ("vlans", "", None),
    ],
)
def test_what_is_left(filled: Database, pool: str, besides: str, left: int | None) -> None:
    with filled.read() as session:
        assert free_bps(session, pool, besides=besides) == left
