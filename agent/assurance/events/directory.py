"""Whom an event is about: addresses and names → elements, names and numbers → ports. No I/O."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from agent.assurance.events.translation import Sender
from agent.assurance.topology.portnames import is_short_for
from agent.assurance.topology.watchlist import WatchedElement, WatchedPort, Watchlist
from policies.translating import Said
from policies.translation import PORT

Aliases = Mapping[str, str]
"""Further source addresses of elements → the element's name."""


@dataclass(frozen=True)
class Directory:
    watchlist: Watchlist
    aliases: Aliases = field(default_factory=dict)
    relays: AbstractSet[str] = frozenset()
    """Addresses that are believed whom they speak for."""
    _ports: dict[str, "_Ports"] = field(default_factory=dict)

    def element(self, sender: Sender) -> WatchedElement | None:
        """Whom the event is about, or else who sent it; several elements at one address cannot be told apart."""
        if sender.element:
            return self.watchlist.elements.get(sender.element)
        # a host name in a syslog line is anybody's claim, unless it came from a relay
        about = sender.about if _is_address(sender.about) or sender.address in self.relays else ""
        for name in (about, sender.address):
            if name and (found := self._found(name)) is not None:
                return found
        return None

    def address(self, address: str) -> str:
        """Name of the element that sends from there; "" when it is none that is watched."""
        found = self._found(address)
        return "" if found is None else found.name

    def port(self, element: WatchedElement, said: Said) -> WatchedPort | None:
        """By name where the event has it, for an index may have moved."""
        ports = self._ports.get(element.name)
        if ports is None:
            ports = self._ports[element.name] = _Ports.of(element)
        if name := said.field(PORT):
            return ports.named(name)
        return ports.by_index.get(said.if_index) if said.if_index is not None else None

    def _found(self, name: str) -> WatchedElement | None:
        names = self.watchlist.by_host.get(name, ())
        if len(names) == 1:
            return self.watchlist.elements[names[0]]
        if names:
            return None
        return self.watchlist.elements.get(self.aliases.get(name, name))


@dataclass(frozen=True, slots=True)
class _Ports:
    by_name: Mapping[str, WatchedPort]
    by_index: Mapping[int, WatchedPort]

    @classmethod
    def of(cls, element: WatchedElement) -> "_Ports":
        return cls(
            {port.name: port for port in element.ports},
            {port.if_index: port for port in element.ports if port.if_index is not None},
        )

    def named(self, name: str) -> WatchedPort | None:
        """IOS logs GigabitEthernet0/1 and calls the same port Gi0/1 elsewhere."""
        if name in self.by_name:
            return self.by_name[name]
        alike = [port for known, port in self.by_name.items() if is_short_for(known, name)]
        return alike[0] if len(alike) == 1 else None


def _is_address(text: str) -> bool:
    return bool(text) and (text[0].isdigit() or ":" in text)
