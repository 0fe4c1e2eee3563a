"""What comes of an XML text, put together from what came of others that differ from it in the values of their leaves alone.

The texts of a product's orders are all of one template. Each is made of a mould, then: what came of such a text with marks for its
values, and where which mark went. A text that does not fit one beyond doubt is read as any other, by who asked. Pure.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from typing import NamedTuple

from lxml import etree

from drivers.diff.same import Same
from drivers.diff.values import canonical
from drivers.platform import XmlRules

LONGEST = 4_096
"""Texts of services, not those of whole elements, of which no two are alike: a mould takes some twenty times its text's room."""
KNOWN, WAYS = 256, 8
"""Texts and kinds of them, and of each kind in how many ways its values can have prefixes."""


class Made(NamedTuple):
    """What comes of a text."""

    there: str
    """The edit that brings it where nothing is."""
    back: str
    """The edit that takes it away where nothing else is."""
    selection: str
    """The filter for its entries."""
    statements: Mapping[str, str]


Make = Callable[[XmlRules, str], Made]
"""By reading the text. What it says of a leaf is its value as it stands there in the edits and the filter, and one spelling of it
among the statements: its canonical one, or an identity's without the prefix. Only what has a statement of its own is told from
others by values."""


class Moulds:
    """`declared`: prefixes that are known around every text."""

    def __init__(self, make: Make, declared: Iterable[str] = ()) -> None:
        self._make = make
        self._kind = lru_cache(maxsize=KNOWN)(partial(_Kind, frozenset(declared)))
        self._kept = lru_cache(maxsize=KNOWN)(self._made)

    def made(self, rules: XmlRules, text: str) -> Made | None:
        """None where the text is to be read; among those the first of its kind, for there may be no other."""
        return self._kept(Same(rules), text) if len(text) <= LONGEST else None

    def _made(self, rules: Same[XmlRules], text: str) -> Made | None:
        parts = _VALUE.split(text)
        kind, values = self._kind(rules, tuple(parts[::2])), parts[1::2]
        kind.seen += 1
        if kind.seen == 1 or not all(map(_is_plain, values)):
            return None
        mould = kind.mould(self._make, values)
        return None if mould is None else mould.cast(values)


class _Kind:
    """Texts that are alike but for their values."""

    def __init__(self, declared: frozenset[str], rules: Same[XmlRules], between: tuple[str, ...]) -> None:
        self.seen = 0
        self._rules, self._between = rules.thing, between
        self._prefixes = declared.union(_DECLARED.findall("".join(between)))
        self._moulds: dict[tuple[str, ...], _Mould | None] = {}
        """By the prefixes that values have: which of them are declared where they stand is not for values to say."""

    def mould(self, make: Make, values: Sequence[str]) -> "_Mould | None":
        known = self._prefixes
        way = tuple([prefix if ":" in value and (prefix := value.partition(":")[0]) in known else "" for value in values])
        if way not in self._moulds and len(self._moulds) < WAYS:
            self._moulds[way] = _mould(make, self._rules, self._between, way)
        return self._moulds.get(way)


@dataclass(frozen=True, slots=True)
class _Mould:
    pieces: list[str]
    """What stands at even places; values come between."""
    sent: tuple[int, ...]
    """Which of the values come into the edits and the filter, in their order."""
    spelt: tuple[tuple[int, bool], ...]
    """Which into the statements, and whether without a prefix."""
    things: int
    """How many statements there are."""

    def cast(self, values: Sequence[str]) -> Made | None:
        """None when two things that the mould tells apart are one."""
        filled = self.pieces.copy()
        spelt = [values[which].rpartition(":")[2] if bare else canonical(values[which]) for which, bare in self.spelt]
        filled[1::2] = [*[values[which] for which in self.sent], *spelt]
        there, back, selection, *said = "".join(filled).split(_END)
        statements = dict(zip(said[::2], said[1::2], strict=True))
        return Made(there, back, selection, statements) if len(statements) == self.things else None


def _mould(make: Make, rules: XmlRules, between: tuple[str, ...], way: tuple[str, ...]) -> _Mould | None:
    """None where not all is made of values as they are."""
    marks = [f"{prefix or _NOBODY}:{_MARK}{number}{_MARK}" for number, prefix in enumerate(way)]
    text = "".join(chain.from_iterable(zip(between, [*(f">{mark}</" for mark in marks), ""], strict=True)))
    if any(odd in each for each in between for odd in _ODD) or not _stand_alone(text, marks):
        return None
    made = make(rules, text)
    xml, told = made[:3], [said for statement in made.statements.items() for said in statement]
    parts = _MARKED.split(_END.join((*xml, *told)))
    pieces, sent, spelt = parts.copy(), [], []
    left = sum(len(_MARKED.findall(each)) for each in xml)
    for at, number in enumerate(map(int, parts[1::2])):
        before, prefix = pieces[2 * at], marks[number].partition(_MARK)[0]
        whole = before.endswith(prefix)
        pieces[2 * at] = before.removesuffix(prefix)
        if at >= left:
            spelt.append((number, not whole))
        elif whole:
            sent.append(number)
        else:
            return None
    return _Mould(pieces, tuple(sent), tuple(spelt), len(made.statements))


def _stand_alone(text: str, marks: Sequence[str]) -> bool:
    """Whether each mark is all that is said where it stands."""
    try:
        root = etree.fromstring(f"<all>{text}</all>")
    except etree.XMLSyntaxError:
        return False  # whoever reads it says what is wrong
    said = Counter(each for node in root.iter() for each in (node.text, node.tail))
    return all(said[mark] == 1 for mark in marks)


def _is_plain(value: str) -> bool:
    """Whether XML reads it, and writes it again, as it stands: no references, and nothing that is no character there."""
    return value.isprintable() and "&" not in value


_VALUE = re.compile(r">([^<>\s](?:[^<>]*[^<>\s])?)</")
"""All that is said in a leaf, between its tags. With space around it, which would have to be taken off, it is part of the kind."""
_DECLARED = re.compile(r"xmlns:([^\s=]+)")
_END, _MARK, _NOBODY = "\0", "\ue000", "\ue001"
"""Ends what is made, which cannot have it; of private use, as a text can have them: then it has no mould."""
_MARKED = re.compile(f"{_MARK}([0-9]+){_MARK}")
_ODD = ("<!", "<?", _MARK, _NOBODY)
