"""Pure configuration diffs: from what was and what should be to the native payload, and back."""

from collections.abc import Iterable

from drivers.diff import lines, objects, xmltree
from drivers.errors import DriverSetupError
from drivers.platform import Platform
from drivers.port import ChangeSet

__all__ = ["change_set"]


def change_set(platform: Platform, element: str, before: str, after: str, ports: Iterable[str] = ()) -> ChangeSet:
    """What leads from the owned configuration `before` to `after`, with its reverse. Empty when the two mean the same.

    Ports matter only while something remains. `DriverSetupError` when a template rendered what the platform cannot read.
    """
    try:
        there, back = _payload(platform, before, after), _payload(platform, after, before)
    except ValueError as error:
        raise DriverSetupError(
            f"{element}: the template for platform {platform.name} rendered bad {platform.syntax} ({error}); correct the template"
        ) from error
    return ChangeSet(element, platform.name, before, after, there, back, tuple(ports) if after.strip() else ())


def _payload(platform: Platform, before: str, after: str) -> str:
    match platform.syntax:
        case "xml":
            return xmltree.forward(platform.xml_rules, before, after)
        case "lines":
            return lines.forward(platform.line_rules, before, after)
        case "objects":
            return objects.forward(before, after)
