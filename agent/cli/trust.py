"""The host keys that elements show and those that are trusted."""

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from drivers import hostkeys
from drivers.errors import ElementError
from drivers.hostkeys import HostKey
from inventory.elements import Element, Endpoint

KEYED = ("netconf", "ssh")
"""Protocols whose servers prove themselves by a host key."""
_TOGETHER = 16


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen at one endpoint: a key, or why none."""

    element: str
    protocol: str
    host: str
    port: int
    before: tuple[HostKey, ...]
    """Trusted so far."""
    key: HostKey | None = None
    failure: ElementError | None = None

    @property
    def endpoint(self) -> str:
        return f"{self.protocol} {self.host}:{self.port}"

    @property
    def title(self) -> str:
        return f"{self.element}, {self.endpoint}"


def look(elements: Iterable[Element], known_hosts: Path, deadline_s: float) -> Iterator[Sight]:
    """In the elements' order, several asked at once."""
    ways = [way for element in elements for way in element.endpoints if way.protocol in KEYED]
    with ThreadPoolExecutor(_TOGETHER) as pool:
        yield from pool.map(lambda way: _look(way, known_hosts, deadline_s), ways)


def keys_of(element: Element, known_hosts: Path) -> list[tuple[HostKey, ...]]:
    """What is trusted of each endpoint that has a host key."""
    return [hostkeys.known(known_hosts, way.host, way.port) for way in element.endpoints if way.protocol in KEYED]


def trust_state(keys: Sequence[tuple[HostKey, ...]]) -> str:
    """trusted, partly trusted, none, or "" where there is nothing to trust."""
    if not keys:
        return ""
    if all(keys):
        return "trusted"
    return "partly trusted" if any(keys) else "none"


def _look(way: Endpoint, known_hosts: Path, deadline_s: float) -> Sight:
    before = hostkeys.known(known_hosts, way.host, way.port)
    try:
        key = hostkeys.fetch(way.host, way.port, time.monotonic() + deadline_s)
    except ElementError as error:
        told = type(error)(way.element, f"{way.protocol}: {error.message}")
        return Sight(way.element, way.protocol, way.host, way.port, before, failure=told)
    return Sight(way.element, way.protocol, way.host, way.port, before, key=key)
