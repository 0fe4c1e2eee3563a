"""Nested facts as names and values."""

from collections.abc import Mapping

from agent.cli.words import told


def flat(document: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """{"path": {"from": "pe1"}} → {"path from": "pe1"}; values as people read them."""
    found: dict[str, str] = {}
    for key, value in document.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        if isinstance(value, Mapping):
            found |= flat(value, f"{name} ")
        elif isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
            for number, each in enumerate(value, start=1):
                found |= flat(each if isinstance(each, Mapping) else {"": each}, f"{name} {number} ")
        else:
            found[name.strip()] = told(value)
    return found
