"""A document fetched from, or sent to, an address that a client chose: under the same rules as callbacks, and bounded."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from crm_bridge.callbacks import CallbackPolicy, Resolver, bound, system_resolver
from crm_bridge.errors import CallbackRefused, ExchangeFailed

MAX_BYTES = 8 * 2**20
TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Outbound:
    """Every method raises `CallbackRefused` for an address that is not to be called, `ExchangeFailed` when it does not go well.

    They run an event loop of their own: call them in a thread.
    """

    policy: CallbackPolicy
    resolve: Resolver = system_resolver
    timeout_s: float = TIMEOUT_S
    """Of the exchange as a whole."""

    def fetch(self, url: str) -> bytes:
        """GET; at most `MAX_BYTES`."""
        return asyncio.run(self._exchange("GET", url, b"", {"accept": "application/json"}))

    def send(self, url: str, body: bytes, media_type: str) -> None:
        """PUT, so that a repetition leaves one file."""
        asyncio.run(self._exchange("PUT", url, body, {"content-type": media_type}))

    async def _exchange(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        try:
            async with asyncio.timeout(self.timeout_s):
                to = bound(*await self.policy.locate(url, self.resolve))
                async with (
                    httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=self.timeout_s) as client,
                    client.stream(
                        method, to.url, content=body or None, headers={**to.headers, **headers}, extensions=to.extensions
                    ) as response,
                ):
                    return await _read(url, response)
        except (CallbackRefused, ExchangeFailed):
            raise
        except TimeoutError:
            raise ExchangeFailed(url, f"did not answer within {self.timeout_s:g} s") from None
        except (httpx.HTTPError, OSError) as error:
            raise ExchangeFailed(url, f"could not be reached: {str(error) or type(error).__name__}") from error


async def _read(url: str, response: httpx.Response) -> bytes:
    if response.is_redirect:
        raise ExchangeFailed(url, f"answered {response.status_code}; redirects are not followed, name the address itself")
    if not response.is_success:
        raise ExchangeFailed(url, f"answered {response.status_code}")
    found = bytearray()
    async for piece in response.aiter_bytes():
        found += piece
        if len(found) > MAX_BYTES:
            raise ExchangeFailed(url, f"is larger than {MAX_BYTES} bytes; send it in parts")
    return bytes(found)
