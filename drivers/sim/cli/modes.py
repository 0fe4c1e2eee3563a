"""Where a session is: the mode and the object that its lines are about."""

from dataclasses import dataclass
from enum import Enum


class Mode(Enum):
    """The value is what the prompt shows between the host name and `#`."""

    EXEC = ""
    CONFIG = "(config)"
    INTERFACE = "(config-if)"
    SUBINTERFACE = "(config-subif)"
    VLAN = "(config-vlan)"
    VRF = "(config-vrf)"
    VRF_FAMILY = "(config-vrf-af)"
    IGMP_PROFILE = "(config-igmp-profile)"
    BGP = "(config-router)"
    BGP_FAMILY = "(config-router-af)"


PARENT = {
    Mode.CONFIG: Mode.EXEC,
    Mode.INTERFACE: Mode.CONFIG,
    Mode.SUBINTERFACE: Mode.CONFIG,
    Mode.VLAN: Mode.CONFIG,
    Mode.VRF: Mode.CONFIG,
    Mode.VRF_FAMILY: Mode.VRF,
    Mode.IGMP_PROFILE: Mode.CONFIG,
    Mode.BGP: Mode.CONFIG,
    Mode.BGP_FAMILY: Mode.BGP,
}
"""Where `exit` leads, and where a line is tried next that a mode does not know."""


@dataclass(frozen=True, slots=True)
class Position:
    """`subject` is the interface, VLAN or VRF by name ('' for the global table of BGP); `family` is ipv4 or ipv6."""

    mode: Mode = Mode.EXEC
    subject: str = ""
    family: str = ""

    def up(self) -> "Position":
        parent = PARENT.get(self.mode, Mode.EXEC)
        return Position(parent, self.subject if parent is Mode.VRF else "")
