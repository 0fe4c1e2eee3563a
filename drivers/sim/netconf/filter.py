"""Subtree filtering (RFC 6241, chapter 6). Pure: data and filter in, selected copy out."""

from copy import deepcopy

from drivers.sim.netconf.names import IF, IP, Element, elements, local, namespace, new, q, text_of
from drivers.sim.netconf.openconfig import INSTANCES, PLATFORM

_KEYS = frozenset({q(IF, "name"), q(IP, "ip"), q(PLATFORM, "name"), q(INSTANCES, "neighbor-address")})
"""List keys accompany whatever is selected of their entry."""


def select(data: Element, wanted: Element | None) -> Element:
    """The part of `data` (children of its root) that the `<filter>` element selects; all without a filter."""
    if wanted is None:
        return deepcopy(data)
    selection = _Selection()
    for pattern in elements(wanted):
        for child in elements(data):
            selection.match(child, pattern)
    return selection.copy(data) if selection.any else new(data.tag)


class _Selection:
    """Marks on data nodes: selected whole, or only as the way to something selected below."""

    def __init__(self) -> None:
        self._whole: set[Element] = set()
        self._partial: set[Element] = set()

    @property
    def any(self) -> bool:
        return bool(self._whole or self._partial)

    def match(self, node: Element, pattern: Element) -> bool:
        if not _same_name(node, pattern) or not _attributes_match(node, pattern):
            return False
        below = elements(pattern)
        if not below:
            return self._leaf(node, text_of(pattern))
        content = [p for p in below if not len(p) and text_of(p)]
        if not all(_has_content(node, p) for p in content):
            return False
        rest = [p for p in below if p not in content]
        if not rest:
            self._whole.add(node)
            return True
        hits = [self.match(child, p) for p in rest for child in elements(node)]
        if not any(hits):
            return False
        self._partial.add(node)
        self._whole.update(child for child in elements(node) if child.tag in _KEYS or _is_content(child, content))
        return True

    def copy(self, node: Element) -> Element:
        if node in self._whole:
            return deepcopy(node)
        result = new(node.tag)
        for child in elements(node):
            if child in self._whole or child in self._partial:
                result.append(self.copy(child))
        return result

    def _leaf(self, node: Element, content: str) -> bool:
        if content and text_of(node) != content:
            return False
        self._whole.add(node)
        return True


def _same_name(node: Element, pattern: Element) -> bool:
    """A pattern without a namespace matches in any (RFC 6241, 6.2.1)."""
    return local(node.tag) == local(pattern.tag) and namespace(pattern.tag) in ("", namespace(node.tag))


def _attributes_match(node: Element, pattern: Element) -> bool:
    return all(node.get(name) == value for name, value in pattern.attrib.items())


def _is_content(child: Element, content: list[Element]) -> bool:
    return any(_same_name(child, p) and text_of(child) == text_of(p) for p in content)


def _has_content(node: Element, pattern: Element) -> bool:
    return any(_is_content(child, [pattern]) for child in elements(node))
