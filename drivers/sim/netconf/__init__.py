"""NETCONF over SSH as an element speaks it (RFC 6241, 6242, 5277, 6470) on the data of RFC 8343 and RFC 8344."""

from drivers.sim.netconf.server import NetconfServer

__all__ = ["NetconfServer"]
