"""What TM Forum has no API for, below `/api/v1`: snake_case JSON, lists as bare arrays, errors as RFC 9457 problems."""
