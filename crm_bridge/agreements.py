"""Which agreement covers a service at an instant. A change is a new version; the old one keeps its dates."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, and_, bindparam, select
from sqlalchemy.orm import Session, aliased

from crm_bridge.book import in_force
from crm_bridge.errors import NoAgreement
from crm_bridge.tables import AgreementRow, CustomerRow
from inventory.postponed import remembered, settle
from inventory.prepared import Prepared
from inventory.tables import ServiceRow
from policies.values import Interval, new_id

ANY_SPECIFICATION = "*"

_OWN = aliased(AgreementRow)
_VERSIONS = (
    select(AgreementRow)
    .join(_OWN, and_(_OWN.customer_id == AgreementRow.customer_id, _OWN.name == AgreementRow.name))
    .where(_OWN.id == bindparam("own"))
    .order_by(AgreementRow.version.desc())
)
"""Made once: it is asked for every usage record."""
_AGREEMENTS = cast("Table", AgreementRow.__table__)
_FITTING = Prepared(
    select(
        AgreementRow.specification,
        AgreementRow.valid_from,
        AgreementRow.version,
        AgreementRow.name,
        AgreementRow.id,
        AgreementRow.valid_to,
    ).where(
        AgreementRow.customer_id == bindparam("customer"),
        AgreementRow.specification.in_((bindparam("specification"), ANY_SPECIFICATION)),
    )
)
"""Made once: it is asked for every order."""


@dataclass(frozen=True, slots=True)
class AgreementTerms:
    """What is agreed, without its version and dates."""

    name: str
    sla: str
    tariff: str
    specification: str = ANY_SPECIFICATION
    terms: Mapping[str, Any] = field(default_factory=dict)


def agreement_for(session: Session, customer_id: str, specification: str, at: datetime) -> AgreementRow | None:
    """The agreement that a new service of this specification falls under: one that names it goes before one for all."""
    agreement_id = agreement_id_for(session, customer_id, specification, at)
    return None if agreement_id is None else session.get_one(AgreementRow, agreement_id)


def agreement_id_for(session: Session, customer_id: str, specification: str, at: datetime) -> str | None:
    """As `agreement_for`, where it is only to be named."""
    known, key = remembered(session), (agreement_for, customer_id, specification)
    if key not in known:
        settle(session, _AGREEMENTS)
        known[key] = _FITTING.rows(session.connection(), {"customer": customer_id, "specification": specification})
    there = cast("Sequence[tuple[Any, ...]]", known[key])
    fitting = [found for found in there if found[1] <= at and (found[5] is None or found[5] > at)]
    best = max(fitting, key=lambda found: (found[0] == specification, *found[1:4]), default=None)
    return None if best is None else str(best[4])


def agreement_of(session: Session, service: ServiceRow, at: datetime) -> AgreementRow:
    """The version of the service's own agreement that is in force at `at`; raises `NoAgreement`."""
    found = next((row for row in versions_of(session, service) if in_force(row, at)), None)
    if found is None:
        raise NoAgreement(service.customer, service.specification, at)
    return found


def agreed_spans(session: Session, service: ServiceRow, span: Interval) -> Iterator[tuple[AgreementRow, Interval]]:
    """`span` cut where one version of the service's agreement follows another; what is not covered is left out."""
    for row in versions_of(session, service):
        part = Interval(row.valid_from, max(row.valid_from, row.valid_to or span.end)).intersect(span)
        if part is not None:
            yield row, part


def versions_of(session: Session, service: ServiceRow) -> list[AgreementRow]:
    """All versions of the agreement that the service was ordered under, the latest first; without one, of the best match."""
    own = service.agreement
    if not own:
        best = _best(session, service)
        if best is None:
            return []
        own = best.id
    return list(session.scalars(_VERSIONS, {"own": own}))


def agree(
    session: Session, customer: CustomerRow, wanted: AgreementTerms, *, since: datetime, at: datetime
) -> tuple[AgreementRow, bool]:
    """Make the agreement what is wanted; says whether anything had to change.

    The first version may begin in the past. A later one begins at `at` at the earliest, and the one before ends there: what has
    been in force cannot be unsaid. At no instant are two versions in force.
    """
    versions = session.scalars(
        select(AgreementRow)
        .where(AgreementRow.customer_id == customer.id, AgreementRow.name == wanted.name)
        .order_by(AgreementRow.version.desc())
    ).all()
    last = versions[0] if versions else None
    if last is not None and last.valid_to is None and terms_of(last) == wanted:
        return last, False
    since = since if last is None else max(since, at)
    for each in versions:  # not the last alone: it may lie in the future, and the one before it then reaches beyond `since`
        each.valid_to = max(each.valid_from, since if each.valid_to is None else min(each.valid_to, since))
    row = AgreementRow(
        id=new_id("agr", since),
        customer_id=customer.id,
        name=wanted.name,
        version=1 if last is None else last.version + 1,
        specification=wanted.specification,
        sla=wanted.sla,
        tariff=wanted.tariff,
        terms=dict(wanted.terms),
        valid_from=since,
        valid_to=None,
    )
    session.add(row)
    session.flush()
    return row, True


def terms_of(row: AgreementRow) -> AgreementTerms:
    return AgreementTerms(row.name, row.sla, row.tariff, row.specification, dict(row.terms))


def _best(session: Session, service: ServiceRow) -> AgreementRow | None:
    customer = session.scalars(select(CustomerRow).where(CustomerRow.account_number == service.customer)).one_or_none()
    if customer is None:
        return None
    return agreement_for(session, customer.id, service.specification, service.started_at or service.created_at)
