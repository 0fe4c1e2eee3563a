"""Reading NetBox's REST API: page by page, in bounded time, with the token sent nowhere else."""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from inventory.errors import InventoryError

ENDPOINTS: Mapping[str, str] = {
    "sites": "dcim/sites/",
    "devices": "dcim/devices/",
    "interfaces": "dcim/interfaces/",
    "cables": "dcim/cables/",
    "vlan_groups": "ipam/vlan-groups/",
    "vlans": "ipam/vlans/",
    "prefixes": "ipam/prefixes/",
}
PAGE = 500
MOST_OBJECTS = 2_000_000
CONNECT_S, READ_S = 10.0, 60.0
WHOLE_S = 1800.0
"""For all pages of all kinds."""
ATTEMPTS = 4
LONGEST_PAUSE_S = 30.0
_AGAIN = {429, 502, 503, 504}
_V2 = "nbt_"
"""What tokens of NetBox 4.5 on begin with; they are sent as bearer tokens."""


class NetBoxFailed(InventoryError):
    """`url` without credentials; the message says what to do."""

    def __init__(self, url: str, what: str, remedy: str) -> None:
        self.url = url
        super().__init__(f"NetBox at {url}: {what}; {remedy}")


@dataclass(frozen=True, slots=True)
class Clocks:
    """Time, so that tests need not wait for it."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class NetBox:
    def __init__(self, http: httpx.Client, base: str, clocks: Clocks) -> None:
        self._http, self._base, self._clocks = http, base, clocks
        self._until = clocks.monotonic() + WHOLE_S

    def dump(self, tell: Callable[[str, int], None] = lambda _kind, _count: None) -> dict[str, list[dict[str, Any]]]:
        """Every object of every kind that is mapped, as it was answered. `tell` hears of kinds that are through."""
        found = {}
        for kind, path in ENDPOINTS.items():
            found[kind] = list(self._objects(f"{self._base}/api/{path}", kind))
            tell(kind, len(found[kind]))
        return found

    def _objects(self, url: str, kind: str) -> Iterator[dict[str, Any]]:
        parameters: dict[str, str | int] | None = {"limit": PAGE}
        count = 0
        seen: set[str] = set()
        following: str | None = url
        while following:
            if following in seen:
                raise self._failed(f"page {following} follows itself", "look at what stands between fabd and NetBox")
            seen.add(following)
            page = self._page(following, parameters)
            parameters = None
            yield from page["results"]
            count += len(page["results"])
            if count > MOST_OBJECTS:
                raise self._failed(f"it has more than {MOST_OBJECTS} {kind}", "import a dump of what fabd manages")
            following = self._own(page.get("next"))

    def _own(self, url: str | None) -> str | None:
        """The token follows no link to somewhere else. Proxies make NetBox name itself otherwise: the path is what counts."""
        if url is None:
            return None
        parts, base = urlsplit(url), urlsplit(self._base)
        if parts.netloc and parts.netloc != base.netloc and parts.hostname != base.hostname:
            raise self._failed(
                f"its next page is at another host, {parts.hostname}", "correct NetBox's own address (ALLOWED_HOSTS, proxy)"
            )
        return f"{base.scheme}://{base.netloc}{parts.path}?{parts.query}"

    def _page(self, url: str, parameters: Mapping[str, str | int] | None) -> dict[str, Any]:
        for left in reversed(range(ATTEMPTS)):
            if self._clocks.monotonic() > self._until:
                raise self._failed(f"it took more than {WHOLE_S:.0f} s", "import a dump instead")
            try:
                response = self._http.get(url, params=dict(parameters) if parameters else None)
            except httpx.TransportError as error:
                if not left:
                    raise self._failed(
                        str(error) or type(error).__name__, "check the address, and that it is reached from here"
                    ) from error
                self._clocks.sleep(self._pause(left, None))
                continue
            if response.status_code in _AGAIN and left:
                self._clocks.sleep(self._pause(left, response.headers.get("retry-after")))
                continue
            return self._accepted(response)
        raise AssertionError("the last attempt returns or raises")

    def _pause(self, left: int, wanted: str | None) -> float:
        pause = float(wanted) if wanted and wanted.isdecimal() else 2.0 ** (ATTEMPTS - 1 - left)
        return min(pause, LONGEST_PAUSE_S)

    def _accepted(self, response: httpx.Response) -> dict[str, Any]:
        status = response.status_code
        if status in {401, 403}:
            raise self._failed(
                f"it refuses the token ({status})", "check the credential, and that its user may view what is imported"
            )
        if response.is_redirect:
            raise self._failed(f"it redirects to {response.headers.get('location')}", "name that address")
        if not response.is_success:
            raise self._failed(f"{urlsplit(str(response.url)).path} answers {status}", "look at NetBox's log")
        try:
            page = response.json()
        except ValueError:
            page = None
        if not isinstance(page, dict) or not isinstance(page.get("results"), list):
            raise self._failed(f"{urlsplit(str(response.url)).path} does not answer as NetBox does", "check the address")
        return page

    def _failed(self, what: str, remedy: str) -> NetBoxFailed:
        return NetBoxFailed(self._base, what, remedy)


@contextmanager
def connect(url: str, token: str, *, verify: ssl.SSLContext | bool = True, clocks: Clocks | None = None) -> Iterator[NetBox]:
    """`url` as people open it in a browser. Redirects are not followed, and no proxy is taken from the environment."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
        raise NetBoxFailed(url, "this is no address of a NetBox", "write it as https://netbox.example.net")
    base = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/").removesuffix("/api")
    scheme = "Bearer" if token.startswith(_V2) else "Token"
    headers = {"Authorization": f"{scheme} {token}", "Accept": "application/json"}
    timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
    with httpx.Client(headers=headers, timeout=timeout, verify=verify, trust_env=False) as http:
        yield NetBox(http, base, clocks or Clocks())
