"""Poll → sample → alarm → problem → service impact → SLA; traps."""
