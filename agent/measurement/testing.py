"""Testing a service now: packets to each of its targets, and what they came to.

This is the port for whoever wants a service tested: the API (TMF653), the command line, the closed loop, and, before a service
counts as delivered, fulfilment.

    result = tests.test("svc-…", by="action:retest")     # blocks its thread for two to four seconds
    result.passed, result.faults, result.results[0].figures.delay_s, result.usual(result.results[0])

It raises `MeasurementError`: `NothingToMeasure` for a service whose specification measures nothing.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy.orm import Session

from agent.measurement.aims import Aim, Aims
from agent.measurement.errors import CannotMeasure, NothingToMeasure, TargetUnusable, TooManyTests
from agent.measurement.outcome import Occasion, TestResult, judged
from agent.measurement.store import baseline, keep
from drivers.probing.allowance import Allowance
from drivers.probing.errors import NoProbeSocket, ProberStopped, TooMuch
from drivers.probing.prober import ProbeLimits, Prober
from drivers.probing.tally import Tally, figures
from drivers.probing.target import ProbeTarget
from inventory.db import Database
from inventory.errors import UnknownObject
from inventory.tables import ServiceRow
from policies.probes import Probe
from policies.values import Clock, new_id

PACKETS, INTERVAL_S = 20, 0.05
DEADLINE_S = 15.0
AT_ONCE = 8
"""Tests that run at the same time; others wait."""
SLACK_S = 0.3
USUAL = ProbeLimits()


class ServiceTesting(Protocol):
    def measures(self, session: Session, service_id: str) -> bool:
        """Whether there is anything to test: a monitor of its specification, for what was ordered."""
        ...

    def test(
        self, service_id: str, *, by: str, packets: int = PACKETS, deadline: float = 0.0, as_baseline: bool = False
    ) -> TestResult:
        """Test it now and keep the result. Blocks until it is there, at most until `deadline` (monotonic; as long as so many
        packets take when 0, at least 15 s).

        `by`: who asked for it, for the record. `as_baseline`: what it measures now is what later tests are compared with.
        Raises `MeasurementError`, or `inventory.errors.UnknownObject` for a service that is not there.
        """
        ...


@dataclass(frozen=True, slots=True)
class TestLimits:
    __test__ = False  # no test of pytest's

    probe: ProbeLimits = ProbeLimits()  # noqa: RUF009  immutable
    at_once: int = AT_ONCE
    allowance: Allowance | None = None
    """What may be sent in all; None for as much as `probe` says, of each test."""


class ServiceTests:
    """One per process; called from any thread."""

    def __init__(self, database: Database, clock: Clock, aims: Aims, limits: TestLimits = TestLimits()) -> None:
        self._database, self._clock, self._aims, self._limits = database, clock, aims, limits
        self._slots = threading.BoundedSemaphore(limits.at_once)

    def measures(self, session: Session, service_id: str) -> bool:
        """See `ServiceTesting`. A target that makes no sense is one all the same: testing it says what is wrong."""
        service = session.get(ServiceRow, service_id)
        try:
            return service is not None and bool(self._aims.of(session, service))
        except TargetUnusable:
            return True

    def test(
        self, service_id: str, *, by: str, packets: int = PACKETS, deadline: float = 0.0, as_baseline: bool = False
    ) -> TestResult:
        """See `ServiceTesting`."""
        with self._database.read() as session:
            service = session.get(ServiceRow, service_id)
            if service is None:
                raise UnknownObject("service", service_id, "list them with `fabd service list --all`")
            aims, specification, state = self._aims.of(session, service), service.specification, service.state
        if state != "active":
            raise NothingToMeasure(f"service {service_id} is {state}: it is measured while it is active")
        if not aims:
            words = f"service {service_id}: specification {specification} measures nothing of it as it was ordered"
            raise NothingToMeasure(
                f"{words}; order it as one of its monitors asks, or give the specification a monitor of kind echo or stamp"
            )
        return self.run(aims, Occasion.DEMAND, by=by, packets=packets, deadline=deadline, as_baseline=as_baseline)

    def accept(self, service_id: str, probe: Probe, *, by: str, deadline: float) -> TestResult:
        """Before the service counts as delivered; what it measured becomes its baseline once it does."""
        packets = probe.acceptance.packets if probe.acceptance else PACKETS
        return self.run((self._aims.aim(service_id, probe),), Occasion.ACCEPTANCE, by=by, packets=packets, deadline=deadline)

    def run(
        self,
        aims: Sequence[Aim],
        occasion: Occasion,
        *,
        by: str,
        packets: int = PACKETS,
        deadline: float = 0.0,
        as_baseline: bool = False,
    ) -> TestResult:
        """`aims` of one service, at least one."""
        started, service_id = self._clock.now(), aims[0].service_id
        deadline = deadline or time.monotonic() + self._usual_s(packets)
        found = self._measured(service_id, [aim.target for aim in aims], packets, deadline)
        results = tuple(judged(aim.probe, figures(found[aim.target])) for aim in aims)
        result = TestResult(
            id=new_id("msr", started),
            service_id=service_id,
            occasion=occasion,
            by=by,
            started_at=started,
            ended_at=self._clock.now(),
            passed=not any(each.faults for each in results),
            results=results,
            is_baseline=as_baseline,
        )
        with self._database.write() as session:
            usual = baseline(session, service_id)
            keep(session, result)
        return replace(result, baseline=usual)

    def _usual_s(self, packets: int) -> float:
        """Enough for so many packets and the last of their answers."""
        return max(DEADLINE_S, packets * INTERVAL_S + self._limits.probe.timeout_s + 2 * SLACK_S)

    def _measured(
        self, service_id: str, targets: Sequence[ProbeTarget], packets: int, deadline: float
    ) -> Mapping[ProbeTarget, Tally]:
        if not self._slots.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise TooManyTests(f"service {service_id} was not tested in time: {self._limits.at_once} others are; try again")
        try:
            return send(targets, packets, deadline, self._limits.probe, allowance=self._limits.allowance)
        except TooMuch as error:
            raise TooManyTests(f"service {service_id} was not tested in time: {error}") from error
        finally:
            self._slots.release()


def send(
    targets: Sequence[ProbeTarget],
    packets: int,
    deadline: float,
    limits: ProbeLimits = USUAL,
    *,
    interval_s: float = 0.0,
    size: int = 0,
    allowance: Allowance | None = None,
) -> Mapping[ProbeTarget, Tally]:
    """To all of them at the same time, over sockets of their own: a reflector that counts per session counts these alone.

    `interval_s`: 50 ms when 0, longer where that would be more than may be sent. Raises `CannotMeasure`, and `TooMuch` when others
    send all that may be until it is too late.
    """
    distinct, shared = tuple(dict.fromkeys(targets)), allowance or Allowance(limits.packets_per_second)
    last = deadline - limits.timeout_s - SLACK_S
    """When packets have to have left."""
    with shared.test(len(distinct) / (interval_s or INTERVAL_S), last) as rate:
        interval = len(distinct) / rate
        count = max(2, min(packets, int((last - time.monotonic()) / interval) + 1))
        return _sent(Prober(limits, shared), distinct, count, interval, deadline, size)


def _sent(  # noqa: PLR0917  one place calls it
    prober: Prober, targets: Sequence[ProbeTarget], count: int, interval_s: float, deadline: float, size: int
) -> Mapping[ProbeTarget, Tally]:
    prober.start()
    try:
        return prober.measure(targets, packets=count, interval_s=interval_s, deadline=deadline, size=size)
    except (NoProbeSocket, ProberStopped) as error:
        raise CannotMeasure(str(error)) from error
    finally:
        prober.stop()
