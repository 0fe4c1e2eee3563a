"""Acceptance tests that are measured by fabd itself, not asked of an element: handed in by the daemon."""

from typing import Protocol

from drivers.port import Check, CheckOutcome, CheckResult


class Measure(Protocol):
    def __call__(self, check: Check, deadline: float) -> CheckResult:
        """Blocks until it is known, at most until `deadline` (seconds on `time.monotonic()`). Never raises for what it finds."""
        ...


def unmeasured(check: Check, deadline: float) -> CheckResult:
    """Where nobody measures nothing is known, and the service is delivered without it."""
    del deadline
    return CheckResult(check, CheckOutcome.UNSUPPORTED, "nobody measures here")
