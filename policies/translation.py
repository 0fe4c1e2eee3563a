"""Translations: what a trap, a syslog line or a NETCONF notification is evidence of, as data.

A file holds rules; a rule says which events it knows, which object they speak of, and what that comes down to. Every rule carries
samples that it must translate; a file whose rules fail their own samples is refused. What a rule makes of an event is never state:
it says what has to be read.
"""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from policies.fields import fields_of
from policies.values import Severity

Oid = Annotated[str, Field(pattern=r"^[0-2](\.\d{1,10}){1,127}$")]
PORT, INDEX = "port", "if_index"
"""Fields that say which port is meant: its name, and its ifIndex."""
ELEMENT = "element"
"""In texts: the element that the event came from."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldOf(_Data):
    """Where a field stands in a trap (`value`, `index`) or in a NETCONF notification (`leaf`)."""

    value: Oid | None = None
    """The value of the first instance of this object."""
    index: Oid | None = None
    """What follows this object in the name of its first instance."""
    leaf: str | None = None
    """The text of the first leaf of this name, at any depth."""
    words: dict[int, str] = Field(default_factory=dict)
    """Numbers → what they mean."""

    @model_validator(mode="after")
    def _one(self) -> "FieldOf":
        if sum(each is not None for each in (self.value, self.index, self.leaf)) != 1:
            raise ValueError("say one of `value`, `index` and `leaf`")
        return self


class RaisedAlarm(_Data):
    """The alarm of a condition that has no port of its own to be read. Texts may name fields: "{peer}"."""

    cause: str = Field(pattern=r"^[a-z][A-Za-z0-9]{2,63}$")
    qualifier: str = ""
    severity: Severity = Severity.MAJOR
    text: str = Field("", max_length=500)
    probable_cause: str = ""
    """As X.733 and TMF642 spell it; empty for the cause itself."""


class ReadBack(_Data):
    """An object that tells how things really stand. Where the element does not have it, the event's word is all there is."""

    object: str
    """Instance, with fields: "1.3.6.1.2.1.15.3.1.2.{peer}"."""
    good: list[int] = Field(min_length=1)
    """Values that mean that all is well."""


class Sample(_Data):
    """An event that the rule must translate, and the fields that it must find."""

    trap: Oid | None = None
    values: dict[Oid, int | str] = Field(default_factory=dict)
    line: str | None = None
    program: str = ""
    notification: str | None = None
    leaves: dict[str, str] = Field(default_factory=dict)
    fields: dict[str, str] = Field(default_factory=dict)


Means = Literal["linkDown", "linkUp", "restart", "raise", "clear", "look", "nothing"]


class Rule(_Data):
    """`trap`, `syslog` or `notification` says which events it knows."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    trap: list[Oid] = Field(default_factory=list)
    """Values of snmpTrapOID.0; those of v1 traps by RFC 3584 §3.1."""
    syslog: str = ""
    """Regular expression searched in the message; its named groups are fields."""
    program: str = ""
    """Regular expression that the whole name of the program has to match; empty for any."""
    notification: str = ""
    """Name of the event element: {namespace}name, or the name alone for any namespace."""
    fields: dict[str, FieldOf] = Field(default_factory=dict)
    when: dict[str, list[str]] = Field(default_factory=dict)
    """Field → values (whatever their case) of which it must have one."""
    means: Means
    """linkDown, linkUp: the port is read. restart, look: the element is read. raise, clear: the element is read, and `alarm` stands
    or ends. nothing: known, and of no concern."""
    alarm: RaisedAlarm | None = None
    read_back: ReadBack | None = None
    word_only: str = ""
    """Why nothing can be read back; the alarm tells it."""
    at_least: int = Field(1, ge=1, le=100_000)
    """Events about one object within `window_s` before it means anything."""
    at_most: int | None = Field(None, ge=1, le=100_000)
    """Events about one object within `window_s` that lead to a read; further ones are counted as repeated."""
    window_s: int = Field(60, ge=1, le=86_400)
    samples: list[Sample] = Field(min_length=1)

    @field_validator("syslog", "program")
    @classmethod
    def _pattern(cls, text: str) -> str:
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}; correct it there") from None
        return text

    @model_validator(mode="after")
    def _whole(self) -> "Rule":
        if sum(map(bool, (self.trap, self.syslog, self.notification))) != 1:
            raise ValueError("say one of `trap`, `syslog` and `notification`: it is what the rule knows its events by")
        if self.syslog and self.fields:
            raise ValueError("the fields of a syslog rule are the named groups of its pattern; take `fields` out")
        if (self.means in {"raise", "clear"}) != (self.alarm is not None):
            raise ValueError("`alarm` goes with `means: raise` and `means: clear`, and with nothing else")
        if self.means in {"linkDown", "linkUp"} and not self.known & {PORT, INDEX}:
            raise ValueError(f"which port? A field `{PORT}` (its name) or `{INDEX}` is needed")
        if self.alarm and self.read_back is None and not self.word_only:
            raise ValueError("say what can be read back (`read_back`), or why nothing can (`word_only`)")
        self._check_templates()
        return self

    @property
    def known(self) -> frozenset[str]:
        """Names of the fields."""
        return frozenset(self.fields) | frozenset(re.compile(self.syslog).groupindex if self.syslog else ())

    def _check_templates(self) -> None:
        texts = [self.alarm.qualifier, self.alarm.text] if self.alarm else []
        texts += [self.read_back.object] if self.read_back else []
        for text in texts:
            for name in fields_of(text):
                if name not in self.known | {ELEMENT, PORT}:
                    raise ValueError(f"{text!r} names the field {name!r}; known are {', '.join(sorted(self.known)) or 'none'}")
        for name in self.when:
            if name not in self.known:
                raise ValueError(f"`when` names the field {name!r}; known are {', '.join(sorted(self.known)) or 'none'}")


class TranslationFile(_Data):
    name: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str = ""
    rules: tuple[Rule, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> "TranslationFile":
        names = [rule.name for rule in self.rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two rules have one name: {', '.join(twice)}")
        return self
