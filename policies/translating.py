"""Translating: events tried on the rules that are in force. Pure, and quick enough for thousands of events a second."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from policies.document import Document
from policies.errors import InvalidPolicy, Problem
from policies.translation import ELEMENT, INDEX, PORT, FieldOf, Rule, Sample, TranslationFile

Value = int | bytes | str | None
Bindings = Sequence[tuple[str, Value]]
"""Object instance → value, as a trap carries them."""
LONGEST_LINE = 4096
"""Characters of a syslog line that patterns are tried on; what stands behind them says nothing more."""
LONGEST_FIELD = 200


@dataclass(frozen=True, slots=True)
class Said:
    """What a rule makes of one event."""

    rule: "CompiledRule"
    fields: tuple[tuple[str, str], ...]

    def field(self, name: str) -> str:
        return next((value for known, value in self.fields if known == name), "")

    @property
    def if_index(self) -> int | None:
        text = self.field(INDEX)
        return int(text) if text.isdecimal() and len(text) <= 10 else None  # noqa: PLR2004  digits of 2^31 - 1

    def words(self, text: str, element: str = "", port: str = "") -> str:
        """A template of the rule with the event's own words in it."""
        return text.format_map(dict.fromkeys(self.rule.known, "") | {PORT: port} | dict(self.fields) | {ELEMENT: element})


@dataclass(frozen=True)
class CompiledRule:
    """A rule, ready to be tried, with the name that people know it by: file/rule."""

    name: str
    rule: Rule

    @cached_property
    def known(self) -> frozenset[str]:
        return self.rule.known

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.rule.syslog)

    @cached_property
    def program(self) -> re.Pattern[str]:
        return re.compile(self.rule.program)

    def of_trap(self, bindings: Bindings) -> Said | None:
        return self._said((name, _in_trap(field, bindings)) for name, field in self.rule.fields.items())

    def of_line(self, program: str, text: str) -> Said | None:
        if self.rule.program and self.program.fullmatch(program) is None:
            return None
        found = self.pattern.search(text)
        if found is None:
            return None
        return self._said((name, value or "") for name, value in found.groupdict().items())

    def of_leaves(self, leaves: Mapping[str, str]) -> Said | None:
        return self._said((name, leaves.get(field.leaf or "", "")) for name, field in self.rule.fields.items())

    def _said(self, found: Iterator[tuple[str, str]]) -> Said | None:
        fields = tuple((name, value[:LONGEST_FIELD]) for name, value in found)
        for name, wanted in self._when:
            if next((value.casefold() for known, value in fields if known == name), "") not in wanted:
                return None
        return Said(self, fields)

    @cached_property
    def _when(self) -> tuple[tuple[str, frozenset[str]], ...]:
        return tuple((name, frozenset(each.casefold() for each in wanted)) for name, wanted in self.rule.when.items())


class Translations:
    """All rules that are in force. Of several that know an event the first one counts."""

    def __init__(self, files: Sequence[TranslationFile] = ()) -> None:
        self.rules = tuple(CompiledRule(f"{file.name}/{rule.name}", rule) for file in files for rule in file.rules)
        self._traps: dict[str, list[CompiledRule]] = {}
        for rule in self.rules:
            for oid in rule.rule.trap:
                self._traps.setdefault(oid, []).append(rule)
        self._lines = [rule for rule in self.rules if rule.rule.syslog]
        self._notifications = [rule for rule in self.rules if rule.rule.notification]

    def trap(self, oid: str, bindings: Bindings) -> Said | None:
        """None when no rule knows it."""
        return next((said for rule in self._traps.get(oid, ()) if (said := rule.of_trap(bindings)) is not None), None)

    def line(self, program: str, text: str) -> Said | None:
        text = text[:LONGEST_LINE]
        return next((said for rule in self._lines if (said := rule.of_line(program, text)) is not None), None)

    def notification(self, name: str, leaves: Mapping[str, str]) -> Said | None:
        """`name`: {namespace}name."""
        names = {name, name.rpartition("}")[2]}
        known = (rule for rule in self._notifications if rule.rule.notification in names)
        return next((said for rule in known if (said := rule.of_leaves(leaves)) is not None), None)


def parse_translation(text: str, file: str) -> TranslationFile:
    """Raises `InvalidPolicy` with every mistake in the text, and with every sample that its rule does not translate as it says."""
    document = Document(text, file)
    found = document.check(TranslationFile)
    problems = [
        document.problem(("rules", position, "samples", number), f"rule {rule.name}: {fault}")
        for position, rule in enumerate(found.rules)
        for number, sample in enumerate(rule.samples)
        if (fault := _fault(CompiledRule(rule.name, rule), sample))
    ]
    if problems:
        raise InvalidPolicy(problems)
    return found


def distinct(files: Sequence[TranslationFile]) -> None:
    """Raises `InvalidPolicy` when two files have one name: people know a rule by file and rule."""
    names = [file.name for file in files]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidPolicy(
            [Problem(f"{name}.yaml", 1, "name", "two translation files have this name; rename one") for name in twice]
        )


def _fault(rule: CompiledRule, sample: Sample) -> str:
    """Why the sample does not show what the rule says; "" when it does."""
    if not (sample.trap or sample.line is not None or sample.notification):
        return "a sample needs a `trap`, a `line` or a `notification`"
    said = _tried(rule, sample)
    if said is None:
        return "does not know this sample; correct the rule or the sample"
    for name, wanted in sample.fields.items():
        if (found := said.field(name)) != wanted:
            return f"finds {name} = {found!r} in this sample, not {wanted!r}"
    return ""


def _tried(rule: CompiledRule, sample: Sample) -> Said | None:
    if rule.rule.trap:
        bindings = [(oid, value.encode() if isinstance(value, str) else value) for oid, value in sample.values.items()]
        return rule.of_trap(bindings) if sample.trap in rule.rule.trap else None
    if rule.rule.syslog:
        return None if sample.line is None else rule.of_line(sample.program, sample.line)
    known = sample.notification in {rule.rule.notification, rule.rule.notification.rpartition("}")[2]}
    return rule.of_leaves(sample.leaves) if known else None


def _in_trap(field: FieldOf, bindings: Bindings) -> str:
    column = field.value or field.index or ""
    for oid, value in bindings:
        if oid == column or oid.startswith(f"{column}."):
            return _text(value, field.words) if field.value else oid[len(column) + 1 :]
    return ""


def _text(value: Value, words: Mapping[int, str]) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").rstrip("\x00")
    if isinstance(value, int):
        return words.get(value, str(value))
    return value or ""
