"""The running daemon, as the command line reaches it: HTTP with a token, and its errors as sentences."""

import os
import ssl
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from agent.cli.desk import Desk
from agent.cli.errors import CliError, DaemonRefused, DaemonTimeout, DaemonUnreachable, FileUnusable, NoToken
from agent.cli.output import note
from agent.cli.spoken import placed
from agent.config import Settings
from agent.errors import CredentialsExposed

Document = dict[str, Any]
"""A JSON object of the API."""
Params = Mapping[str, str | int]

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 60.0
PAGE = 100
TOKEN_FILE = "token"  # noqa: S105  a file name
"""In `data_dir`, mode 0600."""
MOST_CHARACTERS = 1000
_ATTEMPTS = 3
"""Of a request that can be repeated without harm, when the connection breaks."""
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  addresses to listen on, turned into ones to call


@dataclass(frozen=True, slots=True)
class Found:
    """What was asked for of a list, and how many there are."""

    items: list[Document]
    total: int


class Daemon:
    """Every method raises `DaemonUnreachable`, `DaemonTimeout` or `DaemonRefused`."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def get(self, path: str, params: Params | None = None) -> Document:
        return _object(self._ask("GET", path, params=params))

    def text(self, path: str, params: Params | None = None) -> str:
        return self._ask("GET", path, params=params, headers={"Accept": "text/plain"}).text

    def content(self, path: str, params: Params | None = None) -> bytes:
        """What is no text, such as a PDF."""
        return self._ask("GET", path, params=params, headers={"Accept": "*/*"}).content

    def pages(self, path: str, params: Params | None = None, *, limit: int) -> "Found":
        """Up to `limit` objects of a list, page by page."""
        items: list[Document] = []
        while True:
            size = min(PAGE, limit - len(items))
            response = self._ask("GET", path, params={**(params or {}), "offset": len(items), "limit": size})
            page = _objects(response)
            items += page
            total = max(_total(response), len(items))
            if not page or len(items) >= min(limit, total):
                return Found(items, total)

    def objects(self, path: str, params: Params | None = None) -> list[Document]:
        """A list that has no pages."""
        return _objects(self._ask("GET", path, params=params))

    def post(self, path: str, body: Mapping[str, object], *, key: str = "", params: Params | None = None) -> Document:
        """With an idempotency key it is sent again when the answer is lost."""
        headers = {"Idempotency-Key": key} if key else {}
        response = self._ask("POST", path, params=params, headers=headers, json=dict(body), repeatable=bool(key))
        return _object(response) if response.content else {}

    def post_for_list(self, path: str) -> list[Document]:
        """Of what is asked by POST, because it looks at the network."""
        return _objects(self._ask("POST", path, json={}))

    def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        repeatable: bool | None = None,
    ) -> httpx.Response:
        repeatable = method == "GET" if repeatable is None else repeatable
        for left in reversed(range(_ATTEMPTS if repeatable else 1)):
            try:
                response = self._http.request(method, path, params=dict(params or {}), headers=dict(headers or {}), json=json)
            except httpx.TransportError as error:
                if left and not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol):
                    time.sleep(0.2)
                    continue
                raise _unreached(str(self._http.base_url).rstrip("/"), error) from error
            return _accepted(response)
        raise AssertionError("the last attempt returns or raises")


@contextmanager
def connect(desk: Desk, url: str | None, token: str | None) -> Iterator[Daemon]:
    """`url` and `token` as given, else from the settings and from the token file in `data_dir`."""
    base = url or _url_of(desk.settings)
    if (parts := urlsplit(base)).scheme not in {"http", "https"} or not parts.hostname:
        raise CliError(f"{base!r} is no address of a daemon; write it as http://127.0.0.1:8640")
    secret = token or saved_token(desk.settings)
    if not secret:
        raise NoToken(
            "no token: make one with `fabd token create NAME --role provisioner`, then put it in FABD_TOKEN or keep it with --save"
        )
    if not secret.isascii() or not secret.isprintable():
        raise NoToken("the token holds characters that no token has; copy it again")
    if parts.scheme == "http" and not _is_local(parts.hostname):
        note(f"the token goes to {parts.hostname} without encryption; better use https")
    timeout = httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    verify = _trust(desk, url) if parts.scheme == "https" else True
    headers = {"Authorization": f"Bearer {secret}", "Accept": "application/json"}
    with httpx.Client(base_url=base, timeout=timeout, headers=headers, verify=verify, trust_env=False) as http:
        yield Daemon(http)


def segment(text: str) -> str:
    """One step of a path, whatever it holds. Raises `CliError` when that is nothing, which would be another path."""
    if not text:
        raise CliError("an id or name is empty; is a variable of the shell not set?")
    return quote(text, safe="")


def token_file(settings: Settings) -> Path:
    return settings.data_dir / TOKEN_FILE


def save_token(settings: Settings, token: str) -> Path:
    """Keep the token where commands find it, readable by its owner alone."""
    path = token_file(settings)
    try:
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(f"{token}\n")
    except OSError as error:
        raise FileUnusable(f"{path} cannot be written: {error.strerror}; put the token in FABD_TOKEN instead") from error
    return path


def saved_token(settings: Settings) -> str:
    """Empty when there is none. Raises `CredentialsExposed` when others may read it."""
    path = token_file(settings)
    try:
        with path.open(encoding="utf-8") as file:
            exposed = stat.S_IMODE(os.fstat(file.fileno()).st_mode) & (stat.S_IRWXG | stat.S_IRWXO)
            text = file.read(MOST_CHARACTERS).strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnusable(f"{path} cannot be read: {error}; remove it, or put the token in FABD_TOKEN") from error
    if exposed:
        raise CredentialsExposed(f"{path} can be read by others than its owner; run: chmod 600 {path}")
    return text


def _url_of(settings: Settings) -> str:
    api = settings.api
    host = _ANYWHERE.get(api.host, api.host)
    scheme = "https" if api.tls_certificate else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{api.port or 8640}"


def _trust(desk: Desk, url: str | None) -> ssl.SSLContext:
    """The system's authorities, and the daemon's own certificate where the settings name it."""
    context = ssl.create_default_context()
    own = None if url else desk.settings.api.tls_certificate
    if own is not None:
        try:
            context.load_verify_locations(own)
        except (OSError, ssl.SSLError) as error:
            raise FileUnusable(f"api.tls_certificate {own} cannot be read: {error}") from error
    return context


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _unreached(base: str, error: httpx.TransportError) -> CliError:
    if isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout):
        return DaemonTimeout(f"fabd at {base} did not answer within {ANSWER_TIMEOUT_S:.0f} s; look at its log")
    reason = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        remedy = "let SSL_CERT_FILE name the certificate of its authority"
    else:
        remedy = "start it with `fabd run`, or name another with --url or FABD_URL"
    return DaemonUnreachable(f"fabd does not answer at {base}: {reason}; {remedy}")


def _accepted(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    if response.is_redirect:
        raise DaemonRefused(
            response.status_code,
            f"{response.url.host} is no fabd: it redirects to {response.headers.get('location')}; correct --url",
        )
    raise DaemonRefused(response.status_code, _refusal(response))


def _refusal(response: httpx.Response) -> str:
    """The sentence of a TM Forum error, of an RFC 9457 problem, or of whatever answered instead of fabd."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict) and ("code" in body or "type" in body):
        mistakes = body.get("errors")
        if isinstance(mistakes, list) and mistakes:
            return "\n".join(_mistake(each, response.url.path) for each in mistakes)
        text = body.get("detail") or body.get("message") or body.get("reason") or body.get("title")
        if isinstance(text, str):
            told = placed(text, str(body.get("pointer") or body.get("referenceError") or ""), response.url.path)
            known = response.headers.get("x-correlation-id") if response.is_server_error else None
            return f"{told} (correlation id {known})" if known else told
    return f"{response.url} answers {response.status_code} {response.reason_phrase}, and not as fabd does; check --url"


def _mistake(each: object, asked: str) -> str:
    if not isinstance(each, dict):
        return str(each)
    return placed(str(each.get("detail", "")), str(each.get("pointer") or ""), asked)


def _object(response: httpx.Response) -> Document:
    body = _json(response)
    if not isinstance(body, dict):
        raise _not_fabd(response)
    return body


def _objects(response: httpx.Response) -> list[Document]:
    body = _json(response)
    if not isinstance(body, list) or not all(isinstance(each, dict) for each in body):
        raise _not_fabd(response)
    return body


def _json(response: httpx.Response) -> object:
    try:
        return response.json()
    except ValueError:
        raise _not_fabd(response) from None


def _not_fabd(response: httpx.Response) -> DaemonRefused:
    return DaemonRefused(response.status_code, f"{response.url} does not answer as fabd does; check --url")


def _total(response: httpx.Response) -> int:
    text = response.headers.get("x-total-count", "")
    return int(text) if text.isascii() and text.isdigit() else 0
