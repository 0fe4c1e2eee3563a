"""Requests that nobody thought of, made from fabd's own OpenAPI document, against a running daemon."""
