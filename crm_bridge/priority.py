"""How soon a ticket has to be worked on: from the severity of the problem and what is left of the SLA's budget."""

from enum import StrEnum
from fractions import Fraction

from policies.values import Severity

NARROW = Fraction(1, 4)
"""Of the budget: from here on a ticket goes one priority up."""


class Priority(StrEnum):
    CRITICAL = "Critical"
    HIGH = "High"
    MEDIUM = "Medium"
    LOW = "Low"


_BY_SEVERITY = {Severity.CRITICAL: Priority.HIGH, Severity.MAJOR: Priority.MEDIUM}
_RAISED = {Priority.HIGH: Priority.CRITICAL, Priority.MEDIUM: Priority.HIGH, Priority.LOW: Priority.MEDIUM}


def priority(severity: Severity, remaining: Fraction | None) -> Priority:
    """`remaining` is the share of the budget that is left, 0..1; None where no SLA is in danger. A spent budget is critical."""
    usual = _BY_SEVERITY.get(severity, Priority.LOW)
    if remaining is None or remaining > NARROW:
        return usual
    return _RAISED[usual] if remaining > 0 else Priority.CRITICAL
