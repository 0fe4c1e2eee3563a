"""Pure configuration diffs: from what was and what should be to the native payload, and back."""

from collections.abc import Iterable
from dataclasses import replace

from drivers.diff import lines, objects, xmltree
from drivers.errors import DriverSetupError
from drivers.platform import Platform
from drivers.port import ChangeSet

__all__ = ["as_found", "change_set"]


def change_set(platform: Platform, element: str, before: str, after: str, ports: Iterable[str] = ()) -> ChangeSet:
    """What leads from the owned configuration `before` to `after`, with its reverse. Empty when the two mean the same.

    Ports matter only while something remains. `DriverSetupError` when a template rendered what the platform cannot read.
    """
    there, back = _both_ways(platform, element, before, after)
    return ChangeSet(element, platform.name, before, after, there, back, tuple(ports) if after.strip() else ())


def as_found(platform: Platform, change: ChangeSet, found: str) -> ChangeSet:
    """The change as it leads away from what the element really holds in the places that it takes, and back to exactly that."""
    there, back = _both_ways(platform, change.element, found, change.after)
    return replace(change, before=found, forward=there, reverse=back)


def _both_ways(platform: Platform, element: str, before: str, after: str) -> tuple[str, str]:
    try:
        return _payload(platform, before, after), _payload(platform, after, before)
    except ValueError as error:
        raise DriverSetupError(
            f"{element}: the template for platform {platform.name} rendered bad {platform.syntax} ({error}); correct the template"
        ) from error


def _payload(platform: Platform, before: str, after: str) -> str:
    match platform.syntax:
        case "xml":
            return xmltree.forward(platform.xml_rules, before, after)
        case "lines":
            return lines.forward(platform.line_rules, before, after)
        case "objects":
            return objects.forward(before, after)
