"""Rules of the closed loop, as they are written: which alarm, what is done about it, who decides, and within which bounds."""

from collections.abc import Collection
from datetime import timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from policies.document import Document, nearest
from policies.errors import InvalidPolicy, Problem
from policies.values import Severity

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Cause = Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9]{1,62}$")]
Seconds = Annotated[int, Field(ge=0, le=7 * 86_400)]
Number = Annotated[int, Field(ge=1, le=1000)]
Patterns = Annotated[tuple[str, ...], Field(min_length=1)]
ANY = ("*",)


class Deed(StrEnum):
    """What can be done. Each knows its way back, or changes nothing."""

    REDEPLOY = "redeploy"
    """What has drifted on the element is put right."""
    TEST = "test-service"
    """The service test is run again; nothing is changed."""
    BOUNCE = "bounce-port"
    """The customer port is shut for a moment."""
    MOVE = "move-path"
    """Services leave the link that failed for another way, where there is one."""

    @property
    def lasting(self) -> bool:
        """What it changed stays, until somebody or something takes it back."""
        return self in {Deed.REDEPLOY, Deed.MOVE}


class Mode(StrEnum):
    """Who decides that it is done."""

    OFF = "off"
    MANUAL = "manual"
    """Somebody, by `fabd action run`."""
    APPROVE = "approve"
    """fabd proposes, somebody approves."""
    AUTOMATIC = "automatic"


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Scope(_Data):
    """Patterns as in file names (`pe*`); an alarm is meant when each list has one that fits."""

    elements: Patterns = ANY
    platforms: Patterns = ANY
    sites: Patterns = ANY

    def covers(self, element: str, platform: str, site: str) -> bool:
        fits = ((self.elements, element), (self.platforms, platform), (self.sites, site))
        return all(any(fnmatchcase(name, pattern) for pattern in patterns) for patterns, name in fits)


class Trigger(_Data):
    """An alarm that stands as a cause (symptoms never are), that nobody has taken up and nothing holds back."""

    causes: Annotated[tuple[Cause, ...], Field(min_length=1)]
    severity: Severity = Severity.WARNING
    """The least severe one that counts."""
    standing_s: Seconds = 60
    """How long it has stood."""
    scope: Scope = Scope()

    def wants(self, cause: str, severity: Severity, stood: timedelta) -> bool:
        return cause in self.causes and severity.rank <= self.severity.rank and stood.total_seconds() >= self.standing_s


class Guards(_Data):
    """What one rule may do at the most. Those of the settings count over all rules, beside these."""

    per_object: Number = 1
    """Times on one object within `within_s`."""
    in_all: Number = 5
    """Times by this rule within `within_s`."""
    within_s: Annotated[int, Field(ge=60, le=7 * 86_400)] = 3600
    pause_s: Seconds = 900
    """Between the end of any action on an object and the beginning of this one."""
    elements_at_once: Number = 1
    """That actions of this rule are under way on."""
    second_person: bool = False
    """Whoever asks for the action cannot approve it."""

    @model_validator(mode="after")
    def _limits_fit(self) -> "Guards":
        if self.per_object > self.in_all:
            raise ValueError("per_object is above in_all and could never be reached; lower it")
        return self


class Return(_Data):
    """When what was done is taken back. Always within the guards of the rule, and by whoever its mode says."""

    when: Literal["by-hand", "cleared"] = "by-hand"
    """By somebody's word alone (`fabd action undo`); or also when what it was about has been without alarm for `for_s`."""
    for_s: Annotated[int, Field(ge=1, le=7 * 86_400)] = 900


class Rule(_Data):
    name: Word
    title: Annotated[str, Field(min_length=3, max_length=200)]
    """What it does, for the list."""
    deed: Deed
    trigger: Trigger
    mode: Mode = Mode.OFF
    guards: Guards = Guards()
    clears_within_s: Annotated[int, Field(ge=1, le=86_400)] = 300
    """How long there is for it to help; what is wrong then was not helped by it."""
    measured_by: Literal["alarm", "services"] = "alarm"
    """It has helped when the alarm has cleared, or when none of the services is down any more."""
    back: Annotated[Return, Field(alias="return")] = Return()
    shut_s: Annotated[int, Field(ge=1, le=30)] | None = None
    """Of `bounce-port`: how long the port stays shut. Three seconds when it is not said."""

    @model_validator(mode="after")
    def _of_its_deed(self) -> "Rule":
        if self.shut_s is not None and self.deed is not Deed.BOUNCE:
            raise ValueError(f"shut_s is for bounce-port; {self.deed} shuts no port, so remove it")
        if self.back.when == "cleared" and self.deed is not Deed.MOVE:
            why = "would bring the drift back" if self.deed is Deed.REDEPLOY else "leaves nothing that could be taken back"
            raise ValueError(f"return: only move-path returns when the alarm has cleared; {self.deed} {why}, so remove it")
        return self


class RuleFile(_Data):
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]


ELSEWHERE = "(What other systems tell of is named in the settings: actions.causes)"


def parse_actions(text: str, file: str, causes: Collection[str] | None = None) -> tuple[Rule, ...]:
    """Raises `InvalidPolicy` with every mistake in the text. `causes`: that alarms can have; None: they are not looked at."""
    document = Document(text, file)
    found = document.check(RuleFile).rules
    names = [rule.name for rule in found]
    problems: list[Problem] = [
        document.problem(("rules", position, "name"), f"two rules are called {name}; rename one")
        for position, name in enumerate(names)
        if name in names[:position]
    ]
    problems += [
        document.problem(
            ("rules", position, "trigger", "causes", place), f"no alarm has the cause {cause}{nearest(cause, causes)} {ELSEWHERE}"
        )
        for position, rule in enumerate(found)
        for place, cause in enumerate(rule.trigger.causes)
        if causes is not None and cause not in causes
    ]
    if problems:
        raise InvalidPolicy(problems)
    return found
