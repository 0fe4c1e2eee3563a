"""What a test of a service came to, and how it stands against what was asked for and what it measured when it was new. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from drivers.probing.tally import Figures
from policies.probes import Probe
from policies.specification import Acceptance

ANSWERS = Acceptance(loss_ratio=0.999_999)
"""What is asked of a probe without limits of its own: that anything answers."""


class Occasion(StrEnum):
    ACCEPTANCE = "acceptance"
    """Before the service counts as delivered."""
    DEMAND = "demand"


@dataclass(frozen=True, slots=True)
class Result:
    """Of one target."""

    kind: str
    address: str
    port: int
    site: str
    """The place that was measured; "" for the service as a whole."""
    figures: Figures
    faults: tuple[str, ...] = ()
    """What was asked for and is not so; () when it passed."""
    number: int = 0
    """Of several of this kind at this place, as `Probe` has it."""

    @property
    def place(self) -> tuple[str, str, int]:
        """By what, where and which: two of the same place are compared, whatever address it has by then."""
        return self.kind, self.site, self.number

    @property
    def target(self) -> str:
        return self.address if self.kind == "echo" else f"{self.address} port {self.port}"

    def to_document(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("kind", "address", "port", "site", "number")}
        return own | {"faults": list(self.faults)} | asdict(self.figures)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Result":
        known = {each.name for each in fields(Figures)}
        figures = Figures(**{key: value for key, value in document.items() if key in known})
        kind, address, site = (str(document[name]) for name in ("kind", "address", "site"))
        return cls(kind, address, int(document["port"]), site, figures, tuple(document["faults"]), int(document.get("number", 0)))


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test of one service."""

    __test__ = False  # no test of pytest's

    id: str
    service_id: str
    occasion: Occasion
    by: str
    started_at: datetime
    ended_at: datetime
    passed: bool
    """Every target answered as it was asked to."""
    results: tuple[Result, ...] = ()
    is_baseline: bool = False
    baseline: "TestResult | None" = field(default=None, compare=False)
    """What it measured when it was new, or when somebody said that it is well; None where nobody measured then."""

    @property
    def faults(self) -> tuple[str, ...]:
        return tuple(f"{result.kind} {result.target}: {fault}" for result in self.results for fault in result.faults)

    def usual(self, result: Result) -> Figures | None:
        """What the baseline has of the same place by the same means."""
        for other in self.baseline.results if self.baseline else ():
            if other.place == result.place:
                return other.figures
        return None


def judged(probe: Probe, figures: Figures) -> Result:
    """`figures` against the limits of the probe's acceptance test; without them it is enough that anything answers."""
    limits = probe.acceptance or ANSWERS
    port = probe.port if probe.kind == "stamp" else 0
    return Result(probe.kind, probe.address, port, probe.site, figures, tuple(_faults(limits, figures)), probe.number)


def worst(results: Sequence[Result]) -> dict[str, float]:
    """Loss, delay and jitter of the service: those of its worst place, as a customer would say it. What is unknown is left out."""
    found: dict[str, float] = {}
    for result in results:
        for name in ("loss_ratio", "delay_s", "jitter_s"):
            value: float | None = getattr(result.figures, name)
            if value is not None:
                found[name] = max(value, found.get(name, value))
    return found


def milliseconds(seconds: float | None) -> str:
    """To three figures: 0.0123 ms, 1.23 ms, 123 ms."""
    return "" if seconds is None else f"{seconds * 1000:.3g} ms"


def _faults(limits: Acceptance, figures: Figures) -> Iterator[str]:
    if figures.loss_ratio is None:
        yield f"nothing could be sent{f': {figures.problem}' if figures.problem else ''}"
        return
    if figures.received == 0 and limits.loss_ratio < 1:
        yield f"none of {figures.sent} packets was answered{f' ({figures.problem})' if figures.problem else ''}"
        return
    if figures.loss_ratio > limits.loss_ratio:
        lost = figures.sent - figures.received
        yield f"{lost} of {figures.sent} packets were lost, {figures.loss_ratio:.1%}; at most {limits.loss_ratio:.1%} may be"
    for name, limit in (("delay", limits.delay_s), ("jitter", limits.jitter_s)):
        value: float | None = getattr(figures, f"{name}_s")
        if limit is not None and value is not None and value > limit:
            yield f"{name} {milliseconds(value)}, at most {milliseconds(limit)} was asked for"
