"""SNMP of a simulated element: v2c and v3 authPriv agent, traps."""

from drivers.sim.snmp.agent import SnmpAgent

__all__ = ["SnmpAgent"]
