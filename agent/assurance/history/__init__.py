"""What was measured, kept for a while: minutes, five minutes, hours; and what it says of the future."""
