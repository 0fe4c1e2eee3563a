"""What both sides of a NETCONF session say first (RFC 6241 §8.1)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from lxml import etree
from ncclient.capabilities import Capabilities, Capability
from ncclient.devices.default import DefaultDeviceHandler
from ncclient.transport.session import HelloHandler

from drivers.netconf import rpc

CHUNKED = "urn:ietf:params:netconf:base:1.1"
"""Messages come in chunks where both sides say that (RFC 6242 §4.1); this one does."""

_KINDS, _MOST_KEPT = 64, 512 * 1024
"""Of how many hellos it is kept what they mean, and of how long ones at most, in characters."""


@dataclass(frozen=True, slots=True)
class Hello:
    session: str
    capabilities: Capabilities


@cache
def ours() -> bytes:
    """With all that ncclient knows."""
    handler = DefaultDeviceHandler()
    said: str = HelloHandler.build(Capabilities(handler.get_capabilities()), handler)
    return said.encode()


def read(message: bytes) -> Hello | None:
    """None for what is no hello."""
    try:
        said = rpc.parse(message)
    except etree.XMLSyntaxError:
        return None
    if said.tag not in _named("hello"):
        return None
    session = next((child.text or "0" for child in said.iterchildren(*_named("session-id"))), "0")
    return Hello(session, _capabilities(tuple(_uris(said))))


def _uris(said: etree._Element) -> Iterator[str]:
    for listed in said.iterchildren(*_named("capabilities")):
        yield from (child.text for child in listed.iterchildren(*_named("capability")) if child.text)


def _capabilities(uris: tuple[str, ...]) -> Capabilities:
    """Once for all elements that say the same: some name hundreds. Nobody changes them."""
    return (_kept if sum(map(len, uris)) <= _MOST_KEPT else _meant)(uris)


def _meant(uris: tuple[str, ...]) -> Capabilities:
    return Capabilities(filter(_is_whole, uris))


_kept = lru_cache(maxsize=_KINDS)(_meant)


def _is_whole(uri: str) -> bool:
    """ncclient, asked for `:candidate`, looks into all that begin as that does, and fails where the rest is missing."""
    try:
        Capability.from_uri(uri).get_abbreviations()
    except IndexError:
        return False
    return True


@cache
def _named(name: str) -> tuple[str, str]:
    """Some elements forget the namespace."""
    return f"{{{rpc.BASE}}}{name}", name
