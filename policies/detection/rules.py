"""Rules of early detection, as they are written: which metric, how it is looked at, and what is said of it."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from policies.document import Document
from policies.errors import InvalidPolicy, Problem
from policies.values import Severity

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Positive = Annotated[float, Field(gt=0)]
Points = Annotated[int, Field(ge=1, le=288)]
MOST_HISTORY_DAYS = 60


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Threshold(_Data):
    """Beyond `raise_at` for some points in a row, until it is within `clear_at` for some; what lies between changes nothing."""

    raise_at: float
    clear_at: float
    raise_after: Points = 2
    """Points of five minutes."""
    clear_after: Points = 3


class Unusual(_Data):
    """So many standard deviations from what is usual at this time, for some points in a row."""

    deviations: Positive = 6.0
    clear_deviations: Positive = 3.0
    raise_after: Points = 3
    clear_after: Points = 6
    floor: Annotated[float, Field(ge=0)] = 0.0
    """In the unit of the metric: the least that one deviation counts."""
    share: Annotated[float, Field(ge=0)] = 0.0
    """Of what is usual: less far away than that is not unusual, however even the series is otherwise."""
    confidence: Annotated[float, Field(gt=0, le=1)] = 0.5
    """A baseline that is trusted less says nothing."""
    history_days: Annotated[int, Field(ge=2, le=MOST_HISTORY_DAYS)] = 28

    @model_validator(mode="after")
    def _hysteresis(self) -> "Unusual":
        if self.clear_deviations >= self.deviations:
            raise ValueError("clear_deviations is not below deviations: it would clear as it is raised; lower it")
        return self


class Trend(_Data):
    """On its way to `limit`, to be there within `horizon_days`."""

    limit: float
    horizon_days: Annotated[float, Field(gt=0, le=366)] = 14
    history_days: Annotated[float, Field(gt=0, le=MOST_HISTORY_DAYS)] = 7
    confidence: Annotated[float, Field(ge=0, le=1)] = 0.3
    """A forecast that is less certain says nothing."""


class Rule(_Data):
    name: Word
    metric: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    direction: Literal["rising", "falling"] = "rising"
    """Which way is bad."""
    threshold: Threshold | None = None
    unusual: Unusual | None = None
    trend: Trend | None = None
    cause: Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9]{1,62}$")]
    """Of the alarm: utilisationHigh."""
    severity: Severity = Severity.WARNING
    text: Annotated[str, Field(min_length=3, max_length=200)]
    """What is said, before what was found: "utilisation is high"."""

    @model_validator(mode="after")
    def _one_way(self) -> "Rule":
        if sum(each is not None for each in (self.threshold, self.unusual, self.trend)) != 1:
            raise ValueError("a rule has one of threshold, unusual and trend; split it")
        if self.threshold is not None:
            raises, clears = self.threshold.raise_at, self.threshold.clear_at
            if (clears >= raises) if self.direction == "rising" else (clears <= raises):
                side = "below" if self.direction == "rising" else "above"
                raise ValueError(f"threshold.clear_at {clears:g} is not {side} raise_at {raises:g}: it would clear as it is raised")
        return self


class RuleFile(_Data):
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]


def parse_rules(text: str, file: str) -> tuple[Rule, ...]:
    """Raises `InvalidPolicy` with every mistake in the text."""
    document = Document(text, file)
    found = document.check(RuleFile).rules
    names: Mapping[str, int] = {}
    problems: list[Problem] = []
    for position, rule in enumerate(found):
        if rule.name in names:
            problems.append(document.problem(("rules", position, "name"), f"two rules are called {rule.name}; rename one"))
        names = {**names, rule.name: position}
    if problems:
        raise InvalidPolicy(problems)
    return found
