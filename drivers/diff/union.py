"""Several services' configuration on one element as one text. Pure."""

from collections.abc import Sequence

import yaml
from lxml import etree

from drivers.diff import lines
from drivers.diff.xmltree import _parse, _text, _Tree
from drivers.errors import DriverSetupError
from drivers.platform import Platform, XmlRules


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
                return _xml(platform.xml_rules, said)
            case "lines":
                return lines.unite(platform.line_rules, said)
            case "objects":
                return _objects(said)
    except (ValueError, yaml.YAMLError) as error:
        raise DriverSetupError(
            f"a template for platform {platform.name} rendered bad {platform.syntax} ({error}); correct the template"
        ) from error


def _xml(rules: XmlRules, texts: Sequence[str]) -> str:
    tree, root = _Tree(rules), _parse(texts[0])
    for text in texts[1:]:
        _graft(tree, root, _parse(text))
    return "".join(f"{_text(child)}\n" for child in root)


def _graft(tree: _Tree, into: etree._Element, other: etree._Element) -> None:
    there = tree._index(into)  # noqa: SLF001  the two modules are one diff
    for identity, child in tree._index(other).items():  # noqa: SLF001  see above
        mine = there.get(identity)
        if mine is None:
            into.append(child)
        elif len(child):
            _graft(tree, mine, child)
        else:
            into.replace(mine, child)


def _objects(texts: Sequence[str]) -> str:
    joined: object = {}
    for text in texts:
        joined = _joined(joined, yaml.safe_load(text))
    return yaml.safe_dump(joined, sort_keys=True)


def _joined(one: object, other: object) -> object:
    if isinstance(one, dict) and isinstance(other, dict):
        return one | {key: _joined(one[key], value) if key in one else value for key, value in other.items()}
    if isinstance(one, list) and isinstance(other, list):
        return [*one, *(value for value in other if value not in one)]
    return one if other is None else other
