"""How a difference of lines is said: typed level by level, in full paths, or done by the element's shell. Pure.

A command of the shell begins with `$ `; what else a payload holds is typed into the command line.
"""

import re
from collections.abc import Iterable, Iterator

from drivers.platform import LineRule, LineRules, SectionRule

SHELL = "$ "

_PLACE = re.compile(r"\{(\w+)\}")


class Spelling:
    def __init__(self, rules: LineRules) -> None:
        self._flat, self._sections = rules.flat, rules.sections

    def nested(self, text: str) -> Iterator[str]:
        """Lines by levels; those that bear their whole path are cut where the sections' rules say."""
        if self._flat is None:
            yield from text.splitlines()
            return
        opening = f"{self._flat.set} "
        for line in text.splitlines():
            parts = self._cut(line.strip().removeprefix(opening)) if line.startswith(opening) else [line]
            yield from (f"{' ' * depth}{part}" for depth, part in enumerate(parts))

    def added(self, line: str, rule: LineRule | None) -> str:
        if rule is not None and rule.do:
            return _command(rule.do, rule.match, line)
        return f"{self._flat.set} {line}" if self._flat else line

    def removed(self, line: str, rule: LineRule | None, negated: str) -> str:
        if rule is not None and rule.do:
            return _command(rule.undo, rule.match, line)
        return f"{self._flat.delete} {line}" if self._flat else negated

    def closed(self, header: str, section: SectionRule | None, negated: str) -> str:
        """A section that goes as a whole."""
        if section is not None and section.shell:
            return _command(section.undo, section.match, header)
        return f"{self._flat.delete} {header}" if self._flat else negated

    def within(self, header: str, section: SectionRule | None, inner: Iterable[str], *, new: bool) -> Iterator[str]:
        """What is said of a section's lines. `ValueError` when a rule is missing that says how the shell does a line."""
        if section is not None and section.shell:
            yield from self._by_shell(header, section, inner, new=new)
        elif self._flat:
            yield from self._in_full(header, inner, self._flat.set)
        else:
            yield from (header, *(f" {line}" for line in inner), f" {section.leave if section else 'exit'}")

    def complete(self, payload: str) -> str:
        """The payload. `ValueError` when something in it is the shell's and stands where no section says of which link it is."""
        stray = next((line for line in payload.splitlines() if line.lstrip().startswith(SHELL) and _unfilled(line)), None)
        if stray is not None:
            raise ValueError(f"no rule says how the shell does {stray.strip()!r} here; its section is none that is known")
        return payload

    def _cut(self, path: str) -> list[str]:
        parts = []
        while found := next((match for rule in self._sections if (match := rule.match.match(path))), None):
            parts.append(found.group().strip())
            path = path[found.end() :].strip()
        return [*parts, path] if path else parts

    def _by_shell(self, header: str, section: SectionRule, inner: Iterable[str], *, new: bool) -> Iterator[str]:
        if new and section.do:
            yield _command(section.do, section.match, header)
        for line in inner:
            if not line.startswith(SHELL):
                raise ValueError(f"no rule says how the shell does {line!r} of {header!r}")
            yield _filled(line, section.match, header)

    def _in_full(self, header: str, inner: Iterable[str], verb: str) -> Iterator[str]:
        lines = list(inner)
        if not lines:
            yield f"{verb} {header}"
        for line in lines:
            verb, _, rest = line.partition(" ")
            yield f"{verb} {header} {rest}"


def _unfilled(line: str) -> bool:
    return line.startswith(" ") or _PLACE.search(line) is not None


def _command(template: str, pattern: re.Pattern[str], line: str) -> str:
    return SHELL + _filled(template, pattern, line)


def _filled(template: str, pattern: re.Pattern[str], line: str) -> str:
    """With the groups that the line has; places of its section's groups stay for the section to fill."""
    found = pattern.match(line)
    groups = {name: value for name, value in (found.groupdict() if found else {}).items() if value is not None}
    return _PLACE.sub(lambda place: groups.get(place[1], place[0]), template)
