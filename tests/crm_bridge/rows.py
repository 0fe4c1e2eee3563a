"""A customer with an agreement and a service, as the tests of the bridge need them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from crm_bridge.agreements import AgreementTerms, agree
from crm_bridge.customers import CustomerData, create_customer
from crm_bridge.tables import AgreementRow, CustomerRow
from inventory.tables import ServiceRow


@dataclass(frozen=True)
class Party:
    customer: CustomerRow
    agreement: AgreementRow
    service: ServiceRow


def party(session: Session, at: datetime, name: str = "Acme", *, sla: str = "gold", tariff: str = "metered") -> Party:
    """Everything begins at `at`."""
    customer = create_customer(session, CustomerData(name), at)
    agreement, _ = agree(session, customer, AgreementTerms("internet", sla, tariff), since=at, at=at)
    return Party(customer, agreement, add_service(session, customer, agreement, f"svc-{name.lower()}", at))


def add_service(session: Session, customer: CustomerRow, agreement: AgreementRow, service_id: str, at: datetime) -> ServiceRow:
    service = ServiceRow(
        id=service_id,
        name=f"{service_id} internet",
        specification="internet-access",
        specification_version="1",
        state="active",
        customer=customer.account_number,
        agreement=agreement.id,
        characteristics={},
        created_at=at,
        started_at=at,
    )
    session.add(service)
    session.flush()
    return service
