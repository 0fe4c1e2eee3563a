"""Whether anything arrives over a link, by the counters of the ports at its ends. Pure, but for what it remembers.

Nothing arrives where the far end has sent and the near end has counted nothing. Agents show counters some seconds late, each by
its own clock, so what was sent up to one round is held against what had arrived by a later one; what arrived is believed of
the latest rounds only, for an old reading may show late what came before the link fell silent.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

SPACING_S = 4.0
"""Readings that are closer together than this are one."""
ROUNDS = 6
"""Readings that are kept of a port."""
ENOUGH = 3
"""Readings until a port may be said to receive nothing."""


@dataclass(frozen=True, slots=True)
class Octets:
    at: float
    """Monotonic."""
    received: int
    sent: int


@dataclass
class Passing:
    """Of the links that are looked at just now; of others nothing is kept."""

    _links: dict[str, tuple[str, str]] = field(default_factory=dict)
    _read: dict[str, deque[Octets]] = field(default_factory=dict)
    """By port, as element/port."""

    def watch(self, links: Mapping[str, tuple[str, str]]) -> None:
        """These and no others; what is known of them already stays."""
        self._links = dict(links)
        ports = {port for ends in links.values() for port in ends}
        self._read = {port: self._read.get(port, deque(maxlen=ROUNDS)) for port in sorted(ports)}

    @property
    def ports(self) -> Iterable[str]:
        return self._read.keys()

    def read(self, port: str, octets: Octets) -> None:
        known = self._read.get(port)
        if known is None or (known and octets.at - known[-1].at < SPACING_S):
            return
        if known and (octets.received < known[-1].received or octets.sent < known[-1].sent):
            known.clear()
        known.append(octets)

    def arrives(self, link: str, port: str) -> bool | None:
        """At this end of it; None as long as that cannot be said."""
        ends = self._links.get(link)
        if ends is None or port not in ends:
            return None
        near, far = self._read[port], self._read[ends[0] if ends[1] == port else ends[1]]
        if len(near) > 1 and near[-1].received > near[0].received:
            return True
        if len(near) < ENOUGH:
            return None
        heard = [each for each in far if near[0].at <= each.at <= near[-2].at]
        if len(heard) > 1 and heard[-1].sent > heard[0].sent:
            return False
        return None
