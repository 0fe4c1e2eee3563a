"""Values as pools would give them, for samples: the same for a role however often it is asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network

from agent.authoring.errors import ValueUnknown
from policies.rendering import Need
from policies.specification import Specification

_MADE: Mapping[str, Callable[[int], str]] = {
    "vlan": lambda n: str(200 + n),
    "integer": lambda n: str(1 + n),
    "vni": lambda n: str(10000 + n),
    "ipv4-prefix": lambda n: f"100.64.0.{2 * n}/31",
    "ipv6-prefix": lambda n: str(ip_network(f"2001:db8:64::{2 * n:x}/127")),
    "ipv4-address": lambda n: f"198.51.100.{1 + n}",
    "ipv6-address": lambda n: f"2001:db8:65::{1 + n:x}",
    "rd": lambda n: f"65000:{7 + n}",
    "rt": lambda n: f"65000:{700 + n}",
    "bandwidth": lambda n: f"reserved-{1 + n}",
}
KINDS = tuple(_MADE)
"""By kind of pool, the number of the value."""


@dataclass
class MadeUp:
    spec: Specification
    given: Mapping[str, str]
    """By role, with or without its site."""
    made: dict[str, str] = field(default_factory=dict)

    def of(self, need: Need) -> str:
        """Raises `ValueUnknown`."""
        if need.role not in self.made:
            self.made[need.role] = self._new(need)
        return self.made[need.role]

    def _new(self, need: Need) -> str:
        role = need.role.partition(":")[0]
        given = need.wanted or self.given.get(need.role) or self.given.get(role)
        if given is not None:
            return given
        kind = next((rule.kind for rule in self.spec.resources if rule.role == role), "")
        if kind not in _MADE:
            kinds = ", ".join(KINDS)
            raise ValueUnknown(f"there is no value for {role!r}: give the resource a `kind` ({kinds}), or the sample a value")
        return _MADE[kind](sum(1 for other in self.made if other.partition(":")[0] == role))
