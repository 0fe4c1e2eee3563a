"""What can be wrong with what should be.

PolicyError                 any failure of this package
└── InvalidPolicy           a file of data with mistakes, each with its file, line and path (ValueError)
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
