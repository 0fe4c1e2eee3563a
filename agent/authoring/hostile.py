"""Whether any text that a specification accepts can say more on an element than its own place does.

A text among the characteristics is replaced by what an attacker would try. What the schema accepts of it is rendered, and must
change the result in the places of that text alone: no line, leaf or object more, none fewer, none elsewhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from lxml import etree

from agent.authoring.trial import Outcome, Trial
from drivers.diff.lines import untypable
from drivers.platform import Platform
from policies.errors import Refused, RenderingFailed
from policies.specification import check_characteristics

ATTACKS = (
    "Zqx\nshutdown",
    "Zqx\r\nno vlan 1",
    "Zqx\x0bshutdown",
    "Zqx\x00",
    "Zqx\x1b[A",
    "Zqx\u2028shutdown",
    "Zqx\u0085shutdown",
    "Zqx; shutdown",
    "Zqx | reload",
    "Zqx && reboot",
    "$(reboot)",
    "`reboot`",
    "Zqx' y",
    'Zqx" y',
    "Zqx\\",
    "Zqx ?",
    "Zqx ! y",
    "</description><enabled>false</enabled><description>",
    "<!--",
    "]]>",
    "{Zqx: y}",
    "Zqx: y",
    "Zqx # y",
    "- Zqx",
    "\u202eZqx",
    "\uff41\uff42\uff43",
    "exit Zqx",
    "no description Zqx",
    "{{ element }}",
    " Zqx",
    "Zqx ",
)
"""Line breaks of every kind, separators, quotes, markup, help, look-alikes; with a word that is nowhere else."""
HONEST = "Zqhonest"
Place = tuple[str | int, ...]


def texts_in(value: object, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Every text among the characteristics, and where it is."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from texts_in(inner, (*place, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from texts_in(inner, (*place, position))


def replaced(value: Any, place: Place, text: str) -> Any:  # noqa: ANN401  JSON is any
    """The characteristics with another text in that place."""
    if not place:
        return text
    first, rest = place[0], place[1:]
    if isinstance(value, Mapping):
        return {key: replaced(inner, rest, text) if key == first else inner for key, inner in value.items()}
    return [replaced(inner, rest, text) if position == first else inner for position, inner in enumerate(value)]


def escapes(trial: Trial, place: Place, honest: str, attack: str) -> str:
    """What the text does beyond its place, in the author's words; "" when nothing, or when it is refused."""
    wanted = replaced(trial.sample.characteristics, place, attack)
    if check_characteristics(trial.spec, wanted):
        return ""
    try:
        after = trial.outcome(wanted)
    except (Refused, RenderingFailed):
        return ""  # no such port, or not to be printed: nothing reaches an element
    plain = replaced(trial.sample.characteristics, place, HONEST)
    if not check_characteristics(trial.spec, plain):
        honest = HONEST
    before = trial.outcome(replaced(trial.sample.characteristics, place, honest))
    return _beyond(trial.platform, before, after, honest, attack)


def _beyond(platform: Platform, before: Outcome, after: Outcome, honest: str, attack: str) -> str:
    if before.texts.keys() != after.texts.keys():
        return ""  # another port, on another element
    for element, text in after.texts.items():
        line = untypable(platform.line_rules, text) if platform.syntax == "lines" else None
        if line is not None:
            return f"{attack!r} is accepted, and {line.strip()!r} cannot be typed on {platform.name}: the order would fail"
        try:
            expected = [said.replace(honest, attack) for said in _said(platform, before.texts[element])]
            found = _said(platform, text)
        except (etree.XMLSyntaxError, yaml.YAMLError) as error:
            return f"{attack!r} is accepted, and breaks what is rendered for {element}: {error}"
        if len(expected) != len(found) or not all(map(_is_meant, expected, found)):
            odd = next((each for each in found if each not in expected), "less than before")
            return f"{attack!r} is accepted, and changes more than its own place on {element}: {odd.strip()!r}"
    return ""


def _is_meant(expected: str, found: str) -> bool:
    """Long texts are cut, and spaces at the end are nothing."""
    return expected.startswith(found.rstrip()) and bool(found.strip()) == bool(expected.strip())


def _said(platform: Platform, text: str) -> Sequence[str]:
    """Lines, leaves or objects, in order."""
    match platform.syntax:
        case "lines":
            return text.splitlines()
        case "xml":
            return list(_leaves(etree.fromstring(f"<all>{text}</all>")))
        case "objects":
            return [str(item) for item in _objects(yaml.safe_load(text))]


def _leaves(element: etree._Element) -> Iterator[str]:
    yield f"{element.tag} {sorted(element.attrib.items())} {(element.text or '').strip()}"
    for child in element:
        yield from _leaves(child)


def _objects(data: object) -> Iterator[object]:
    if isinstance(data, Mapping):
        for key, inner in data.items():
            yield key
            yield from _objects(inner)
    elif isinstance(data, list):
        for inner in data:
            yield from _objects(inner)
    else:
        yield data
