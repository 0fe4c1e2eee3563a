"""Diff of hierarchical command-line configuration by a platform's section and negation rules.

Texts are configuration as a template renders it or the element prints it: nesting by indentation. What a text contains is
owned; nothing else is ever touched. All removals come before all additions (an address may move between ports), removals
in reverse order (users before what they use).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import pairwise

from drivers.diff.comparison import Comparison, compare
from drivers.diff.spelling import Spelling
from drivers.diff.values import canonical
from drivers.platform import LineRule, LineRules, SectionRule

Section = dict[str, "Section"]
"""Lines in order, each with what stands below it; a list line (`… vlan 10,20`) is held as one line per member."""


def forward(rules: LineRules, before: str, after: str) -> str:
    """The commands that lead from `before` to `after`, indented for the reader; "" when nothing differs."""
    grammar = _Grammar(rules)
    old, new = grammar.parse(before), grammar.parse(after)
    return grammar.complete("\n".join((*grammar.removals(old, new), *grammar.additions(old, new))))


def restrict(rules: LineRules, running: str, *owned: str, foreign: bool = False) -> str:
    """What of the running configuration the owned texts name. `foreign`: also what else is in their slots."""
    grammar = _Grammar(rules)
    wanted = _united([grammar.parse(text) for text in owned])
    return _render(grammar.restrict(grammar.parse(running), wanted, foreign=foreign))


def observed(rules: LineRules, expected: str, running: str) -> str:
    """What of `expected` stands, what else is in its slots, and all that is in sections that are ours alone."""
    grammar = _Grammar(rules)
    live, wanted = grammar.parse(running), grammar.parse(expected)
    return _render(grammar.observe(live, wanted, grammar.restrict(live, wanted, foreign=True)))


def assess(rules: LineRules, before: str, after: str, running: str) -> Comparison:
    """Compare the running configuration with both sides."""
    grammar = _Grammar(rules)
    live = grammar.parse(running)
    return compare(
        grammar.items(grammar.parse(before)),
        grammar.items(grammar.parse(after)),
        holds=lambda path: grammar.holds(live, path),
        neutral=lambda path: not grammar.negation(path[-1]),
        name=" / ".join,
    )


def unite(rules: LineRules, texts: Iterable[str]) -> str:
    """All that the texts say, so that users still follow what they use."""
    grammar = _Grammar(rules)
    return f"{_render(_united([grammar.parse(text) for text in texts]))}\n"


def statements(rules: LineRules, text: str) -> Iterator[tuple[str, str]]:
    """Place and value of everything that the text says; see `drivers.diff.statements`."""
    grammar = _Grammar(rules)
    yield from grammar.statements(grammar.parse(text))


def keep(rules: LineRules, text: str, wanted: Mapping[str, str]) -> str:
    """What of the text says just these things."""
    grammar = _Grammar(rules)
    kept = _render(grammar.keep(grammar.parse(text), wanted))
    return f"{kept}\n" if kept else ""


def untypable(rules: LineRules, text: str) -> str | None:
    """The first line that cannot be typed into this command line, or None."""
    return next((line for line in text.split("\n") if rules.forbidden.search(line)), None)


def paths(rules: LineRules, text: str) -> Iterator[tuple[str, ...]]:
    """Every line with the headers it stands under; a header that nothing of ours tells from a line stands for itself too."""
    yield from _every(_Grammar(rules).parse(text))


def numbers(members: str) -> Iterator[int]:
    """`100,200-202` → 100, 200, 201, 202. `ValueError` for what is no such list."""
    return _numbers(members)


def makes(rules: LineRules, text: str) -> frozenset[str]:
    """Ports that the text makes, because their sections are ours alone (`interface ge-0/0/1.100`)."""
    grammar = _Grammar(rules)
    return frozenset(grammar.made(line) for line in grammar.parse(text) if grammar.is_whole(line))


HIGHEST_MEMBER = 4095
"""Of a list line: twelve bits, as VLANs have."""


class _Grammar:
    def __init__(self, rules: LineRules) -> None:
        self._rules = rules
        self._spelling = Spelling(rules)

    def parse(self, text: str) -> Section:
        root: Section = {}
        open_sections: list[tuple[int, Section]] = [(-1, root)]
        for raw in self._spelling.nested(text):
            line = self._tidy(raw)
            if not line or self._rules.ignore.match(line):
                continue
            depth = len(raw) - len(raw.lstrip())
            while open_sections[-1][0] >= depth:
                open_sections.pop()
            for single in self._singles(line):
                below = open_sections[-1][1].setdefault(single, {})
            open_sections.append((depth, below))
        return root

    def complete(self, payload: str) -> str:
        return self._spelling.complete(payload)

    def removals(self, old: Section, new: Section) -> Iterator[str]:
        lists: dict[str, list[str]] = {}
        for line in reversed(old):
            if self._is_section(line, old[line]):
                if line not in new and self.is_whole(line):
                    yield self._spelling.closed(line, self._section(line), self._negated(line))
                else:
                    inner = list(self.removals(old[line], new.get(line, {})))
                    if inner:
                        yield from self._spelling.within(line, self._section(line), inner, new=False)
            elif line not in new:
                if self._rule(line) and self._members(line):
                    lists.setdefault(self._slot(line), []).append(line)
                elif not self._overwritten(line, new) and self.negation(line):
                    yield self._spelling.removed(line, self._rule(line), self._negated(line))
        for lines in lists.values():
            yield self._joined(lines, "remove")

    def additions(self, old: Section, new: Section) -> Iterator[str]:
        lists: dict[str, list[str]] = {}
        for line in self._clearing_first(old, new):
            if self._is_section(line, new[line]):
                inner = list(self.additions(old.get(line, {}), new[line]))
                if inner or (line not in old and self.is_whole(line)):
                    yield from self._spelling.within(line, self._section(line), inner, new=line not in old)
            elif line not in old or self._wiped(line, old, new):
                if self._members(line):
                    lists.setdefault(self._slot(line), []).append(line)
                else:
                    yield self._spelling.added(line, self._rule(line))
        for lines in lists.values():
            yield self._joined(lines, "add")

    def restrict(self, live: Section, wanted: Section, *, foreign: bool) -> Section:
        kept: Section = {}
        for line, below in wanted.items():
            if self._is_section(line, below):
                if line not in live and self.is_whole(line):
                    continue  # else a `no X` below would hold there and seem to prove that the section exists
                inner = self.restrict(live.get(line, {}), below, foreign=foreign)
                if inner or (line in live and self.is_whole(line)):
                    kept[line] = inner
            elif self._holds_here(live, line):
                kept[line] = {}
            elif foreign and not self._members(line):
                kept |= {other: {} for other in live if self._slot(other) == self._slot(line) and not other.startswith("no ")}
        return kept

    def observe(self, live: Section, wanted: Section, found: Section, *, ours: bool = False) -> Section:
        """`found` with what stands beside it in sections that are removed as a whole.

        But for what a line always has (`mtu 1500`, which nobody can take back), unless something is wanted in its place.
        """
        seen: Section = {}
        for line, below in wanted.items():
            if line in found:
                whole = ours or self.is_whole(line)
                seen[line] = (
                    self.observe(live.get(line, {}), below, found[line], ours=whole) if self._is_section(line, below) else {}
                )
        beside = {line: below for line, below in live.items() if below or self.negation(line)} if ours else {}
        return seen | {line: live.get(line, {}) for line in (*found, *beside) if line not in seen}

    def statements(self, section: Section, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
        for line, below in section.items():
            if self._is_section(line, below):
                if self.is_whole(line):
                    yield self._place(path, line)
                yield from self.statements(below, (*path, line))
            else:
                yield self._place(path, line)
        yield from self._untold(section, path)

    def _untold(self, section: Section, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """Lines that another one would wipe say that it is not there."""
        for rule in self._rules.lines:
            wiped = any(rule.clears and rule.clears.match(line) for line in section)
            if wiped and not any(self._rule(line) is rule for line in section):
                yield " / ".join((*path, rule.slot)), f"no {rule.slot}"

    def keep(self, section: Section, wanted: Mapping[str, str], path: tuple[str, ...] = ()) -> Section:
        kept: Section = {}
        for line, below in section.items():
            place, value = self._place(path, line)
            inner = self.keep(below, wanted, (*path, line))
            if inner or wanted.get(place) == value:
                kept[line] = inner
        return kept

    def items(self, section: Section, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        """Paths of everything that can be there or not: lines, and headers of sections that are ours alone."""
        for line, below in section.items():
            here = (*path, line)
            if self._is_section(line, below):
                if self.is_whole(line):
                    yield here
                yield from self.items(below, here)
            else:
                yield here

    def holds(self, live: Section, path: tuple[str, ...]) -> bool:
        for header in path[:-1]:
            live = live.get(header, {})
        return self._holds_here(live, path[-1])

    def negation(self, line: str) -> str:
        rule = self._rule(line)
        if rule is not None and rule.do:
            return rule.undo
        return rule.negate if rule else "no {line}"

    def made(self, header: str) -> str:
        rule = self._section(header)
        if rule is None or not rule.makes:
            return " ".join(header.split()[1:2])
        found = rule.match.match(header)
        return rule.makes.format(**found.groupdict()) if found else ""

    def is_whole(self, line: str) -> bool:
        rule = self._section(line)
        return rule is not None and rule.removal == "whole"

    def _holds_here(self, live: Section, line: str) -> bool:
        """`no X` holds when X is absent: running configurations do not print it."""
        return line in live or (line.startswith("no ") and line.removeprefix("no ") not in live)

    def _clearing_first(self, old: Section, new: Section) -> list[str]:
        return sorted(new, key=lambda line: not ((rule := self._rule(line)) and rule.clears and line not in old))

    def _tidy(self, raw: str) -> str:
        words = raw.split()
        rule = self._rule(" ".join(words))
        return " ".join(words if rule and rule.literal else map(canonical, words))

    def _wiped(self, line: str, old: Section, new: Section) -> bool:
        changed = (rule for other in old.keys() ^ new.keys() if (rule := self._rule(other)) and rule.clears)
        return any(rule.clears and rule.clears.match(line) for rule in changed)

    def _overwritten(self, line: str, new: Section) -> bool:
        if _opposite(line) in new:
            return True
        rule = self._rule(line)
        overwrites = rule is not None and rule.replace == "overwrite"
        return overwrites and any(self._slot(other) == self._slot(line) for other in new)

    def _negated(self, line: str) -> str:
        if line.startswith("no ") and self.negation(line) == "no {line}":
            return _opposite(line)
        return self.negation(line).replace("{line}", line)

    def _joined(self, lines: list[str], verb: str) -> str:
        rule = self._rule(lines[0])
        if rule is None:
            raise ValueError(f"no rule joins {lines[0]!r}")
        members = ",".join(str(vlan) for vlan in sorted(int(self._members(line)) for line in lines))
        return (rule.add if verb == "add" else rule.remove).format(members=members)

    def _singles(self, line: str) -> list[str]:
        rule = self._rule(line)
        if rule is None or not (members := self._members(line)):
            return [line]
        return [f"{rule.slot} {number}" for number in _numbers(members)]

    def _members(self, line: str) -> str:
        rule = self._rule(line)
        found = rule.match.match(line) if rule and rule.add else None
        return found["members"] if found else ""

    def _place(self, path: tuple[str, ...], line: str) -> tuple[str, str]:
        """A list line holds one of its members, and each is a place of its own."""
        slot = line if self._members(line) else self._slot(line)
        return " / ".join((*path, slot)), "" if slot == line else line

    def _slot(self, line: str) -> str:
        rule = self._rule(line)
        return rule.slot if rule and rule.slot else line.removeprefix("no ")

    def _rule(self, line: str) -> LineRule | None:
        return next((rule for rule in self._rules.lines if rule.match.match(line)), None)

    def _section(self, line: str) -> SectionRule | None:
        return next((rule for rule in self._rules.sections if rule.match.match(line)), None)

    def _is_section(self, line: str, below: Section) -> bool:
        rule = self._section(line)
        return bool(below) or (rule is not None and not rule.filled)


def _every(section: Section, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for line, below in section.items():
        yield (*above, line)
        yield from _every(below, (*above, line))


def _numbers(members: str) -> Iterator[int]:
    """`100,200-202` → 100, 200, 201, 202."""
    for part in members.split(","):
        first, dash, last = part.partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not dash) and int(last or first) <= HIGHEST_MEMBER):
            raise ValueError(f"{members!r} is no list of numbers up to {HIGHEST_MEMBER}, such as 100,200-202")
        yield from range(int(first), int(last or first) + 1)


def _opposite(line: str) -> str:
    return line.removeprefix("no ") if line.startswith("no ") else f"no {line}"


def _united(sections: Sequence[Section]) -> Section:
    """All lines; each stays behind what stood before it in its own section, else in the order in which they come."""
    if len(sections) <= 1:
        return sections[0] if sections else {}
    below: dict[str, list[Section]] = {}
    for section in sections:
        for line, inner in section.items():
            below.setdefault(line, []).extend([inner] if inner else [])
    return {line: _united(below[line]) for line in _in_order(list(below), sections)}


def _in_order(lines: Sequence[str], sections: Sequence[Section]) -> Iterator[str]:
    """Each line once. Where sections contradict each other, the first one that had the line is right."""
    place = {line: number for number, line in enumerate(lines)}
    followers: dict[str, list[str]] = {line: [] for line in lines}
    waits_for = dict.fromkeys(lines, 0)
    for section in sections:
        for line, following in pairwise(section):
            followers[line].append(following)
            waits_for[following] += 1
    ready = [place[line] for line in lines if not waits_for[line]]
    left = dict.fromkeys(lines)
    while left:
        line = lines[heappop(ready)] if ready else next(iter(left))
        if line not in left:
            continue  # it was taken out of a circle before
        del left[line]
        yield line
        for following in followers[line]:
            waits_for[following] -= 1
            if not waits_for[following]:
                heappush(ready, place[following])


def _render(section: Section, indent: str = "") -> str:
    return "\n".join(part for line, below in section.items() for part in (f"{indent}{line}", _render(below, f"{indent} ")) if part)
