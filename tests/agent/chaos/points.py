"""Every point of the journal that the program has, as its text says: what nobody has named here is found there."""

import ast
from collections.abc import Iterator
from pathlib import Path

import agent.fulfillment

WRITERS = frozenset({"point", "advance", "advancing", "passed", "_point", "_advance"})
"""Methods whose first argument names a point."""


def points() -> frozenset[str]:
    return frozenset(name for file in Path(agent.fulfillment.__path__[0]).glob("*.py") for name in _named(file))


def checkpoints() -> frozenset[str]:
    """Before and after each of them."""
    return frozenset(f"{when} {point}" for point in points() for when in ("before", "after"))


def _named(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITERS and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value
