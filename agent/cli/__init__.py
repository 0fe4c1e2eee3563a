"""`fabd …`: the daemon's command line."""
