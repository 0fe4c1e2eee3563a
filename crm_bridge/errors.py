"""What can go wrong between customers and their money.

BridgeError                       any failure of the bridge, names the object and the remedy
├── NotFound                      (LookupError)
│   ├── UnknownCustomer           no customer has this account number
│   ├── UnknownTicket
│   ├── UnknownUsage
│   ├── UnknownBill
│   ├── UnknownSubscription
│   ├── UnknownExclusion
│   ├── NoAgreement               nothing was agreed for this service at that time
│   └── NothingToExplain          no row of the bridge has this id
├── Refused                       the request does not fit the state of things (ValueError)
│   ├── IllegalTransition         a state machine has no such step
│   ├── UsageConflict             the same usage id with another content
│   ├── PeriodBilled              the period, or a part of it, is on a bill already
│   ├── BillSealed                a sent bill never changes
│   ├── BillNeedsReview           too little of its usage was measured
│   ├── PeriodOpen                an SLA period is judged, and a period billed, after its end
│   ├── ExclusionRefused          time that cannot be excused
│   ├── CurrencyConflict          a customer pays in another currency than a tariff asks
│   ├── CurrencyFixed             a customer with services or bills keeps its currency
│   ├── AccountCircle             an account would be above itself
│   ├── CallbackRefused           a callback address that events must not be sent to
│   └── InvalidSubscription       a filter or a kind that cannot be served
├── ExchangeFailed                 a document could not be fetched from, or sent to, an address (OSError)
└── InvalidDocument               a customer file with mistakes, each with its file, line and path (ValueError)
"""

import re
from collections.abc import Sequence
from datetime import datetime

from policies.errors import Problem
from policies.values import Interval

_BEYOND_HOST = re.compile(r"^(\w+://[^/?#]*)[/?#].+", re.DOTALL)
_HOST_ONLY = r"\1/…"


class BridgeError(Exception):
    """Any failure of the bridge."""


class NotFound(BridgeError, LookupError):
    pass


class UnknownCustomer(NotFound):
    """`meant` is the account number of the customer that has `number` as its external id: the likely slip."""

    def __init__(self, number: str, meant: str | None = None) -> None:
        remedy = f"it is the external id of account {meant}; give that number" if meant else "list them with `fabd customer list`"
        super().__init__(f"customer {number}: no account has this number; {remedy}")
        self.number = number
        self.meant = meant


class UnknownTicket(NotFound):
    def __init__(self, ticket_id: str) -> None:
        super().__init__(f"ticket {ticket_id}: there is none with this id; list them with `fabd ticket list`")
        self.ticket_id = ticket_id


class UnknownUsage(NotFound):
    def __init__(self, usage_id: str) -> None:
        super().__init__(f"usage record {usage_id}: there is none with this id; list them with `fabd usage list`")
        self.usage_id = usage_id


class UnknownBill(NotFound):
    def __init__(self, bill_id: str) -> None:
        super().__init__(f"bill {bill_id}: there is none with this id; list them with `fabd bill list`")
        self.bill_id = bill_id


class UnknownSubscription(NotFound):
    def __init__(self, subscription_id: str) -> None:
        super().__init__(f"subscription {subscription_id}: there is none with this id; list them with `fabd outbox subscriptions`")
        self.subscription_id = subscription_id


class UnknownExclusion(NotFound):
    def __init__(self, exclusion_id: str) -> None:
        super().__init__(f"exclusion {exclusion_id}: there is none with this id; list them with `fabd sla exclusions`")
        self.exclusion_id = exclusion_id


class NoAgreement(NotFound):
    def __init__(self, customer: str, specification: str, at: datetime) -> None:
        super().__init__(
            f"customer {customer}: no agreement covers {specification} at {at.isoformat()}; "
            "add one to the customer file and import it again"
        )
        self.customer = customer
        self.specification = specification


class NothingToExplain(NotFound):
    def __init__(self, object_id: str) -> None:
        super().__init__(f"{object_id}: neither a bill, a line, a rated line, a usage record, a credit, a violation nor a ticket")
        self.object_id = object_id


class Refused(BridgeError, ValueError):
    pass


class IllegalTransition(Refused):
    def __init__(self, kind: str, object_id: str, state: str, wanted: str, possible: Sequence[str]) -> None:
        steps = ", ".join(possible) if possible else "nothing; this is its end"
        super().__init__(f"{kind} {object_id} is {state} and cannot become {wanted}; from here it can become {steps}")
        self.object_id = object_id
        self.state = state
        self.wanted = wanted


class UsageConflict(Refused):
    def __init__(self, usage_id: str, source: str, source_id: str) -> None:
        super().__init__(
            f"usage record {usage_id}: {source} delivered {source_id} before with another content; "
            "the first one stands, so have the source deliver what is different under an id of its own"
        )
        self.usage_id = usage_id


class PeriodBilled(Refused):
    def __init__(self, customer: str, period: Interval, number: int, billed: Interval) -> None:
        super().__init__(
            f"customer {customer}: {_span(period)} overlaps bill {number}, which covers {_span(billed)}; "
            f"start at {billed.end.isoformat()}"
        )
        self.customer = customer
        self.number = number


class BillSealed(Refused):
    def __init__(self, number: int, state: str) -> None:
        super().__init__(f"bill {number} is {state} and never changes; what is different comes with the next bill")
        self.number = number


class BillNeedsReview(Refused):
    def __init__(self, number: int, coverage: str) -> None:
        super().__init__(f"bill {number}: only {coverage} of its usage was measured; look at it and validate it before it is sent")
        self.number = number


class PeriodOpen(Refused):
    """`of`: a service or a customer, named with its kind."""

    def __init__(self, of: str, period: Interval, at: datetime) -> None:
        super().__init__(f"{of}: the period {_span(period)} is not over at {at.isoformat()}; judge and bill it after its end")
        self.of = of


class ExclusionRefused(Refused):
    pass


class CurrencyConflict(Refused):
    def __init__(self, customer: str, currency: str, what: str, asked: str) -> None:
        """`what` is "tariff metered" or "credit crd-…"."""
        super().__init__(
            f"customer {customer} pays in {currency}, but {what} is in {asked}; give the agreement a tariff in {currency}"
        )
        self.customer = customer


class CurrencyFixed(Refused):
    def __init__(self, customer: str, currency: str, wanted: str) -> None:
        super().__init__(
            f"customer {customer} pays in {currency} and has services or bills in it, so it cannot change to {wanted}; "
            f"open an account of its own for what is paid in {wanted}"
        )
        self.customer = customer


class AccountCircle(Refused):
    def __init__(self, customer: str, parent: str) -> None:
        super().__init__(f"customer {customer}: {parent} cannot be above it, because it is above {parent}; correct the parent")
        self.customer = customer


class CallbackRefused(Refused):
    def __init__(self, callback: str, reason: str) -> None:
        """Of the address only scheme and host are told; paths and queries of callbacks hold secrets of the subscriber."""
        shown = _BEYOND_HOST.sub(_HOST_ONLY, callback, count=1)
        super().__init__(f"callback {shown}: {reason}")
        self.callback = callback
        self.reason = reason

    def __reduce__(self) -> tuple[type["CallbackRefused"], tuple[str, str]]:
        return type(self), (self.callback, self.reason)


class ExchangeFailed(BridgeError, OSError):
    def __init__(self, url: str, reason: str) -> None:
        """Of the address only scheme and host are told, as of a callback's."""
        super().__init__(f"{_BEYOND_HOST.sub(_HOST_ONLY, url, count=1)} {reason}")
        self.url = url
        self.reason = reason

    def __reduce__(self) -> tuple[type["ExchangeFailed"], tuple[str, str]]:
        return type(self), (self.url, self.reason)


class InvalidSubscription(Refused):
    pass


class InvalidDocument(BridgeError, ValueError):
    """Every mistake at once, so that the file is corrected in one go."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def _span(period: Interval) -> str:
    return f"{period.start.isoformat()} .. {period.end.isoformat()}"
