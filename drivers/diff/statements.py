"""What a configuration says, in its smallest parts: place → value. Pure.

A place is a leaf, a slot of a section, an object; it holds one value. Of what many can stand beside each other (list entries,
members of a trunk, lines without a slot) each is a place of its own, without a value. Two texts that say the same have the same
parts, however they are written; two that say different values in one place exclude each other.
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from drivers.diff import lines, objects, xmltree
from drivers.diff.same import Same
from drivers.errors import DriverSetupError
from drivers.platform import Platform

Statements = Mapping[str, str]

REMEMBERED, LONGEST_REMEMBERED = 1000, 4_096
"""Texts, and characters of one: each is asked about as it is ordered, as its element is taken, and as it holds. Not those of a
whole element, which are asked about once a night; what is remembered of a text takes up to eight times its room.
"""


def statements(platform: Platform, text: str) -> Statements:
    """Every part of the text. `DriverSetupError` when it is not in the platform's language."""
    read = _remembered if len(text) <= LONGEST_REMEMBERED else _statements
    try:
        return read(Same(platform), text)
    except ValueError as error:
        raise DriverSetupError(
            f"a template for platform {platform.name} rendered bad {platform.syntax} ({error}); correct the template"
        ) from error


def atoms(platform: Platform, text: str) -> tuple[str, ...]:
    """The parts of the text, each as one string."""
    return tuple(f"{place} = {value}" if value else place for place, value in statements(platform, text).items())


def keep(platform: Platform, text: str, wanted: Statements) -> str:
    """What of the text says just these parts, with what they stand in; "" when it says none of them."""
    if not wanted:
        return ""
    match platform.syntax:
        case "xml":
            return xmltree.keep(platform.xml_rules, text, wanted)
        case "lines":
            return lines.keep(platform.line_rules, text, wanted)
        case "objects":
            return objects.keep(text, wanted)


def _statements(same: Same[Platform], text: str) -> Statements:
    platform = same.thing
    match platform.syntax:
        case "xml":
            return MappingProxyType(xmltree.statements(platform.xml_rules, text))
        case "lines":
            return MappingProxyType(dict(lines.statements(platform.line_rules, text)))
        case "objects":
            return MappingProxyType(dict(objects.statements(text)))


_remembered = lru_cache(maxsize=REMEMBERED)(_statements)
