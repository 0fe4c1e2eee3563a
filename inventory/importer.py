"""Bringing the inventory in line with a document: check everything, say what would change, change it in one transaction."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from inventory.allocation import reserve
from inventory.changes import note_network_change
from inventory.checks import problems_of
from inventory.difference import Change, Entry, difference
from inventory.document import (
    PROTOCOLS,
    ElementEntry,
    EndpointEntry,
    InventoryDocument,
    LinkEntry,
    PoolEntry,
    PortEntry,
    ReservedEntry,
    SiteEntry,
    read_document,
)
from inventory.errors import InvalidDocument
from inventory.exporter import export
from inventory.guards import objections
from inventory.pools import space_of
from inventory.source import Source
from inventory.tables import AllocationRow, ElementRow, EndpointRow, LinkRow, PoolRow, PortRow, SiteRow
from inventory.topology import split_reference
from policies.values import new_id


@dataclass(frozen=True, slots=True)
class ImportPlan:
    document: InventoryDocument
    changes: tuple[Change, ...]

    def __str__(self) -> str:
        """The diff, a line per change."""
        return "\n".join(map(str, self.changes)) or "nothing changes"


def plan_import(
    session: Session, source: Source, *, platforms: Collection[str], protocols: Collection[str] = PROTOCOLS, prune: bool = False
) -> ImportPlan:
    """What an import would change; nothing is written. `prune` removes what the document leaves out.

    Raises `InvalidDocument` with everything that is wrong: elements may have these `platforms`, endpoints these `protocols`.
    """
    wanted, current = read_document(source), export(session)
    if problems := problems_of(source, wanted, current, platforms=platforms, protocols=protocols, prune=prune):
        raise InvalidDocument(problems)
    changes = difference(current, wanted, prune=prune)
    if problems := objections(session, source, wanted, changes):
        raise InvalidDocument(problems)
    return ImportPlan(wanted, changes)


def apply_import(session: Session, plan: ImportPlan, at: datetime) -> None:
    """Make the changes of a plan, in the transaction in which it was made."""
    _Applier(session, at).apply(plan.changes)
    if plan.changes:
        note_network_change(session)


def import_document(
    session: Session, source: Source, *, platforms: Collection[str], at: datetime, prune: bool = False
) -> tuple[Change, ...]:
    """Plan and apply; what changed. A second import of the same document changes nothing."""
    plan = plan_import(session, source, platforms=platforms, prune=prune)
    apply_import(session, plan, at)
    return plan.changes


class _Applier:
    """Ids by name are read once, so that a large network does not cost a query per object."""

    def __init__(self, session: Session, at: datetime) -> None:
        self._session, self._at = session, at
        self._sites = dict(session.execute(select(SiteRow.name, SiteRow.id)).all())
        self._elements = dict(session.execute(select(ElementRow.name, ElementRow.id)).all())
        self._unplugged: dict[str, str] = {}
        ports = session.execute(select(ElementRow.name, PortRow.name, PortRow.id).join(PortRow))
        self._ports = {f"{element}/{port}": port_id for element, port, port_id in ports}

    def apply(self, changes: Sequence[Change]) -> None:
        self._unplug(changes)
        last = None
        for change in changes:
            if (change.kind, change.action) != last:  # rows of one kind go to the database together
                self._session.flush()
            last = (change.kind, change.action)
            self._apply(change)
        self._session.flush()
        self._place_sites([change.entry for change in changes if change.action != "remove"])
        self._session.flush()
        self._session.expire_all()

    def _apply(self, change: Change) -> None:
        match change.entry:
            case SiteEntry() as entry:
                self._site(change, entry)
            case ElementEntry() as entry:
                self._element(change, entry)
            case EndpointEntry() as entry:
                self._endpoint(change, entry)
            case PortEntry() as entry:
                self._port(change, entry)
            case LinkEntry() as entry:
                self._link(change, entry)
            case PoolEntry() as entry:
                self._pool(change, entry)
            case ReservedEntry() as entry:
                pool, _, value = change.name.partition(" ")
                reserve(self._session, pool, value, reason=entry.reason, at=self._at)

    def _site(self, change: Change, entry: SiteEntry) -> None:
        if change.action == "remove":
            self._session.execute(delete(SiteRow).where(SiteRow.name == entry.name))
        elif change.action == "add":
            row = SiteRow(id=self._id("ste"), name=entry.name, address=entry.address, attributes=entry.attributes)
            self._sites[row.name] = row.id
            self._session.add(row)
        else:
            row = self._session.get_one(SiteRow, self._sites[entry.name])
            row.address, row.attributes = entry.address, entry.attributes

    def _place_sites(self, entries: Iterable[Entry]) -> None:
        """Parents last: a site may stand before its parent in the document."""
        for entry in entries:
            if isinstance(entry, SiteEntry):
                parent = self._sites[entry.parent] if entry.parent else None
                self._session.get_one(SiteRow, self._sites[entry.name]).parent_id = parent

    def _element(self, change: Change, entry: ElementEntry) -> None:
        if change.action == "remove":
            self._session.execute(delete(ElementRow).where(ElementRow.name == entry.name))
            return
        if change.action == "add":
            row = ElementRow(id=self._id("elm"), name=entry.name, endpoints=[], ports=[])
            self._elements[row.name] = row.id
            self._session.add(row)
        else:
            row = self._session.get_one(ElementRow, self._elements[entry.name])
        row.site_id, row.platform, row.role = self._sites[entry.site], entry.platform, entry.role
        row.administrative, row.attributes = entry.administrative, entry.attributes

    def _endpoint(self, change: Change, entry: EndpointEntry) -> None:
        element, _, protocol = change.name.rpartition(" ")
        here = (EndpointRow.element_id == self._elements[element], EndpointRow.protocol == protocol)
        if change.action == "remove":
            self._session.execute(delete(EndpointRow).where(*here))
            return
        if change.action == "add":
            row = EndpointRow(id=self._id("end"), element_id=self._elements[element], protocol=protocol)
            self._session.add(row)
        else:
            row = self._session.scalars(select(EndpointRow).where(*here)).one()
        row.host, row.port, row.credential = entry.host, entry.port, entry.credential

    def _port(self, change: Change, entry: PortEntry) -> None:
        if change.action == "remove":
            self._session.execute(delete(PortRow).where(PortRow.id == self._ports.pop(change.name)))
            return
        if change.action == "add":
            element = split_reference(change.name)[0]
            row = PortRow(id=self._id("prt"), element_id=self._elements[element], name=entry.name)
            self._ports[change.name] = row.id
            self._session.add(row)
        else:
            row = self._session.get_one(PortRow, self._ports[change.name])
        row.if_index, row.speed_bps, row.role, row.attributes = entry.if_index, entry.speed_bps, entry.role, entry.attributes

    def _link(self, change: Change, entry: LinkEntry) -> None:
        if change.action == "remove":
            self._session.execute(delete(LinkRow).where(LinkRow.name == entry.key))
            return
        ends = {"a_port_id": self._ports[entry.a], "b_port_id": self._ports[entry.b]}
        if change.action == "add" or entry.key in self._unplugged:
            link_id = self._unplugged.get(entry.key) or self._id("lnk")
            self._session.add(LinkRow(id=link_id, name=entry.key, attributes=entry.attributes, **ends))
        else:
            self._session.execute(update(LinkRow).where(LinkRow.name == entry.key).values(attributes=entry.attributes))

    def _unplug(self, changes: Iterable[Change]) -> None:
        """Links that get other ends go first, so that two may exchange theirs; they come back under their ids."""
        moved = [change.name for change in changes if change.kind == "link" and change.changed & {"a", "b"}]
        query = select(LinkRow.name, LinkRow.id).where(LinkRow.name.in_(moved))
        self._unplugged = dict(self._session.execute(query).all())
        self._session.execute(delete(LinkRow).where(LinkRow.name.in_(moved)))

    def _pool(self, change: Change, entry: PoolEntry) -> None:
        row = self._session.scalars(select(PoolRow).where(PoolRow.name == entry.name).with_for_update()).first()
        if change.action == "remove":
            if row is not None:
                self._session.execute(delete(AllocationRow).where(AllocationRow.pool_id == row.id))
                self._session.execute(delete(PoolRow).where(PoolRow.id == row.id))
            return
        if row is None:
            row = PoolRow(id=self._id("pol"), name=entry.name, cursor="0", used_bps=0)
            self._session.add(row)
        row.kind, row.quarantine_s, row.low_watermark = entry.kind, entry.quarantine_s, entry.low_watermark
        if row.definition != entry.definition:
            row.definition, row.size = entry.definition, str(space_of(entry.kind, entry.definition).size)
            row.cursor = "0"  # offsets have moved; values that are given out are passed over

    def _id(self, prefix: str) -> str:
        return new_id(prefix, self._at)
