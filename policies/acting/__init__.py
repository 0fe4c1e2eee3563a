"""What may be done about an alarm without being told each time, and what stands against it: pure."""
