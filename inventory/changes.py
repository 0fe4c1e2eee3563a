"""How often the network was changed: one counter, by which whoever keeps it in memory knows whether that still holds.

Elements, endpoints, ports and links count; services do not, for they come and go all the time.
"""

from functools import cache

from sqlalchemy import Executable, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from inventory.tables import ChangeRow

NETWORK = "network"


def network_changes(session: Session) -> int:
    """Ask before the network is read: what is changed between the two is then read twice, not missed."""
    return session.scalar(select(ChangeRow.count).where(ChangeRow.what == NETWORK)) or 0


def note_network_change(session: Session) -> None:
    """In the transaction of the change, and late in it: on PostgreSQL others who change the network wait from here to its end."""
    session.execute(_counted(session.get_bind().dialect.name), {"what": NETWORK, "count": 1})


@cache
def _counted(dialect: str) -> Executable:
    statement = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(ChangeRow)
    return statement.on_conflict_do_update(index_elements=["what"], set_={"count": ChangeRow.count + 1})
