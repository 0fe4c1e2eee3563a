"""Collectors: what an element is asked beside SNMP, how its answer is read, and what the rows of it mean. Pure."""
