"""NETCONF requests and replies (RFC 6241) as elements; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from lxml import etree

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)


@dataclass(frozen=True, slots=True)
class Fault:
    """One `<rpc-error>` (RFC 6241 §4.3)."""

    tag: str
    message: str = ""
    path: str = ""
    severity: str = "error"
    session: str = ""
    """Holder of a lock."""

    def __str__(self) -> str:
        words = " ".join(self.message.split()) or self.tag
        return f"{words} ({', '.join(part for part in (self.tag, self.path) if part)})"


def faults(reply: etree._Element) -> tuple[Fault, ...]:
    """Every error of a reply; warnings are none."""
    found = (_fault(error) for error in reply.iter(_name("rpc-error")))
    return tuple(fault for fault in found if fault.severity != "warning")


def parse(reply: str | bytes) -> etree._Element:
    return etree.fromstring(reply if isinstance(reply, bytes) else reply.encode(), _PARSER)


def data(reply: etree._Element) -> str:
    """The content of `<data>` as text; "" when there is none."""
    found = reply.find(_name("data"))
    return "" if found is None else "\n".join(etree.tostring(child, encoding="unicode", with_tail=False) for child in found)


def content(reply: etree._Element) -> str:
    """All that a reply holds as text."""
    return "\n".join(etree.tostring(child, encoding="unicode", with_tail=False) for child in reply)


def lock(datastore: str) -> etree._Element:
    return _operation("lock", _datastore("target", datastore))


def unlock(datastore: str) -> etree._Element:
    return _operation("unlock", _datastore("target", datastore))


def get_config(source: str, subtrees: str) -> etree._Element:
    return _operation("get-config", _datastore("source", source), _filter(subtrees))


def get(subtrees: str) -> etree._Element:
    return _operation("get", _filter(subtrees))


def edit_config(target: str, content: str, options: Iterable[tuple[str, str]]) -> etree._Element:
    """`options` in the order of RFC 6241 §7.2: default-operation, test-option, error-option."""
    chosen = (_leaf(name, value) for name, value in options)
    return _operation("edit-config", _datastore("target", target), *chosen, _content("config", content))


def validate(source: str) -> etree._Element:
    return _operation("validate", _datastore("source", source))


def commit(persist_id: str = "") -> etree._Element:
    return _operation("commit", *([_leaf("persist-id", persist_id)] if persist_id else []))


def confirmed_commit(persist: str, timeout: timedelta, *, pending: bool) -> etree._Element:
    """Whole seconds, rounded up. `pending`: a follow-up, which names the commit it extends (RFC 6241 §8.4.1).

    Without `persist` as servers of confirmed-commit:1.0 take it.
    """
    seconds = max(1, ceil(timeout.total_seconds()))
    names = [_leaf("persist", persist), *([_leaf("persist-id", persist)] if pending else [])] if persist else []
    return _operation("commit", _leaf("confirmed"), _leaf("confirm-timeout", str(seconds)), *names)


def cancel_commit(persist_id: str) -> etree._Element:
    return _operation("cancel-commit", _leaf("persist-id", persist_id))


def discard_changes() -> etree._Element:
    return _operation("discard-changes")


def copy_config(source: str, target: str) -> etree._Element:
    return _operation("copy-config", _datastore("target", target), _datastore("source", source))


def kill_session(session: str) -> etree._Element:
    return _operation("kill-session", _leaf("session-id", session))


def custom(request: str) -> etree._Element:
    """An operation that a platform's data spells out."""
    return etree.fromstring(request, _PARSER)


def says(reply: etree._Element, wanted: str) -> bool:
    """Whether the reply has an element of that local name, or of that name and text (`peer-state=Established`)."""
    name, equals, value = wanted.partition("=")
    found = (each for each in reply.iter(f"{{*}}{name}"))
    return any(not equals or (each.text or "").strip() == value for each in found)


def text(reply: etree._Element) -> str:
    """Everything a reply says, without its mark-up."""
    return " ".join(part.strip() for part in map(str, reply.itertext()) if part.strip())


def _name(local: str) -> str:
    return f"{{{BASE}}}{local}"


def _operation(name: str, *children: etree._Element) -> etree._Element:
    node = etree.Element(_name(name), nsmap={"nc": BASE})
    node.extend(children)
    return node


def _leaf(name: str, value: str | None = None) -> etree._Element:
    node = etree.Element(_name(name))
    node.text = value
    return node


def _datastore(role: str, datastore: str) -> etree._Element:
    return _operation(role, _leaf(datastore))


def _filter(subtrees: str) -> etree._Element:
    node = _content("filter", subtrees)
    node.set("type", "subtree")
    return node


def _content(name: str, content: str) -> etree._Element:
    return etree.fromstring(f'<nc:{name} xmlns:nc="{BASE}">{content}</nc:{name}>', _PARSER)


def _fault(error: etree._Element) -> Fault:
    def text(name: str) -> str:
        return (error.findtext(_name(name)) or "").strip()

    holder = error.findtext(f"{_name('error-info')}/{_name('session-id')}") or ""
    return Fault(text("error-tag"), text("error-message"), text("error-path"), text("error-severity") or "error", holder.strip())
