"""Credentials, tokens, roles, audit."""
