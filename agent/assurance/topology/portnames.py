"""Names of ports as elements and people shorten them. Pure."""

import re

_PORT_NAME = re.compile(r"([A-Za-z]+)[ -]?(\d.*)")


def is_short_for(one: str, other: str) -> bool:
    """Whether both name the same port, one with its kind shortened."""
    a, b = _PORT_NAME.fullmatch(one), _PORT_NAME.fullmatch(other)
    if a is None or b is None or a[2] != b[2]:
        return False
    kinds = sorted((a[1].casefold(), b[1].casefold()), key=len)
    return kinds[1].startswith(kinds[0])
