"""`<edit-config>` on a tree: merge, replace, create, delete, remove (RFC 6241, 7.2; RFC 7950, 7). Pure."""

from enum import StrEnum

from drivers.sim.netconf import schema
from drivers.sim.netconf.errors import RpcError, RpcErrors
from drivers.sim.netconf.names import Element, local, new, text_of
from drivers.sim.netconf.payload import OPERATION, Operation, canonical_leaf, step
from drivers.sim.netconf.schema import Inner, Leaf, Node


class OnError(StrEnum):
    STOP = "stop-on-error"
    CONTINUE = "continue-on-error"
    ROLLBACK = "rollback-on-error"


class Stopped(RpcErrors):
    """The edit met errors; what was applied before (or besides) them stays in the tree that was edited."""


def apply(config: Element, edit: Element, default: Operation, on_error: OnError) -> None:
    """Apply a payload from `payload.read` to `config` in place; the caller passes a copy where it may need the old one.

    Raises Stopped after the first error, or after all of them with `continue-on-error`.
    """
    editor = _Editor(keep_going=on_error is OnError.CONTINUE)
    if default is Operation.REPLACE:
        config[:] = []
    try:
        editor.children(config, edit, schema.ROOT, default, "")
    except RpcErrors:
        pass  # already listed
    finally:
        prune(config, schema.ROOT)
    if editor.errors:
        raise Stopped(editor.errors)


def prune(parent: Element, node: Inner) -> None:
    """Drop containers without presence that became empty: they mean nothing."""
    for child in list(parent):
        kind = node.children.get(child.tag)
        if isinstance(kind, Inner):
            prune(child, kind)
            if not len(child) and not kind.key and not kind.presence:
                parent.remove(child)


class _Editor:
    def __init__(self, *, keep_going: bool) -> None:
        self.errors: list[RpcError] = []
        self._keep_going = keep_going

    def children(self, target: Element, edit: Element, node: Inner, inherited: Operation, path: str) -> None:
        present = {_identity(child, node.children[child.tag]): child for child in target}
        for wanted in edit:
            kind = node.children[wanted.tag]
            operation = Operation(wanted.get(OPERATION, inherited))
            identity = _identity(wanted, kind)
            here = path + step(wanted, kind)
            try:
                result = self._one(target, present.get(identity), wanted, node, operation, here)
            except RpcErrors:
                if not self._keep_going:
                    raise
                continue
            if result is None:
                present.pop(identity, None)
            else:
                present[identity] = result

    def _one(  # noqa: PLR0917 - the place in the tree is all of these
        self, parent: Element, existing: Element | None, wanted: Element, inside: Inner, operation: Operation, path: str
    ) -> Element | None:
        """Do one child; returns it as it now stands in the tree, None when it is gone."""
        kind = inside.children[wanted.tag]
        if operation in (Operation.DELETE, Operation.REMOVE):
            self._remove(parent, existing, wanted, operation, path)
            return None
        if operation is Operation.CREATE and existing is not None and _stands_by_itself(kind):
            self._fail("data-exists", f"{_label(wanted)} exists already", path, wanted)
        if operation is Operation.REPLACE and existing is not None:
            parent.remove(existing)
            existing = None
        if operation is Operation.NONE and existing is None and _stands_by_itself(kind):
            self._fail("data-missing", f"{_label(wanted)} does not exist and shall not be made", path, wanted)
        if isinstance(kind, Leaf):
            return existing if operation is Operation.NONE else _set_leaf(parent, existing, wanted, inside)
        if existing is None:
            existing = _insert(parent, new(kind.tag), inside)
            if kind.key:
                _insert(existing, canonical_leaf(kind.key, wanted.findtext(kind.key) or ""), kind)
                inner = Operation.MERGE if operation is Operation.CREATE else operation
                self.children(existing, wanted, kind, inner, path)
                return existing
        self.children(existing, wanted, kind, operation, path)
        return existing

    def _remove(self, parent: Element, existing: Element | None, wanted: Element, operation: Operation, path: str) -> None:
        if existing is not None:
            parent.remove(existing)
        elif operation is Operation.DELETE:
            self._fail("data-missing", f"{_label(wanted)} does not exist", path, wanted)

    def _fail(self, tag: str, message: str, path: str, bad: Element) -> None:
        error = RpcError(tag, message, path=path, info=(("bad-element", local(bad.tag)),))
        self.errors.append(error)
        raise RpcErrors([error])


def _stands_by_itself(kind: Node) -> bool:
    """Containers without presence always exist, so they can be neither created twice nor missing."""
    return isinstance(kind, Leaf) or bool(kind.key) or kind.presence


def _identity(element: Element, kind: Node) -> tuple[str, str]:
    key = kind.key if isinstance(kind, Inner) else ""
    return element.tag, text_of(element.find(key)) if key else ""


def _set_leaf(parent: Element, existing: Element | None, wanted: Element, inside: Inner) -> Element:
    leaf = canonical_leaf(wanted.tag, wanted.text or "")
    if existing is None:
        return _insert(parent, leaf, inside)
    parent.replace(existing, leaf)
    return leaf


def _insert(parent: Element, child: Element, inside: Inner) -> Element:
    """Put `child` where the schema has it; entries of one list keep the order in which they came."""
    rank = inside.rank(child.tag)
    if not len(parent) or inside.rank(parent[-1].tag) <= rank:
        parent.append(child)
        return child
    for position, other in enumerate(parent):
        if inside.rank(other.tag) > rank:
            parent.insert(position, child)
            break
    return child


def _label(element: Element) -> str:
    key = next((text_of(child) for child in element if local(child.tag) in ("name", "ip")), "")
    return f"{local(element.tag)} {key}".strip()
