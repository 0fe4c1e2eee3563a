"""Where the native endpoints live."""

ROOT = "/api/v1"
