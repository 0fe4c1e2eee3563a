"""The SLAs and tariffs that agreements name, and what one agreement makes of them."""

from datetime import datetime
from typing import Protocol

from crm_bridge.tables import AgreementRow
from policies.sla import Sla
from policies.tariff import Tariff


class PolicyBook(Protocol):
    """Where names of SLAs and tariffs are looked up; unknown ones raise `LookupError`."""

    def sla(self, name: str) -> Sla: ...

    def tariff(self, name: str) -> Tariff: ...


def agreed_sla(book: PolicyBook, agreement: AgreementRow) -> Sla:
    """The named SLA with the terms of this agreement."""
    return book.sla(agreement.sla).with_terms(agreement.terms.get("sla", {}))


def agreed_tariff(book: PolicyBook, agreement: AgreementRow) -> Tariff:
    """The named tariff with the terms of this agreement."""
    return book.tariff(agreement.tariff).with_terms(agreement.terms.get("tariff", {}))


def in_force(agreement: AgreementRow, at: datetime) -> bool:
    return agreement.valid_from <= at and (agreement.valid_to is None or at < agreement.valid_to)
