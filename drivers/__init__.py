"""Network elements: one port (`drivers.port`), with NETCONF, SSH and SNMP behind it. Knows no database."""
