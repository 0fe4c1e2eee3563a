"""What elements are asked beside SNMP, by collectors that are data: neighbours, optical power."""
