"""Where events may be sent: checked when a subscription is made and again, after name resolution, at every delivery.

A subscriber chooses the address that this machine connects to, so an address could name the machine's own network. The connection
goes to the very address that was checked, and redirects are not followed: a name that changes its mind in between gains nothing.
"""

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

from crm_bridge.errors import CallbackRefused

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Awaitable[list[str]]]
"""(host, port) → addresses."""

MAX_URL = 2000
MAX_PORT = 65535
_HOST = re.compile(r"[A-Za-z0-9._:-]+")
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class CallbackPolicy:
    """What an operator permits beyond public addresses over TLS."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    http: bool = False

    @classmethod
    def of(cls, allowed: list[str], *, http: bool = False) -> "CallbackPolicy":
        """`allowed` holds networks ("127.0.0.1/32") and host names."""
        networks, hosts = [], set()
        for entry in allowed:
            try:
                networks.append(ip_network(entry))
            except ValueError:
                hosts.add(entry.lower())
        return cls(tuple(networks), frozenset(hosts), http)

    def check(self, callback: str) -> httpx.URL:
        """What can be said before the name is resolved. Raises `CallbackRefused`."""
        if len(callback) > MAX_URL:
            raise CallbackRefused(f"{callback[:60]}…", f"longer than {MAX_URL} characters")
        try:
            url = httpx.URL(callback)
        except (httpx.InvalidURL, ValueError) as error:
            raise CallbackRefused(callback, f"is no address: {error}") from None
        if url.scheme not in ("https", "http") or not url.host:
            raise CallbackRefused(callback, "write an https:// address with a host")
        if not _HOST.fullmatch(url.raw_host.decode("ascii")) or not 0 < (url.port or 443) <= MAX_PORT:
            raise CallbackRefused(callback, "is no address: its host or its port cannot be")
        if url.userinfo:
            raise CallbackRefused(f"{url.scheme}://…@{url.host}", "names a user or a password; events are signed instead")
        if url.scheme == "http" and not self.http:
            raise CallbackRefused(callback, "is not encrypted; use https, or set outbox.allow_http")
        if url.fragment:
            raise CallbackRefused(callback, "has a fragment (#…), which is never sent; leave it out")
        if (literal := _literal(url.host)) is not None:
            self._admit(callback, url.host, literal)
        return url

    async def locate(self, callback: str, resolve: Resolver) -> tuple[httpx.URL, str]:
        """The address as it was given, and the checked IP address to connect to. Raises `CallbackRefused` or `OSError`."""
        url = self.check(callback)
        host, port = url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80)
        try:
            addresses = [ip_address(each) for each in await resolve(host, port)]
        except UnicodeError:
            raise CallbackRefused(callback, "its host is no name that can be looked up") from None
        if not addresses:
            raise OSError(f"{host} has no address")
        for address in addresses:
            self._admit(callback, host, address)
        return url, str(addresses[0])

    def _admit(self, callback: str, host: str, address: Address) -> None:
        if host.lower() in self.hosts or any(address in network for network in self.networks if network.version == address.version):
            return
        if not all(each.is_global and not each.is_multicast for each in _embedded(address)):
            reason = f"leads to {address}, which is not public; if that is meant, add it to outbox.allow_private"
            raise CallbackRefused(callback, reason)


@dataclass(frozen=True, slots=True)
class Bound:
    """A request to the address that was checked, under the name that was given."""

    url: httpx.URL
    headers: dict[str, str]
    extensions: dict[str, str]
    """Of httpx."""


def bound(url: httpx.URL, address: str, path: str = "") -> Bound:
    """`path` is appended to the address's own."""
    target = url.copy_with(host=address, path=url.path.rstrip("/") + path if path else url.path)
    headers = {"host": url.netloc.decode("ascii"), "user-agent": "fabd"}
    return Bound(target, headers, {"sni_hostname": url.raw_host.decode("ascii")})


async def system_resolver(host: str, port: int) -> list[str]:
    """The operating system's, in a thread of its own: name servers that do not answer must hold up neither the places of the
    loop's thread pool, which everything shares, nor the end of the process.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[str]] = loop.create_future()

    def look() -> None:
        try:
            answer: list[str] | Exception = [
                str(entry[4][0]).partition("%")[0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            ]
        except (OSError, UnicodeError) as error:
            answer = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, answer)

    def tell(answer: list[str] | Exception) -> None:
        if found.done():
            return
        if isinstance(answer, Exception):
            found.set_exception(answer)
        else:
            found.set_result(answer)

    threading.Thread(target=look, name=f"resolve {host}", daemon=True).start()
    return await found


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _embedded(address: Address) -> Iterator[Address]:
    """The address, and the IPv4 address that an IPv6 transition mechanism would turn it into."""
    yield address
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            yield IPv4Address(int(address) & 0xFFFF_FFFF)
        if address.teredo is not None:
            yield from address.teredo
        yield from (each for each in (address.ipv4_mapped, address.sixtofour) if each is not None)
