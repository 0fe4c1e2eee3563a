"""What elements say unasked: traps, syslog, notifications; each leads to a read, none is believed as it is."""
