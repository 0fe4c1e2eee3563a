"""HTTP clients for receivers that the operator has named in the settings."""

from collections.abc import Callable, Generator, Mapping
from importlib.metadata import version

import httpx

from agent.errors import CredentialUnresolved
from drivers.port import Credential

Resolve = Callable[[str], Credential]


class _FromReference(httpx.Auth):
    """Resolved for each request: a secret that has changed takes effect at once, and none is kept.

    A credential with a username is Basic, one with a password alone a bearer token.
    """

    def __init__(self, reference: str, resolve: Resolve) -> None:
        self._reference, self._resolve = reference, resolve

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        found = self._resolve(self._reference)
        if found.username:
            yield from httpx.BasicAuth(found.username, found.password).auth_flow(request)
            return
        if not found.password.isascii() or not found.password.isprintable():
            raise CredentialUnresolved(self._reference, "its password has characters that no bearer token has; correct it")
        request.headers["authorization"] = f"Bearer {found.password}"
        yield request


def client(timeout_s: float, credential: str, resolve: Resolve, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
    """`credential`: a reference, or "" for none. Redirects are not followed: they would carry the secret elsewhere."""
    return httpx.AsyncClient(
        timeout=timeout_s,
        auth=_FromReference(credential, resolve) if credential else None,
        headers={"user-agent": f"fabd/{version('fabd')}", **(headers or {})},
        follow_redirects=False,
        trust_env=False,
    )
