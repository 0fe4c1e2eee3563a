"""Services over elements that begin or cease to be measured: their state becomes known, or unknown, with the inventory."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.assurance.alarms.board import Board
from agent.assurance.findings import Transition
from agent.assurance.levels.health import Change, Refresher
from agent.assurance.levels.impact import NOT_MEASURED, UNKNOWN, footprints, unmeasured
from agent.assurance.tables import ServiceStateRow
from inventory.topology import Topology


class Measured:
    """Remembers which elements could not be asked when it last looked; lost with the process, and found again."""

    def __init__(self) -> None:
        self._blind: frozenset[str] | None = None

    def look(self, session: Session, topology: Topology, board: Board, at: datetime) -> None:
        """After a regular round: what has an SNMP endpoint now has been asked by it."""
        blind = unmeasured(session)
        before = self._blind if self._blind is not None else _told(session, topology)
        gained, lost = sorted(before - blind), sorted(blind if self._blind is None else blind - before)
        self._blind = blind
        changes = [(name, Change(name, False, Transition.at(at), "")) for name in gained if name in topology.elements]
        changes += [(name, Change(name, True, Transition.at(at), "")) for name in lost if name in topology.elements]
        if not changes:
            return
        over = {name: frozenset(port.reference for port in topology.ports_of(name)) for name, _ in changes}
        refresher = Refresher(session, topology, frozenset().union(*over.values()), board, at)
        for name, change in changes:
            refresher.refresh(over[name], change)
        refresher.write()


def _told(session: Session, topology: Topology) -> frozenset[str]:
    """Elements of services whose state an earlier process left unknown for want of an endpoint."""
    waiting = select(ServiceStateRow.service_id).where(
        ServiceStateRow.end.is_(None), ServiceStateRow.state == UNKNOWN, ServiceStateRow.reason.contains(NOT_MEASURED)
    )
    found = footprints(session, topology, session.scalars(waiting))
    return frozenset(element for footprint in found.values() for element in footprint.elements)
