"""Whose address it is that an alarm calls a lost neighbour by, where neither inventory nor collectors know: elements are asked.

One GET to each element that it may be (IP-MIB, RFC 4293: `ipAdEntIfIndex` for IPv4, `ipAddressIfIndex` for both): those next to the
one that lost it, and those that lost somebody themselves.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import IPv4Address, ip_address
from typing import NamedTuple, Protocol

from agent.assurance.topology.watchlist import WatchedElement, Watchlist
from drivers.errors import ElementError
from drivers.port import Target

DEADLINE_S = 3.0
AT_ONCE = 32
ENOUGH_S = 4.0
"""Nobody is asked any more after that; what was said until then is learnt first."""
MOST_ELEMENTS = 500
"""That are asked in one turn."""
MOST_ADDRESSES = 40
"""That one element is asked for."""
_OF_IPV4, _OF_BOTH = "1.3.6.1.2.1.4.20.1.2", "1.3.6.1.2.1.4.34.1.3"


class Owner(NamedTuple):
    element: str
    if_index: int


class Reads(Protocol):
    async def __call__(self, target: Target, objects: Sequence[str], deadline: float) -> Mapping[str, int | None]:
        """Object instance → its number, None where the element does not have it. Raises `ElementError`."""
        ...


async def owned(
    reads: Reads, target: Callable[[WatchedElement], Target], watchlist: Watchlist, wanted: Mapping[str, Iterable[str]]
) -> dict[str, dict[str, int] | None]:
    """`wanted`: element → addresses that may be its own. For each element that had its turn those that are, with the ifIndex; None
    for one that is not watched any more, or that could not be asked.
    """
    places, clock = asyncio.Semaphore(AT_ONCE), asyncio.get_running_loop().time
    enough = clock() + ENOUGH_S
    answers: dict[str, dict[str, int] | None] = {}

    async def ask(name: str, addresses: Sequence[str]) -> None:
        objects = {address: instances(address) for address in addresses}
        try:
            async with places:
                if clock() > enough:
                    return
                every = [each for some in objects.values() for each in some]
                told = await reads(target(watchlist.elements[name]), every, DEADLINE_S)
        except (ElementError, LookupError, OSError, ValueError):
            answers[name] = None
            return
        numbers = {address: next((n for each in some if (n := told.get(each))), 0) for address, some in objects.items()}
        answers[name] = {address: number for address, number in numbers.items() if number}

    await asyncio.gather(*(ask(name, sorted(addresses)) for name, addresses in wanted.items()))
    return answers


def instances(address: str) -> tuple[str, ...]:
    """Of the objects that tell its port's ifIndex."""
    try:
        found = ip_address(address)
    except ValueError:
        return ()
    octets = ".".join(map(str, found.packed))
    new = f"{_OF_BOTH}.{1 if isinstance(found, IPv4Address) else 2}.{len(found.packed)}.{octets}"
    return (f"{_OF_IPV4}.{octets}", new) if isinstance(found, IPv4Address) else (new,)
