"""The demonstration: a small metro network, two customers, and the whole line from order to credit."""
