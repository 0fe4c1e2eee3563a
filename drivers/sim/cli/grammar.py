"""Patterns of words, and finding the one that a typed line means.

A pattern word is a keyword (`address`; `input|output` for a choice; any unambiguous beginning of it will do), a value
(`<mask>`; see `drivers.sim.cli.values`) or, last, the rest of the line (`<text...>`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from drivers.sim.cli.errors import Ambiguous, Incomplete, InvalidInput
from drivers.sim.cli.values import CHECKS

_EXACT, _BEGINNING, _VALUE, _NO = 3, 2, 1, 0


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    column: int
    """Where it starts in the typed line."""


@dataclass(frozen=True, slots=True)
class Found:
    index: int
    """Which of the patterns."""
    values: tuple[Word, ...]
    """Values and chosen keywords, in the order of the pattern."""


def find(line: str, patterns: Sequence[str]) -> Found:
    """The one pattern that `line` means; raises InvalidInput, Incomplete or Ambiguous."""
    words = [Word(match.group(), match.start()) for match in re.finditer(r"\S+", line)]
    alive = [_Candidate(index, compile_pattern(pattern)) for index, pattern in enumerate(patterns)]
    for word in words:
        alive = _narrow(alive, word, line)
    complete = [candidate for candidate in alive if candidate.complete]
    if not complete:
        raise Incomplete
    return Found(complete[0].index, complete[0].values)


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a pattern."""

    keywords: tuple[str, ...] = ()
    check: str = ""
    rest: bool = False

    def rank(self, text: str) -> int:
        if not self.keywords:
            return _VALUE if self.rest or CHECKS[self.check](text) else _NO
        typed = text.lower()
        if typed in self.keywords:
            return _EXACT
        return _BEGINNING if self.meant(typed) else _NO

    def meant(self, typed: str) -> list[str]:
        return [typed] if typed in self.keywords else [word for word in self.keywords if word.startswith(typed)]


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> tuple[Term, ...]:
    return tuple(_term(word) for word in pattern.split())


def _term(word: str) -> Term:
    if not word.startswith("<"):
        return Term(keywords=tuple(word.split("|")))
    name = word.strip("<>")
    return Term(check=name.removesuffix("..."), rest=name.endswith("..."))


@dataclass(frozen=True, slots=True)
class _Candidate:
    index: int
    terms: tuple[Term, ...]
    matched: int = 0
    values: tuple[Word, ...] = ()

    @property
    def complete(self) -> bool:
        return self.matched == len(self.terms)

    @property
    def swallowing(self) -> bool:
        """The rest of the line is already its last value."""
        return self.complete and self.terms[-1].rest

    def rank(self, word: Word) -> int:
        if self.swallowing:
            return _VALUE
        return _NO if self.complete else self.terms[self.matched].rank(word.text)

    def advance(self, word: Word, line: str) -> "_Candidate":
        if self.swallowing:
            return self
        term = self.terms[self.matched]
        values = self.values
        if term.rest:
            values = (*values, Word(line[word.column :].rstrip(), word.column))
        elif not term.keywords:
            values = (*values, word)
        elif len(term.keywords) > 1:
            values = (*values, Word(term.meant(word.text.lower())[0], word.column))
        return _Candidate(self.index, self.terms, self.matched + 1, values)


def _narrow(alive: list[_Candidate], word: Word, line: str) -> list[_Candidate]:
    ranked = [(candidate.rank(word), candidate) for candidate in alive]
    best = max((rank for rank, _ in ranked), default=_NO)
    if best == _NO:
        raise InvalidInput(word.column)
    kept = [candidate for rank, candidate in ranked if rank == best]
    if best == _BEGINNING:
        typed = word.text.lower()
        if len({meant for candidate in kept for meant in candidate.terms[candidate.matched].meant(typed)}) > 1:
            raise Ambiguous(line.strip())
    return [candidate.advance(word, line) for candidate in kept]
