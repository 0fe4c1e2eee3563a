"""Several services' configuration on one element as one text. Pure."""

from collections.abc import Sequence

from drivers.diff import lines, objects, xmltree
from drivers.errors import DriverSetupError
from drivers.platform import Platform


def union(platform: Platform, texts: Sequence[str]) -> str:
    """What all of them say together; of values that exclude each other the last one stands.

    `DriverSetupError` when one of them is not in the platform's language.
    """
    said = [text for text in texts if text.strip()]
    if len(said) <= 1:
        return said[0] if said else ""
    try:
        match platform.syntax:
            case "xml":
                return xmltree.unite(platform.xml_rules, said)
            case "lines":
                return lines.unite(platform.line_rules, said)
            case "objects":
                return objects.unite(said)
    except ValueError as error:
        raise DriverSetupError(
            f"a template for platform {platform.name} rendered bad {platform.syntax} ({error}); correct the template"
        ) from error
