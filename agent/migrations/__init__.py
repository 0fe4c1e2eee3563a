"""Alembic's scripts: the one place that sees the tables of every package."""
