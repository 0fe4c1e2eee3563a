"""What was promised for many services at once: the version of the agreement that is in force, and its SLA with all its terms."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_bridge.agreements import ANY_SPECIFICATION
from crm_bridge.book import PolicyBook, agreed_sla, in_force
from crm_bridge.tables import AgreementRow, CustomerRow
from inventory.tables import ServiceRow
from policies.sla import Sla

_BATCH = 500
"""Services asked for at once: databases bound the parameters of a statement."""


@dataclass(frozen=True, slots=True)
class Served:
    """What of a service a promise hangs on."""

    id: str
    customer: str
    """Account number."""
    specification: str
    agreement: str | None
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Promise:
    service: Served
    agreement: AgreementRow
    sla: Sla


class Promises:
    """Keeps the SLAs that it has put together: a version of an agreement never changes what it says."""

    def __init__(self, book: PolicyBook) -> None:
        self._book = book
        self._slas: dict[str, Sla] = {}

    def of(self, session: Session, services: Collection[str], at: datetime) -> dict[str, Promise]:
        """Service (id) → its promise; absent where nothing was agreed, or under a name that nobody knows."""
        return self.at(session, dict.fromkeys(services, at))

    def at(self, session: Session, instants: Mapping[str, datetime]) -> dict[str, Promise]:
        """The same, of each service at an instant of its own."""
        return {
            service.id: Promise(service, row, sla)
            for service, row in agreed(session, served(session, instants), instants).items()
            if (sla := self.sla(row)) is not None
        }

    def sla(self, agreement: AgreementRow) -> Sla | None:
        known = self._slas.get(agreement.id)
        if known is None:
            try:
                known = self._slas[agreement.id] = agreed_sla(self._book, agreement)
            except LookupError:
                return None
        return known


def served(session: Session, services: Collection[str]) -> list[Served]:
    wanted = sorted(set(services))
    columns = (ServiceRow.id, ServiceRow.customer, ServiceRow.specification, ServiceRow.agreement)
    found: list[Served] = []
    for begin in range(0, len(wanted), _BATCH):
        some = ServiceRow.id.in_(wanted[begin : begin + _BATCH])
        rows = session.execute(select(*columns, ServiceRow.started_at, ServiceRow.ended_at).where(some).order_by(ServiceRow.id))
        found += [Served(*row) for row in rows]
    return found


def agreed(session: Session, services: Iterable[Served], instants: Mapping[str, datetime]) -> dict[Served, AgreementRow]:
    """As `agreements.agreement_of` for each: its own agreement, or the best match of its customer."""
    wanted = list(services)
    versions = _versions(session, {service.customer for service in wanted})
    found = {service: _in_force(versions.get(service.customer, ()), service, instants[service.id]) for service in wanted}
    return {service: row for service, row in found.items() if row is not None}


def _versions(session: Session, customers: Collection[str]) -> Mapping[str, list[AgreementRow]]:
    """Account number → all versions of all agreements, the latest first."""
    found: dict[str, list[AgreementRow]] = defaultdict(list)
    wanted = sorted(customers)
    for begin in range(0, len(wanted), _BATCH):
        some = CustomerRow.account_number.in_(wanted[begin : begin + _BATCH])
        statement = select(CustomerRow.account_number, AgreementRow).join(CustomerRow, CustomerRow.id == AgreementRow.customer_id)
        for number, row in session.execute(statement.where(some).order_by(AgreementRow.version.desc())):
            found[number].append(row)
    return found


def _in_force(versions: Collection[AgreementRow], service: Served, at: datetime) -> AgreementRow | None:
    own = (
        next((row for row in versions if row.id == service.agreement), None) if service.agreement else _best(versions, service, at)
    )
    if own is None:
        return None
    return next((row for row in versions if row.name == own.name and in_force(row, at)), None)


def _best(versions: Collection[AgreementRow], service: Served, at: datetime) -> AgreementRow | None:
    """What it fell under when it began."""
    began = service.started_at or at
    fitting = (row for row in versions if row.specification in {service.specification, ANY_SPECIFICATION} and in_force(row, began))
    return max(
        fitting,
        key=lambda row: (row.specification == service.specification, row.valid_from, row.version, row.name),
        default=None,
    )
