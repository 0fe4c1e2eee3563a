"""What a layout asks of the network; `inventory.topology` answers.

Unknown names raise `LookupError` with a message for the operator.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

Realises = Mapping[str, Collection[str]]
"""Platform → features."""

Free = Callable[[str], int | None]
"""bit/s left in a bandwidth pool, by the pool's name; None when there is no such pool."""


class ElementView(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def platform(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def attributes(self) -> Mapping[str, object]: ...


class PortView(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def element(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def if_index(self) -> int | None: ...
    @property
    def speed_bps(self) -> int: ...
    @property
    def role(self) -> str: ...
    @property
    def reference(self) -> str: ...


class LinkView(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def a(self) -> PortView: ...
    @property
    def b(self) -> PortView: ...


class HopView(Protocol):
    """One link in the direction of travel."""

    @property
    def link(self) -> LinkView: ...
    @property
    def out_port(self) -> PortView: ...
    @property
    def in_port(self) -> PortView: ...


class TopologyView(Protocol):
    def element(self, name: str) -> ElementView: ...
    def port(self, reference: str) -> PortView: ...
    def link_of(self, reference: str) -> LinkView | None: ...
    def route(
        self,
        start: str,
        *,
        goal: Callable[[ElementView], bool],
        through: Callable[[ElementView], bool],
        over: Callable[[LinkView], bool],
    ) -> Sequence[HopView] | None: ...
