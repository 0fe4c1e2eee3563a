"""Why a caller is refused.

SecurityError                    any refusal
├── NotAuthenticated             no token, or one that is unknown, expired or revoked (PermissionError)
├── NotPermitted                 the token's role does not reach (PermissionError)
└── TokenError                   a token that cannot be made or revoked (ValueError)
"""


class SecurityError(Exception):
    """A refusal, in words that help an honest caller and tell nothing to another."""


class NotAuthenticated(SecurityError, PermissionError):
    pass


class NotPermitted(SecurityError, PermissionError):
    pass


class TokenError(SecurityError, ValueError):
    pass
