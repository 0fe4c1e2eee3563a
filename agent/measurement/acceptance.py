"""Measuring before a service counts as delivered: as a check of its plan, and as its baseline once the plan holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from agent.measurement.aims import Specifications
from agent.measurement.checks import probe_of
from agent.measurement.errors import CannotMeasure, MeasurementError
from agent.measurement.outcome import TestResult, milliseconds
from agent.measurement.store import take_as_baselines
from agent.measurement.testing import ServiceTests
from drivers.port import Check, CheckOutcome, CheckResult
from drivers.probing.tally import Figures
from inventory.tables import ServiceRow
from policies.probes import may_be_accepted


@dataclass(frozen=True, slots=True)
class Acceptor:
    """What fulfilment calls for checks of these kinds, and assurance when a service holds."""

    tests: ServiceTests
    catalog: Specifications

    def measure(self, check: Check, deadline: float) -> CheckResult:
        """Blocks; `deadline` on the monotonic clock. Where the system lets nobody measure, nothing is known."""
        try:
            probe = probe_of(check)
            result = self.tests.accept(check.arguments["service"], probe, by="fabd", deadline=deadline)
        except CannotMeasure as error:
            return CheckResult(check, CheckOutcome.UNSUPPORTED, str(error))
        except MeasurementError as error:
            return CheckResult(check, CheckOutcome.FAILED, str(error))
        if not result.passed:
            return CheckResult(check, CheckOutcome.FAILED, _told(result))
        sent, wanted = min(each.figures.sent for each in result.results), probe.acceptance.packets if probe.acceptance else 0
        if sent < wanted:
            problem = next((each.figures.problem for each in result.results if each.figures.problem), "")
            why = (
                f"{sent} of {wanted} packets only could be sent: {problem}"
                if problem
                else f"there was time for {sent} of {wanted} packets only"
            )
            return CheckResult(check, CheckOutcome.FAILED, f"{why}; these were answered")
        return CheckResult(check, CheckOutcome.PASSED, _told(result))

    def renew(self, session: Session, services: Sequence[ServiceRow]) -> None:
        """They are active from now on, or others: what they measured on the way is what they are compared with."""
        known = self.catalog.specifications
        measured = [
            service.id
            for service in services
            if (spec := known.get(service.specification)) is not None and may_be_accepted(spec, service.characteristics)
        ]
        if measured:
            take_as_baselines(session, measured)


def _told(result: TestResult) -> str:
    if result.faults:
        return "; ".join(result.faults)
    return "; ".join(_words(each.figures) for each in result.results)


def _words(found: Figures) -> str:
    return f"delay {milliseconds(found.delay_s)}, jitter {milliseconds(found.jitter_s)}, {found.loss_ratio or 0:.1%} lost"
