"""What can be wrong with what should be.

PolicyError                 any failure of this package
├── InvalidPolicy           a file of data with mistakes, each with its file, line and path (ValueError)
├── NotInCatalog           no specification, SLA or tariff of that name (LookupError)
├── Refused                 a request that does not fit a specification or the network (ValueError)
├── RenderingFailed         a template that cannot say what should be on an element (ValueError)
└── UnreadableAnswer        what an element answered is not what a collector reads (ValueError)
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a file, where a person will look for it."""

    file: str
    line: int
    path: str
    """E.g. customers[2].agreements[0].sla; "" is the whole file."""
    message: str

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{self.file}:{self.line}: {where}{self.message}"


class PolicyError(Exception):
    """Any failure of this package."""


class InvalidPolicy(PolicyError, ValueError):
    """Every mistake at once, so that the file is corrected in one go."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class NotInCatalog(PolicyError, LookupError):
    """`known` are the names that there are."""

    def __init__(self, kind: str, name: str, known: Sequence[str]) -> None:
        super().__init__(f"there is no {kind} {name!r}; known are {', '.join(sorted(known)) or 'none'}")
        self.kind, self.name, self.known = kind, name, tuple(sorted(known))


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that does not fit, in the words of the person who asked."""

    pointer: str
    """RFC 6901, into the characteristics: /sites/0/port."""
    rule: str
    """The schema's keyword, or the name of the rule: feature, port, path …"""
    message: str

    def __str__(self) -> str:
        return f"{self.pointer or '/'}: {self.message}"


class Refused(PolicyError, ValueError):
    """Every refusal at once."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__("; ".join(str(refusal) for refusal in refusals))
        self.refusals = tuple(refusals)


class RenderingFailed(PolicyError, ValueError):
    """`template` is `<specification>/<file>`."""

    def __init__(self, template: str, element: str, line: int, message: str) -> None:
        super().__init__(f"{template}:{line}: cannot be rendered for element {element}: {message}")
        self.template, self.element, self.line, self.message = template, element, line, message


class UnreadableAnswer(PolicyError, ValueError):
    """The text says what is wrong with the answer, and how it begins."""
