"""Texts with fields in braces, as `{element}: neighbour {peer} is {state}`."""

from collections.abc import Iterator
from string import Formatter


def fields_of(text: str) -> Iterator[str]:
    """Names of its fields; "" for what is no plain field. `ValueError` for braces that do not fit."""
    try:
        for _, name, spec, conversion in Formatter().parse(text):
            if name is not None:
                yield "" if spec or conversion or not name.isidentifier() else name
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}; write {{{{ for a brace") from None
