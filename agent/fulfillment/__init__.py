"""Order → plan → network transaction; the journal and its worker."""
