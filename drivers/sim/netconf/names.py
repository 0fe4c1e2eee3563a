"""Namespaces, prefixes and small helpers for qualified XML names."""

from collections.abc import Mapping
from typing import cast

from lxml import etree

# lxml has no public name for its element type.
Element = etree._Element  # noqa: SLF001

NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
NOTIFICATION = "urn:ietf:params:xml:ns:netconf:notification:1.0"
NETCONF_EVENTS = "urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"
IF_MIB = "urn:ietf:params:xml:ns:yang:smiv2:IF-MIB"
IF = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
IP = "urn:ietf:params:xml:ns:yang:ietf-ip"
IANA_IF_TYPE = "urn:ietf:params:xml:ns:yang:iana-if-type"
YANG_LIBRARY = "urn:ietf:params:xml:ns:yang:ietf-yang-library"

PREFIXES = {"nc": NC, "if": IF, "ip": IP, "ianaift": IANA_IF_TYPE}
_PREFIX_OF = {namespace: prefix for prefix, namespace in PREFIXES.items()}

MODULES = {
    "ietf-interfaces": (IF, "2018-02-20"),
    "ietf-ip": (IP, "2018-02-22"),
    "iana-if-type": (IANA_IF_TYPE, "2023-01-26"),
}
"""Module → (namespace, revision)."""


def q(namespace: str, name: str) -> str:
    return f"{{{namespace}}}{name}"


def local(tag: str) -> str:
    """`{ns}name` → `name`."""
    return tag.rpartition("}")[2]


def namespace(tag: str) -> str:
    return tag[1:].partition("}")[0] if tag.startswith("{") else ""


def prefixed(tag: str) -> str:
    """`{ns}name` → `if:name`, with the prefixes of `PREFIXES`."""
    prefix = _PREFIX_OF.get(namespace(tag))
    return f"{prefix}:{local(tag)}" if prefix else local(tag)


def elements(parent: Element) -> list[Element]:
    """Child elements, without comments and processing instructions."""
    return list(parent.iterchildren("{*}*"))


def text_of(element: Element | None) -> str:
    return (element.text or "").strip() if element is not None else ""


def sub(parent: Element, tag: str, text: str | None = None) -> Element:
    """Append a child in the parent's namespace (or a qualified one)."""
    child = etree.SubElement(parent, tag if tag.startswith("{") else q(namespace(parent.tag), tag))
    child.text = text
    return child


def new(tag: str, text: str | None = None, prefixes: Mapping[str, str] | None = None) -> Element:
    """An element whose default namespace is its own, with further `prefixes` declared on it."""
    # lxml takes None for the default namespace; its stubs know only str.
    nsmap = cast("dict[str, str]", {None: namespace(tag), **(prefixes or {})})
    element = etree.Element(tag, nsmap=nsmap)
    element.text = text
    return element
