"""What takes long because it is about many elements is done beside the loop, which goes on meanwhile; about few, at once."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

MANY = 256
"""Elements; what is done for so many takes some ten milliseconds."""

P = ParamSpec("P")
T = TypeVar("T")


async def aside(elements: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return work(*args, **kwargs) if elements <= MANY else await asyncio.to_thread(work, *args, **kwargs)
