"""What elements say unasked: who says how much of it, and syslog."""
