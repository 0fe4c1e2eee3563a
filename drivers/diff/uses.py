"""Which values of pools a configuration uses: VLANs, addresses, distinguishers. Pure.

The same reading serves the running configuration of an element and the text that fabd wants there: what the first has and the
second has not is nobody's that fabd knows.
"""

from collections.abc import Iterator
from ipaddress import ip_interface

from drivers.diff import lines, objects, xmltree
from drivers.platform import LineRules, Platform, UseRule, XmlRules
from drivers.port import Use


def uses(platform: Platform, text: str) -> tuple[Use, ...]:
    """Every value in the order of the text, each place once. `ValueError` when the text is not in the platform's language."""
    match platform.syntax:
        case "lines":
            found = _in_lines(platform.line_rules, platform.uses, text)
        case "xml":
            found = _in_xml(platform.xml_rules, platform.uses, text)
        case "objects":
            found = _in_objects(text)
    return tuple(dict.fromkeys(found))


def _in_lines(rules: LineRules, wanted: tuple[UseRule, ...], text: str) -> Iterator[Use]:
    for path in lines.paths(rules, text):
        for rule in wanted:
            found = rule.match.match(path[-1]) if rule.match else None
            if found:
                yield from (Use(rule.kind, value, " / ".join(path)) for value in _values(rule.kind, found["value"]))


def _in_xml(rules: XmlRules, wanted: tuple[UseRule, ...], text: str) -> Iterator[Use]:
    leaves = {rule.leaf: rule.length for rule in wanted if rule.leaf}
    kinds = {rule.leaf: rule.kind for rule in wanted if rule.leaf}
    for leaf, value, length, where in xmltree.values(rules, leaves, text):
        kind = kinds[leaf]
        yield from (Use(kind, each, where) for each in _values(kind, f"{value}/{length}" if length else value))


def _in_objects(text: str) -> Iterator[Use]:
    for vlan, intent in sorted(objects.parse_intent(text).vlans.items()):
        yield Use("vlan", str(vlan), f"vlan {vlan} ({intent.name})")


def _values(kind: str, text: str) -> Iterator[str]:
    """In canonical text; nothing for what is no value (`ip address dhcp`)."""
    try:
        if kind == "vlan":
            yield from map(str, lines.numbers(text))
        elif kind == "address":
            yield str(ip_interface("/".join(text.split())))
        elif kind == "rt":
            yield text.removeprefix("target:")
        else:
            yield text
    except ValueError:
        return
