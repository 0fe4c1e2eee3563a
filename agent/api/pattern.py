"""Regular expressions from outside, in a subset whose cost is bounded: no groups, few repetitions, short texts. Pure.

Python's matcher backtracks and cannot be interrupted, so what could make it run away is refused before it runs. Without groups and
with two repetitions an alternative takes at most cubic time in the length of the text, which is cut.
"""

import re
from collections.abc import Iterator

MAX_REPETITIONS = 2
"""Per alternative."""
MAX_ALTERNATIVES = 10
MAX_TEXT = 256
"""Characters of a text that are looked at."""
_PIECE = re.compile(r"\\.|\[\^?+\]?+(?:\\.|[^\]\\])*+\]|\{[\d,]*\}|.", re.DOTALL)

_AMBIGUOUS = re.compile(r"(?<!\\)\[|--|&&|\|\||~~")
"""What a later Python may read as operations on sets; it warns today."""


def compile_pattern(text: str) -> re.Pattern[str]:
    """Raises `ValueError` saying what is not taken."""
    alternatives, repetitions = 1, 0
    for piece in _pieces(text):
        if piece in "()" or (piece[0] == "\\" and piece[1:].isdigit()):
            raise ValueError("groups and back-references are not taken; use a plainer pattern")
        if piece == "[":
            raise ValueError("it is not a regular expression: a bracket is not closed")
        if piece[0] == "[" and _AMBIGUOUS.search(piece[1:-1]):
            raise ValueError("inside [ ] write \\[ for a bracket, and no two of - & | ~ in a row")
        if piece == "|":
            alternatives, repetitions = alternatives + 1, 0
        elif piece in "*+?" or piece[0] == "{":
            repetitions += 1
        if repetitions > MAX_REPETITIONS:
            raise ValueError(f"more than {MAX_REPETITIONS} repetitions (* + ? {{}}) in one alternative are not taken")
        if alternatives > MAX_ALTERNATIVES:
            raise ValueError(f"more than {MAX_ALTERNATIVES} alternatives are not taken")
    try:
        return re.compile(text)
    except (re.error, OverflowError) as error:
        raise ValueError(f"it is not a regular expression: {error}") from None


def found(pattern: re.Pattern[str], text: str) -> bool:
    return pattern.search(text[:MAX_TEXT]) is not None


def _pieces(text: str) -> Iterator[str]:
    """Escapes, character classes and counted repetitions each as one."""
    return (match.group() for match in _PIECE.finditer(text))
