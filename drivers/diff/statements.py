"""What a configuration says, in its smallest parts: place → value. Pure.

A place is a leaf, a slot of a section, an object; it holds one value. Of what many can stand beside each other (list entries,
members of a trunk, lines without a slot) each is a place of its own, without a value. Two texts that say the same have the same
parts, however they are written; two that say different values in one place exclude each other.
"""

from collections.abc import Mapping

from drivers.diff import lines, objects, xmltree
from drivers.errors import DriverSetupError
from drivers.platform import Platform

Statements = Mapping[str, str]


def statements(platform: Platform, text: str) -> dict[str, str]:
    """Every part of the text. `DriverSetupError` when it is not in the platform's language."""
    try:
        match platform.syntax:
            case "xml":
                return dict(xmltree.statements(platform.xml_rules, text))
            case "lines":
                return dict(lines.statements(platform.line_rules, text))
            case "objects":
                return dict(objects.statements(text))
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
