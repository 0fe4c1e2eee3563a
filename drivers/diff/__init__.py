"""Pure configuration diffs: from what was and what should be to the native payload, and back."""

from collections.abc import Iterable
from dataclasses import replace

from drivers.diff import lines, objects, xmltree
from drivers.diff.statements import Statements, atoms, keep, statements
from drivers.diff.union import union
from drivers.errors import DriverSetupError
from drivers.platform import Platform
from drivers.port import ChangeSet, Check

__all__ = ["Statements", "as_found", "atoms", "change_set", "keep", "statements", "union"]

NOTHING: Statements = {}


def change_set(  # noqa: PLR0917  the two sides belong beside each other
    platform: Platform,
    element: str,
    before: str,
    after: str,
    ports: Iterable[str] = (),
    checks: Iterable[Check] = (),
    *,
    shared: Statements = NOTHING,
) -> ChangeSet:
    """What leads from the owned configuration `before` to `after`, with its reverse. Empty when the two mean the same.

    `shared`: what of both sides others own too; it stands before and after alike. Ports and checks matter only while something
    remains. `DriverSetupError` when a template rendered what the platform cannot read.
    """
    old, new = _beside(platform, before, after, shared), _beside(platform, after, before, shared)
    there, back = _both_ways(platform, element, old, new)
    remains = bool(after.strip())
    return ChangeSet(
        element, platform.name, old, new, there, back, tuple(ports) if remains else (), tuple(checks) if remains else ()
    )


def _beside(platform: Platform, side: str, other: str, shared: Statements) -> str:
    """One side with what of the other others own too."""
    said = statements(platform, side) if shared else NOTHING
    return union(
        platform,
        [side, keep(platform, other, {place: value for place, value in shared.items() if said.get(place, value) == value})],
    )


def as_found(platform: Platform, change: ChangeSet, found: str) -> ChangeSet:
    """The change as it leads away from what the element really holds in the places that it takes, and back to exactly that."""
    there, back = _both_ways(platform, change.element, found, change.after)
    return replace(change, before=found, forward=there, reverse=back)


def _both_ways(platform: Platform, element: str, before: str, after: str) -> tuple[str, str]:
    try:
        return _payloads(platform, before, after)
    except ValueError as error:
        raise DriverSetupError(
            f"{element}: the template for platform {platform.name} rendered bad {platform.syntax} ({error}); correct the template"
        ) from error


def _payloads(platform: Platform, before: str, after: str) -> tuple[str, str]:
    match platform.syntax:
        case "xml":
            return xmltree.both_ways(platform.xml_rules, before, after)
        case "lines":
            rules = platform.line_rules
            return lines.forward(rules, before, after), lines.forward(rules, after, before)
        case "objects":
            return objects.forward(before, after), objects.forward(after, before)
