"""API tokens: `fabd_<id>_<secret>`, the secret 256 random bits, only its SHA-256 kept.

A plain hash is enough because the secret is random, not chosen: there is nothing to guess that stretching would slow down.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.security.errors import NotAuthenticated, TokenError
from agent.security.roles import Role
from agent.security.tables import TokenRow
from policies.values import new_id

PREFIX = "fabd_"
MAX_NAME = 100
_FORM = re.compile(PREFIX + r"(?P<identity>[0-9a-z]{1,40})_(?P<secret>[0-9a-f]{64})")
LAST_USE_GRANULARITY = timedelta(minutes=1)
"""`last_used_at` is not written more often: reading must not become writing."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as authenticated."""

    name: str
    role: Role


def create(session: Session, name: str, role: Role, at: datetime, *, lifetime: timedelta | None = None) -> str:
    """Make a token; the returned text is shown once and kept nowhere. Raises `TokenError` when the name is taken."""
    if not 0 < len(name.strip()) <= MAX_NAME or not name.isprintable():
        raise TokenError(f"a token needs a name that says who uses it, of 1 to {MAX_NAME} printable characters")
    if session.scalar(select(TokenRow).where(TokenRow.name == name)):
        raise TokenError(f"a token named {name!r} exists; revoke it or choose another name")
    identity = new_id("tok", at)
    secret = secrets.token_hex(32)
    session.add(
        TokenRow(
            id=identity,
            name=name,
            role=role.value,
            digest=_digest(secret),
            created_at=at,
            expires_at=at + lifetime if lifetime else None,
            revoked_at=None,
            last_used_at=None,
        )
    )
    session.flush()
    return f"{PREFIX}{identity.removeprefix('tok-')}_{secret}"


def authenticate(session: Session, text: str, at: datetime) -> TokenRow:
    """The token's row; raises `NotAuthenticated`. The answer is the same for every reason but expiry and revocation."""
    form = _FORM.fullmatch(text)
    row = session.get(TokenRow, f"tok-{form['identity']}") if form else None
    if form is None or row is None or not hmac.compare_digest(row.digest, _digest(form["secret"])):
        raise NotAuthenticated("the token is not known here; make one with: fabd token create")
    if row.revoked_at is not None:
        raise NotAuthenticated(f"token {row.name!r} was revoked; ask an administrator for another")
    if row.expires_at is not None and row.expires_at <= at:
        raise NotAuthenticated(f"token {row.name!r} expired on {row.expires_at:%Y-%m-%d %H:%M} UTC; make a new one")
    return row


def use_is_news(row: TokenRow, at: datetime) -> bool:
    """Whether `last_used_at` is old enough to be worth writing."""
    return row.last_used_at is None or at - row.last_used_at >= LAST_USE_GRANULARITY


def revoke(session: Session, name: str, at: datetime) -> TokenRow:
    """End a token for good; raises `TokenError` when there is none of that name."""
    row = session.scalar(select(TokenRow).where(TokenRow.name == name))
    if row is None:
        raise TokenError(f"there is no token named {name!r}; see: fabd token list")
    row.revoked_at = row.revoked_at or at
    return row


def tokens(session: Session) -> Sequence[TokenRow]:
    """All of them, oldest first."""
    return session.scalars(select(TokenRow).order_by(TokenRow.created_at)).all()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
