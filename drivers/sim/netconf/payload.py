"""Reading a `<config>` payload: structure, names and values checked, values canonical (RFC 7950, 8.3.1). Pure."""

from enum import StrEnum

from drivers.sim.netconf import schema
from drivers.sim.netconf.errors import RpcError, RpcErrors
from drivers.sim.netconf.names import IANA_IF_TYPE, NC, Element, elements, local, namespace, new, prefixed, q, text_of
from drivers.sim.netconf.schema import Inner, Leaf

OPERATION = "operation"
"""Attribute of the read payload that holds the `nc:operation` of the sent one."""


class Operation(StrEnum):
    MERGE = "merge"
    REPLACE = "replace"
    CREATE = "create"
    DELETE = "delete"
    REMOVE = "remove"
    NONE = "none"
    """Only as a default-operation."""


_REMOVALS = (Operation.DELETE, Operation.REMOVE)


def read(config: Element) -> Element:
    """A checked copy of `config` in the form the datastores hold, with operations as plain attributes.

    Raises RpcErrors with everything that is wrong.
    """
    reader = _Reader()
    tree = reader.inner(config, schema.ROOT, "", removing=False)
    if reader.errors:
        raise RpcErrors(reader.errors)
    return tree


def canonical_leaf(tag: str, value: str) -> Element:
    """A leaf as the datastores hold it; interface types carry the prefix they need."""
    return new(tag, value, {"ianaift": IANA_IF_TYPE} if value.startswith("ianaift:") else None)


def step(element: Element, node: Inner | Leaf) -> str:
    """One step of an instance path: `/if:interface[if:name='ge-0/0/0']`."""
    path = f"/{prefixed(element.tag)}"
    if isinstance(node, Inner) and node.key:
        path += f"[{prefixed(node.key)}='{text_of(element.find(node.key))}']"
    return path


class _Reader:
    def __init__(self) -> None:
        self.errors: list[RpcError] = []

    def inner(self, sent: Element, node: Inner, path: str, *, removing: bool) -> Element:
        result = new(node.tag)
        removing = self._operation(sent, result, path) in _REMOVALS or removing
        if text_of(sent) or any((child.tail or "").strip() for child in sent):
            self._error("bad-element", f"{local(sent.tag)} holds text where elements belong", path, sent)
        seen: set[str] = set()
        for child in elements(sent):
            self._child(child, node, path, result, seen, removing=removing)
        if node.key and result.find(node.key) is None and not self._has_error_at(path):
            self._error("missing-element", f"{local(node.tag)} lacks its key {local(node.key)}", path, node.key)
        return result

    def _child(self, sent: Element, parent: Inner, path: str, into: Element, seen: set[str], *, removing: bool) -> None:
        node = parent.children.get(sent.tag)
        if node is None:
            self._unknown(sent, parent, path)
            return
        here = path + step(sent, node)
        if isinstance(node, Inner):
            into.append(self.inner(sent, node, here, removing=removing))
            return
        if sent.tag in seen:
            self._error("bad-element", f"{local(sent.tag)} appears more than once", here, sent)
        seen.add(sent.tag)
        into.append(self._leaf(sent, node, here, is_key=sent.tag == parent.key, removing=removing))

    def _leaf(self, sent: Element, node: Leaf, path: str, *, is_key: bool, removing: bool) -> Element:
        bare = new(node.tag)
        operation = self._operation(sent, bare, path)
        if len(sent):
            self._error("bad-element", f"{local(sent.tag)} is a leaf and holds elements", path, sent)
        if not is_key and (removing or operation in _REMOVALS):
            return bare
        try:
            leaf = canonical_leaf(node.tag, node.type((sent.text or "").strip(), sent.nsmap))
        except ValueError as error:
            self._error("invalid-value", f"{local(sent.tag)}: {error}", path, sent)
            return bare
        if operation:
            leaf.set(OPERATION, operation)
        return leaf

    def _operation(self, sent: Element, result: Element, path: str) -> Operation | None:
        for name, value in ((str(name), str(value)) for name, value in sent.attrib.items()):
            if name != q(NC, "operation"):
                if not name.startswith("{http://www.w3.org/"):
                    info = (("bad-attribute", local(name)), ("bad-element", local(sent.tag)))
                    message = f"unknown attribute {name} on {local(sent.tag)}"
                    self.errors.append(RpcError("unknown-attribute", message, path=path or None, info=info))
                continue
            if value in set(Operation) - {Operation.NONE}:
                result.set(OPERATION, value)
                return Operation(value)
            info = (("bad-attribute", "operation"), ("bad-element", local(sent.tag)))
            self.errors.append(RpcError("bad-attribute", f"unknown operation '{value}'", path=path or None, info=info))
        return None

    def _unknown(self, sent: Element, parent: Inner, path: str) -> None:
        where = f"{path}/{prefixed(sent.tag)}"
        if sent.tag in parent.state:
            self._error("unknown-element", f"{local(sent.tag)} is state, not configuration", where, sent)
        elif namespace(sent.tag) not in schema.NAMESPACES:
            info = (("bad-element", local(sent.tag)), ("bad-namespace", namespace(sent.tag)))
            message = f"unknown namespace '{namespace(sent.tag)}' of {local(sent.tag)}"
            self.errors.append(RpcError("unknown-namespace", message, path=path or None, info=info))
        else:
            inside = local(parent.tag)
            self._error("unknown-element", f"{inside} has no element {local(sent.tag)}", where, sent)

    def _error(self, tag: str, message: str, path: str, bad: Element | str) -> None:
        name = bad if isinstance(bad, str) else bad.tag
        self.errors.append(RpcError(tag, message, path=path or None, info=(("bad-element", local(name)),)))

    def _has_error_at(self, path: str) -> bool:
        return any(error.path and error.path.startswith(path) for error in self.errors)
