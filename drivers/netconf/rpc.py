"""NETCONF requests and replies (RFC 6241) as text; a reply is read as a tree where it says more than that all is well. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, lru_cache
from math import ceil
from xml.sax.saxutils import escape

from lxml import etree

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
_OK = re.compile(
    rb"""(?:<\?xml[^<>]*\?>\s*)?<(nc:|)rpc-reply((?:\s+[\w:.-]+="[^"<&]*")*)\s*>\s*"""
    rb"""(?:<\1ok\s*/>|<\1ok\s*>\s*</\1ok\s*>)\s*</\1rpc-reply\s*>"""
)
"""Most replies are just that."""
_DECLARED = {b"": f' xmlns="{BASE}"'.encode(), b"nc:": f' xmlns:nc="{BASE}"'.encode()}
"""What makes the prefix that it begins with NETCONF's."""
_NUMBER = re.compile(rb'\smessage-id="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Operation:
    """What is asked; `text` as it stands in an `<rpc>` that declares the prefix nc."""

    name: str
    text: str


@dataclass(frozen=True)
class Message:
    """What a server sent, well-formed."""

    text: bytes
    acknowledges: bool
    """It is a reply, and says nothing but <ok/>."""

    @classmethod
    def read(cls, text: bytes) -> "Message":
        """`XMLSyntaxError` for what is not XML."""
        found = _OK.fullmatch(text)
        message = cls(text, acknowledges=found is not None and _DECLARED[found[1]] in found[2])
        if not message.acknowledges:
            _ = message.tree  # parsed once, and here
        return message

    @cached_property
    def tree(self) -> etree._Element:
        return parse(self.text)

    @property
    def number(self) -> str | None:
        """The id of the request that it replies to, as far as it says so."""
        if not self.acknowledges:
            return self.tree.get("message-id")
        found = _NUMBER.search(self.text)
        return found[1].decode(errors="replace") if found else None

    @property
    def is_reply(self) -> bool:
        """Else it is a notification."""
        return self.acknowledges or self.tree.tag == _name("rpc-reply")


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


def data_tree(reply: etree._Element) -> etree._Element | None:
    """`<data>`; None when there is none."""
    return reply.find(_name("data"))


def data(reply: etree._Element) -> str:
    """The content of `<data>` as text; "" when there is none."""
    found = data_tree(reply)
    return "" if found is None else "\n".join(etree.tostring(child, encoding="unicode", with_tail=False) for child in found)


def content(reply: etree._Element) -> str:
    """All that a reply holds as text."""
    return "\n".join(etree.tostring(child, encoding="unicode", with_tail=False) for child in reply)


def lock(datastore: str) -> Operation:
    return _on("lock", "target", datastore)


def unlock(datastore: str) -> Operation:
    return _on("unlock", "target", datastore)


def get_config(source: str, subtrees: str, *, written: bool = False) -> Operation:
    """`written`: the subtrees were written by who knows XML, and are not looked through again."""
    return _operation("get-config", _datastore("source", source), _filter(subtrees, written=written))


def get(subtrees: str, *, written: bool = False) -> Operation:
    """`written`: as of `get_config`."""
    return _operation("get", _filter(subtrees, written=written))


def edit_config(target: str, content: str, options: Iterable[tuple[str, str]], *, written: bool = False) -> Operation:
    """`options` in the order of RFC 6241 §7.2: default-operation, test-option, error-option. `written`: as of `get_config`."""
    chosen = (_leaf(name, value) for name, value in options)
    return _operation("edit-config", _datastore("target", target), *chosen, _content("config", content, written=written))


def validate(source: str) -> Operation:
    return _on("validate", "source", source)


def commit(persist_id: str = "") -> Operation:
    return _operation("commit", *([_leaf("persist-id", persist_id)] if persist_id else []))


def confirmed_commit(persist: str, timeout: timedelta, *, pending: bool) -> Operation:
    """Whole seconds, rounded up. `pending`: a follow-up, which names the commit it extends (RFC 6241 §8.4.1).

    Without `persist` as servers of confirmed-commit:1.0 take it.
    """
    seconds = max(1, ceil(timeout.total_seconds()))
    names = [_leaf("persist", persist), *([_leaf("persist-id", persist)] if pending else [])] if persist else []
    return _operation("commit", "<nc:confirmed/>", _leaf("confirm-timeout", str(seconds)), *names)


def cancel_commit(persist_id: str) -> Operation:
    return _operation("cancel-commit", _leaf("persist-id", persist_id))


def discard_changes() -> Operation:
    return _operation("discard-changes")


def copy_config(source: str, target: str) -> Operation:
    return _operation("copy-config", _datastore("target", target), _datastore("source", source))


def kill_session(session: str) -> Operation:
    return _operation("kill-session", _leaf("session-id", session))


@lru_cache(maxsize=256)
def custom(request: str) -> Operation:
    """An operation that a platform's data spells out."""
    operation = etree.fromstring(request, _PARSER)
    return Operation(etree.QName(operation).localname, etree.tostring(operation, encoding="unicode"))


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


def _operation(name: str, *children: str) -> Operation:
    return Operation(name, f"<nc:{name}>{''.join(children)}</nc:{name}>")


@lru_cache(maxsize=64)
def _on(name: str, role: str, datastore: str) -> Operation:
    return _operation(name, _datastore(role, datastore))


def _leaf(name: str, value: str) -> str:
    return f"<nc:{name}>{escape(value)}</nc:{name}>"


def _datastore(role: str, datastore: str) -> str:
    return f"<nc:{role}><nc:{datastore}/></nc:{role}>"


def _filter(subtrees: str, *, written: bool) -> str:
    return _content("filter", subtrees, ' type="subtree"', written=written)


def _content(name: str, content: str, attributes: str = "", *, written: bool) -> str:
    """`XMLSyntaxError` for content that would break out of its element."""
    text = f"<nc:{name}{attributes}>{content}</nc:{name}>"
    if not written:
        etree.fromstring(f'<nc:rpc xmlns:nc="{BASE}">{text}</nc:rpc>', _PARSER)
    return text


def _fault(error: etree._Element) -> Fault:
    def text(name: str) -> str:
        return (error.findtext(_name(name)) or "").strip()

    holder = error.findtext(f"{_name('error-info')}/{_name('session-id')}") or ""
    return Fault(text("error-tag"), text("error-message"), text("error-path"), text("error-severity") or "error", holder.strip())
