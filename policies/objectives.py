"""Objectives beside availability: minutes in which an indicator was good, and cases that were dealt with in time.

An objective that cannot be missed, or cannot be kept, is a mistake in writing and refused when it is read.
"""

import re
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from policies.quantities import Percent, Span

Metric = Literal["loss", "delay", "jitter", "throughput"]
METRICS: tuple[Metric, ...] = get_args(Metric)
UNITS = {"loss": "", "delay": "s", "jitter": "s", "throughput": "bit/s"}
"""Of what is measured and of a limit as it is kept: loss is a ratio, 0..1."""
CaseRule = Literal["ordersOnTime", "repairOnTime", "firstResponse"]

AnyTarget = TypeVar("AnyTarget", bound="Target")

_NUMBER = re.compile(r"\s*(\d{1,12}(?:\.\d{1,9})?)\s*([A-Za-z/%µ]*)\s*", re.ASCII)
_SCALES: dict[Metric, dict[str, Decimal]] = {
    "loss": {"%": Decimal("0.01")},
    "delay": {"s": Decimal(1), "ms": Decimal("0.001"), "us": Decimal("0.000001")},
    "jitter": {"s": Decimal(1), "ms": Decimal("0.001"), "us": Decimal("0.000001")},
    "throughput": {f"{letter}bit/s": Decimal(size) for letter, size in (("", 1), ("k", 10**3), ("M", 10**6), ("G", 10**9))},
}


class CreditTier(BaseModel):
    """Less than this percentage gives this percentage of the recurring fee."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    below: Percent
    percent: Percent


class Target(BaseModel):
    """A percentage to be reached, and what is credited below it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    credits: tuple[CreditTier, ...] = ()


class IndicatorObjective(Target):
    """So much of the agreed time a measured indicator keeps its limit: `{metric: delay, at_most: 30 ms, of_time: 99.5}`."""

    metric: Metric
    at_most: Decimal | None = None
    """For loss, delay and jitter; in base units once it is read."""
    at_least: Decimal | None = None
    """For throughput."""
    of_time: Percent

    @model_validator(mode="before")
    @classmethod
    def _in_base_units(cls, data: Any) -> Any:  # noqa: ANN401  whatever the file says
        if not isinstance(data, dict) or data.get("metric") not in METRICS:
            return data
        limits = {key: _limit(data["metric"], data[key]) for key in ("at_most", "at_least") if data.get(key) is not None}
        return {**data, **limits}

    @model_validator(mode="after")
    def _can_be_missed_and_kept(self) -> "IndicatorObjective":
        wanted, other = ("at_least", self.at_most) if self.metric == "throughput" else ("at_most", self.at_least)
        if other is not None or self.limit is None:
            raise ValueError(f"{self.metric} is limited by {wanted}; write e.g. {wanted}: {_EXAMPLES[self.metric]}")
        if self.limit <= 0 and self.metric != "loss":
            raise ValueError(f"{wanted} of {self.metric} has to be more than nothing")
        if self.metric == "loss" and self.limit >= 1:
            raise ValueError("a loss of at most 100 % is always kept; write e.g. at_most: 0.5 %")
        return _misses(self, self.of_time, "of_time")

    @property
    def rule(self) -> str:
        return self.metric

    @property
    def limit(self) -> Decimal | None:
        return self.at_least if self.metric == "throughput" else self.at_most

    @property
    def goal(self) -> Percent:
        return self.of_time

    def is_good(self, value: float) -> bool:
        """`value` in base units."""
        limit = float(self.limit or 0)
        return value >= limit if self.metric == "throughput" else value <= limit

    def __str__(self) -> str:
        word = "at least" if self.metric == "throughput" else "at most"
        limit = (self.limit or Decimal()).normalize()
        unit = f" {UNITS[self.metric]}" if UNITS[self.metric] else ""
        said = f"{(limit * 100).normalize():f} %" if self.metric == "loss" else f"{limit:f}{unit}"
        return f"{self.metric} {word} {said} in {self.of_time.normalize():f} % of the time"


class CaseObjective(Target):
    """So many of the cases of a period were dealt with in time: `{rule: repairOnTime, of_cases: 95}`."""

    rule: CaseRule
    of_cases: Percent

    @model_validator(mode="after")
    def _can_be_missed(self) -> "CaseObjective":
        if self.of_cases <= 0:
            raise ValueError("of_cases: 0 is always kept; write e.g. 95")
        return _tiers(self, self.of_cases)

    @property
    def goal(self) -> Percent:
        return self.of_cases

    def __str__(self) -> str:
        return f"{_SAID[self.rule]} in {self.of_cases.normalize():f} % of the cases"


class Chronic(BaseModel):
    """Too many outages are credited, each period kept or not: `{outages: 3, of: 10 minutes, within: 60 days, percent: 50}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    outages: Annotated[int, Field(ge=2, le=1000)]
    of: Span
    """The shortest that counts, in agreed time."""
    within: Span
    """Before the end of the period."""
    percent: Percent

    @model_validator(mode="after")
    def _can_happen(self) -> "Chronic":
        if self.of * self.outages > self.within:
            raise ValueError(f"{self.outages} outages of {self.of} do not fit into {self.within}; the clause could never hold")
        if self.percent <= 0:
            raise ValueError("percent: 0 credits nothing; leave the clause out, or give a percentage")
        return self


_EXAMPLES = {"loss": "0.5 %", "delay": "30 ms", "jitter": "5 ms", "throughput": "90 Mbit/s"}
_SAID = {"ordersOnTime": "orders completed on time", "repairOnTime": "repair on time", "firstResponse": "first response in time"}


def _limit(metric: Metric, value: object) -> Decimal:
    if isinstance(value, Decimal):  # as it is kept
        return value
    match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2] not in _SCALES[metric]:
        units = ", ".join(_SCALES[metric])
        raise ValueError(f"{value!r} is no {metric}; write a number with its unit ({units}), e.g. {_EXAMPLES[metric]}")
    return Decimal(match[1]) * _SCALES[metric][match[2]]


def _misses(target: IndicatorObjective, goal: Decimal, key: str) -> IndicatorObjective:
    if goal <= 0:
        raise ValueError(f"{key}: 0 is always kept; write e.g. 99.5")
    if goal >= 100:  # noqa: PLR2004  per cent
        raise ValueError(f"{key}: 100 leaves no budget and is missed by a single bad minute; write e.g. 99.5")
    return _tiers(target, goal)


def _tiers(target: AnyTarget, goal: Decimal) -> AnyTarget:
    for tier in target.credits:
        if tier.below > goal:
            raise ValueError(f"a credit below {tier.below} % is given while the objective of {goal} % is kept")
    return target
