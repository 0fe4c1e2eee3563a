"""Who speaks a routing protocol with whom: OSPF over links between routers, internal BGP among those the network file names."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Neighbour:
    protocol: Literal["ospf", "bgp"]
    address: str
    """And router id: elements have one address."""
    established: bool = True
    port: str = ""
    """Of OSPF, where it is heard."""
