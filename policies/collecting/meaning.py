"""What the rows of an answer mean: how things stand, and values to keep."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from policies.collecting.collector import ELEMENT, Collector, Sample, StateRule, ValueRule
from policies.collecting.rows import Row, check_template, rows_of
from policies.document import Document
from policies.errors import InvalidPolicy, Problem, UnreadableAnswer


class Standing(StrEnum):
    GOOD = "good"
    BAD = "bad"
    PASSING = "passing"
    """Between the two: it changes nothing."""
    UNWANTED = "unwanted"
    """Nobody wants it."""


_WORST = (Standing.BAD, Standing.PASSING, Standing.GOOD, Standing.UNWANTED)


@dataclass(frozen=True, slots=True)
class State:
    """How one thing stands on one element."""

    rule: StateRule
    qualifier: str
    names: frozenset[str]
    """All that events may call it, the qualifier among them, and nothing that they may call another one."""
    over: str
    """Port, as the element calls it; "" where it is over none."""
    shown: str
    """In the element's word."""
    standing: Standing
    text: str
    """Of its alarm."""


@dataclass(frozen=True, slots=True)
class Value:
    port: str
    metric: str
    value: float


@dataclass(frozen=True, slots=True)
class Collected:
    """What one answer says."""

    rows: tuple[Row, ...]
    states: tuple[State, ...]
    values: tuple[Value, ...]

    def state(self, cause: str, name: str) -> State | None:
        """Of what is called so."""
        return next((state for state in self.states if state.rule.cause == cause and name in state.names), None)


def read(collector: Collector, answer: str, element: str = "") -> Collected:
    """Raises `UnreadableAnswer`."""
    rows = rows_of(collector.read, answer)
    found = [(state, row) for row in rows for rule in collector.states if (state := _state(rule, row, element)) is not None]
    values = (value for row in rows for rule in collector.values if (value := _value(rule, row)) is not None)
    return Collected(rows, tuple(_own_names(_merged(_apart(found)))), tuple(values))


def parse_collector(text: str, file: str) -> Collector:
    """Raises `InvalidPolicy` with every mistake in the text, and with every sample that is not read as it says."""
    document = Document(text, file)
    found = document.check(Collector)
    problems: list[Problem] = []
    if found.read.textfsm and (fault := check_template(found.read.textfsm)):
        raise InvalidPolicy([document.problem(("read", "textfsm"), fault)])
    for number, sample in enumerate(found.samples):
        problems += [document.problem(("samples", number), fault) for fault in _faults(found, sample)]
    if problems:
        raise InvalidPolicy(problems)
    return found


def distinct(collectors: Sequence[tuple[str, Collector]]) -> None:
    """`collectors` with their files. Raises `InvalidPolicy` when two have one name."""
    seen: dict[str, str] = {}
    for file, collector in collectors:
        if collector.name in seen:
            message = f"there is a collector {collector.name} in {seen[collector.name]}; rename one"
            raise InvalidPolicy([Problem(file, 1, "name", message)])
        seen[collector.name] = file


def _state(rule: StateRule, row: Row, element: str) -> State | None:
    """None for a row that does not name what it is about."""
    qualifier = _name(rule.qualifier, row, element)
    if not qualifier:
        return None
    shown = _words(rule.state, row, element)
    shown = next((word for pattern, word in rule.words.items() if re.fullmatch(pattern, shown)), shown)
    names = frozenset((qualifier, *(name for each in rule.also if (name := _name(each, row, element)))))
    over, text = _words(rule.over, row, element), _words(rule.text, row, element)
    return State(rule, qualifier, names, over, shown, _standing(rule, shown), text)


def _standing(rule: StateRule, shown: str) -> Standing:
    for standing, pattern in ((Standing.UNWANTED, rule.unwanted), (Standing.GOOD, rule.good), (Standing.PASSING, rule.passing)):
        if pattern and re.fullmatch(pattern, shown, re.IGNORECASE):
            return standing
    return Standing.BAD


def _apart(states: Sequence[tuple[State, Row]]) -> Iterator[State]:
    """With the rows that they are of: things that have one qualifier, and are more than one, are told apart."""
    seen: dict[tuple[str, str], set[str]] = {}
    for state, row in states:
        seen.setdefault((state.rule.cause, state.qualifier), set()).add(_name(state.rule.apart, row))
    for state, row in states:
        if len(seen[state.rule.cause, state.qualifier]) == 1:
            yield state
            continue
        qualifier = f"{state.qualifier} {_name(state.rule.apart, row)}".strip()
        yield replace(state, qualifier=qualifier, names=state.names - {state.qualifier} | {qualifier})


def _own_names(states: Iterable[State]) -> Iterator[State]:
    """Each without the other names that another one has, too: who is called so is not known."""
    every = list(states)
    bearers = Counter((state.rule.cause, name) for state in every for name in state.names)
    for state in every:
        shared = {name for name in state.names if name != state.qualifier and bearers[state.rule.cause, name] > 1}
        yield replace(state, names=state.names - shared) if shared else state


def _merged(states: Iterable[State]) -> Iterator[State]:
    """One for each thing: a neighbour that several address families list is as its worst."""
    found: dict[tuple[str, str], State] = {}
    for state in states:
        key = (state.rule.cause, state.qualifier)
        known = found.get(key)
        if known is None or _WORST.index(state.standing) < _WORST.index(known.standing):
            found[key] = state
    yield from found.values()


def _value(rule: ValueRule, row: Row) -> Value | None:
    port = _words(rule.port, row)
    try:
        number = float(row.get(rule.value, ""))
    except ValueError:
        return None
    return Value(port, rule.metric, number * rule.scale) if port and math.isfinite(number) else None


def _words(text: str, row: Row, element: str = "") -> str:
    return text.format_map({**row, ELEMENT: element}).strip() if "{" in text else text


def _name(text: str, row: Row, element: str = "") -> str:
    """Fields that are empty leave no gap in it."""
    return " ".join(_words(text, row, element).split())


def _faults(collector: Collector, sample: Sample) -> Iterator[str]:
    """Why the sample does not show what the collector says."""
    try:
        found = read(collector, sample.answer, "sample")
    except UnreadableAnswer as error:
        yield str(error)
        return
    except KeyError as error:
        yield f"a text names the field {error}, which this answer's rows lack"
        return
    states = {state.qualifier: str(state.standing) for state in found.states}
    yield from _differences("state", sample.states, states)
    values: dict[str, float] = {f"{value.port} {value.metric}": round(value.value, 6) for value in found.values}
    wanted = {f"{port} {metric}": value for port, metrics in sample.values.items() for metric, value in metrics.items()}
    yield from _differences("value", wanted, values)


def _differences(what: str, wanted: Mapping[str, object], found: Mapping[str, object]) -> Iterator[str]:
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            yield f"the {what} of {name} is not found in this sample; found are {', '.join(sorted(found)) or 'none'}"
        elif name not in wanted:
            yield f"finds the {what} of {name} ({found[name]}), which the sample does not name"
        elif wanted[name] != found[name]:
            yield f"finds the {what} {found[name]} of {name}, not {wanted[name]}"
