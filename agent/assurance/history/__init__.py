"""What was measured, kept for a while: minutes, five minutes, hours."""
