"""Services: who is hit, their health through time, and what was promised of it."""
