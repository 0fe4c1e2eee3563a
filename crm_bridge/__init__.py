"""Customers, agreements, tickets, usage, rating, bills and the outbox: small on purpose, exact on principle."""
