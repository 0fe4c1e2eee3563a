"""How what stands on an element differs from what should. Pure.

Both sides are texts in the platform's language: what should stand, and what `ElementSession.observe` found in its places.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from drivers.diff import lines, objects, xmltree
from drivers.diff.statements import keep, statements
from drivers.diff.union import union
from drivers.platform import Platform


@dataclass(frozen=True, slots=True)
class Deviation:
    """Places and values; a place with another value is in both."""

    missing: Mapping[str, str]
    unexpected: Mapping[str, str]
    digest: str
    """Of what was found."""

    @property
    def in_sync(self) -> bool:
        return not self.missing and not self.unexpected

    @property
    def places(self) -> frozenset[str]:
        return frozenset(self.missing) | frozenset(self.unexpected)


def deviation(platform: Platform, expected: str, observed: str) -> Deviation:
    """`DriverSetupError` when a text is not in the platform's language."""
    wanted, found = statements(platform, expected), statements(platform, observed)
    return Deviation(
        missing={place: value for place, value in wanted.items() if found.get(place) != value},
        unexpected={place: value for place, value in found.items() if wanted.get(place) != value},
        digest=sha256("\0".join(f"{place}\1{value}" for place, value in sorted(found.items())).encode()).hexdigest(),
    )


def within(platform: Platform, text: str, observed: str) -> str:
    """What of `observed` stands in the places of `text`, and in what is its alone."""
    match platform.syntax:
        case "lines":
            return lines.observed(platform.line_rules, text, observed)
        case "xml":
            return xmltree.observed(platform.xml_rules, text, observed)
        case "objects":
            return objects.within(text, observed)


def repaired(platform: Platform, text: str, observed: str, others: Sequence[str]) -> tuple[str, str]:
    """One service's places as they stand and as they should: its own `text`, and what others rightly have there."""
    before = within(platform, text, observed)
    own, known = statements(platform, text), statements(platform, union(platform, others))
    theirs = {
        place: value for place, value in statements(platform, before).items() if place not in own and known.get(place) == value
    }
    return before, union(platform, [text, keep(platform, before, theirs)])


def words(platform: Platform, said: Mapping[str, str]) -> tuple[str, ...]:
    """In the operator's words, and the element's own where it has a command line."""
    return tuple(_words(platform, place, value) for place, value in said.items())


def _words(platform: Platform, place: str, value: str) -> str:
    if platform.syntax == "lines" and value:
        header, slash, _ = place.rpartition(" / ")
        return f"{header}{slash}{value}"
    plain = re.sub(r"\{[^}]*\}", "", place)
    return f"{plain} = {value}" if value else plain
