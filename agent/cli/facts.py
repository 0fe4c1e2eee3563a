"""Nested facts as names and values."""

from collections.abc import Mapping


def flat(document: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """{"path": {"from": "pe1"}} → {"path from": "pe1"}; lists of plain values stay lists."""
    found: dict[str, object] = {}
    for key, value in document.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        if isinstance(value, Mapping):
            found |= flat(value, f"{name} ")
        elif isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
            for number, each in enumerate(value, start=1):
                found |= flat(each if isinstance(each, Mapping) else {"": each}, f"{name} {number} ")
        else:
            found[name.strip()] = value
    return found
