"""Collectors as they are written: for which platforms, what is asked, how the answer is read, and what its rows mean.

Every collector carries samples that it must read as it says; a file whose collector fails its own samples is refused.
"""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from policies.fields import fields_of
from policies.values import Severity

ELEMENT = "element"
"""In texts: the element that was asked."""
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
VALUE = "value"
"""The group that a field's pattern has to have."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}; correct it there") from None
    return text


Paths = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]
"""One, or several of which the first that leads somewhere counts."""
Pattern = Annotated[str, Field(max_length=2000)]


class Ask(_Data):
    """A command line's command, a subtree filter for NETCONF's `<get>`, or a NETCONF operation of the platform's own."""

    command: str = Field("", pattern=r"^[^\r\n]*$")
    get: str = ""
    """XML."""
    rpc: str = ""
    """XML."""

    @model_validator(mode="after")
    def _one(self) -> "Ask":
        if sum(map(bool, (self.command, self.get, self.rpc))) != 1:
            raise ValueError("say one of `command` (command line), `get` and `rpc` (NETCONF)")
        return self

    @property
    def protocol(self) -> Literal["ssh", "netconf"]:
        return "ssh" if self.command else "netconf"


def _field(value: object) -> object:
    return {"at": value} if isinstance(value, str | list) else value


class Part(_Data):
    """Where a field stands below its row, or of which other fields it is made."""

    at: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """One path, or several of which the first that leads somewhere counts."""
    of: str = ""
    """A text that names fields of `at`, and parts of the path: "{peer} {interface}"."""
    match: Pattern = ""
    """Searched in what stands there; its group `value` is the field. Where it finds nothing, the field is empty."""

    @field_validator("match")
    @classmethod
    def _has_value(cls, text: str) -> str:
        if text and VALUE not in re.compile(_pattern(text)).groupindex:
            raise ValueError(f"{text!r} has no group named `{VALUE}`: what of it is the field? Write (?P<{VALUE}>…)")
        return text

    @model_validator(mode="after")
    def _one(self) -> "Part":
        if bool(self.at) == bool(self.of):
            raise ValueError("say one of `at` (where it stands) and `of` (of which fields it is made)")
        return self


class Reading(_Data):
    """How an answer becomes rows of named fields.

    `json` and `xml` are paths to the rows, their parts separated by `/`: a name, `*` for any, `{field}` for any whose name
    (or place in a list) is a field. In XML a name without a prefix is of any namespace. `textfsm` is a template; its values, in
    small letters, are the fields.
    """

    as_json: Paths | None = Field(None, alias="json")
    as_xml: Paths | None = Field(None, alias="xml")
    textfsm: str = ""
    namespaces: dict[str, str] = Field(default_factory=dict)
    """Prefix → namespace of `xml`."""
    fields: dict[Name, Annotated[Part, BeforeValidator(_field)]] = Field(default_factory=dict)
    expect: Pattern = ""
    """Has to be found in the answer; otherwise it is not what was asked for, and says nothing."""
    none: Pattern = ""
    """Found in the answer, or in the refusal, of an element that has nothing of what is asked for: an answer without rows."""

    @field_validator("expect", "none")
    @classmethod
    def _is_pattern(cls, text: str) -> str:
        return _pattern(text)

    @model_validator(mode="after")
    def _one(self) -> "Reading":
        if sum(map(bool, (self.as_json, self.as_xml, self.textfsm))) != 1:
            raise ValueError("say one of `json`, `xml` and `textfsm`: what kind of answer it is")
        if self.textfsm and self.fields:
            raise ValueError("the fields of a template are its values; take `fields` out")
        if self.as_xml:
            for path in (*self.as_xml, *(path for part in self.fields.values() for path in part.at)):
                _check_prefixes(path, self.namespaces)
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        return self.as_json or self.as_xml or ()


def _check_prefixes(path: str, namespaces: dict[str, str]) -> None:
    for step in path.split("/"):
        prefix, colon, _ = step.partition(":")
        if colon and prefix not in namespaces:
            raise ValueError(f"{path!r}: `namespaces` has no prefix {prefix!r}; known are {', '.join(namespaces) or 'none'}")


class StateRule(_Data):
    """What the state of something means. Texts may name fields: "{peer}". `good`, `passing` and `unwanted` match a whole state."""

    cause: str = Field(pattern=r"^[a-z][A-Za-z0-9]{2,63}$")
    """Of the alarm; that of the rules for events about the same."""
    qualifier: str
    also: tuple[str, ...] = ()
    """Other names that events have for it: an alarm of one of them is an alarm of this, too, unless another one has that name."""
    apart: str = ""
    """Added to the qualifier of those that else had the same one: sessions with one neighbour over several ports."""
    over: str = ""
    """The port over which it is; while that is down, nothing more is said of it."""
    state: str = "{state}"
    words: dict[str, str] = Field(default_factory=dict)
    """Pattern of a whole state → the word for it."""
    good: Pattern
    passing: Pattern = ""
    """On its way from one to the other: it changes nothing."""
    unwanted: Pattern = ""
    """Nobody wants it: well, whatever was."""
    absent: Literal["unknown", "bad"] = "unknown"
    """What it means that something well is not listed any more."""
    severity: Severity = Severity.MAJOR
    text: str = Field(min_length=3, max_length=500)
    probable_cause: str = ""
    """As X.733 and TMF642 spell it; empty for the cause itself."""

    @field_validator("good", "passing", "unwanted")
    @classmethod
    def _are_patterns(cls, text: str) -> str:
        return _pattern(text)

    @field_validator("words")
    @classmethod
    def _words_are_patterns(cls, words: dict[str, str]) -> dict[str, str]:
        for text in words:
            _pattern(text)
        return words

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.qualifier, *self.also, self.apart, self.over, self.state, self.text)


class ValueRule(_Data):
    """A number of a port that is kept over time."""

    metric: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    """With its base unit at the end: receive_power_dbm."""
    port: str = "{port}"
    value: str
    """The field that holds it; what is no number is a gap."""
    scale: float = 1.0
    """What one of the element's units is in the base unit."""


class Sample(_Data):
    """An answer, and all that the collector must find in it."""

    answer: str
    states: dict[str, Literal["good", "bad", "passing", "unwanted"]] = Field(default_factory=dict)
    """Qualifier → how it stands."""
    values: dict[str, dict[str, float]] = Field(default_factory=dict)
    """Port → metric → value."""


class Collector(_Data):
    name: Word
    title: str = Field("", max_length=200)
    platforms: tuple[Word, ...] = Field(min_length=1)
    ask: Ask
    interval_s: int | None = Field(None, ge=5, le=86_400)
    """Seconds between two runs on one element; None for the setting."""
    read: Reading
    states: tuple[StateRule, ...] = ()
    values: tuple[ValueRule, ...] = ()
    samples: tuple[Sample, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _means_something(self) -> "Collector":
        if not self.states and not self.values:
            raise ValueError("the rows mean nothing: say which `states` or `values` they hold")
        plain = self._captured | {name for name, part in self.read.fields.items() if part.at}
        for part in self.read.fields.values():
            self._check_fields(part.of, plain)
        for text in (text for rule in self.states for text in rule.texts):
            self._check_fields(text, self.fields | {ELEMENT})
        for rule in self.values:
            self._check_fields(rule.port, self.fields | {ELEMENT})
            if self.fields and rule.value not in self.fields:
                raise ValueError(f"`value: {rule.value}` is no field; known are {', '.join(sorted(self.fields))}")
        return self

    @property
    def fields(self) -> frozenset[str]:
        """Names of the fields of a row."""
        template = (name.lower() for name in re.findall(r"(?m)^\s*Value\s+(?:[A-Za-z,]+\s+)?(\w+)\s+\(", self.read.textfsm))
        return frozenset((*self.read.fields, *self._captured, *template))

    @property
    def causes(self) -> frozenset[str]:
        """What its states tell of."""
        return frozenset(rule.cause for rule in self.states)

    @property
    def _captured(self) -> frozenset[str]:
        return frozenset(name for path in self.read.paths for name in re.findall(r"(?:^|/)\{(\w+)\}(?=/|$)", path))

    @staticmethod
    def _check_fields(text: str, known: frozenset[str]) -> None:
        for name in fields_of(text):
            if name not in known:
                raise ValueError(f"{text!r} names the field {name!r}; known are {', '.join(sorted(known - {ELEMENT})) or 'none'}")
