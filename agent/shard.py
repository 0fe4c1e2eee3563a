"""One part of all elements, told apart by their names: several Prometheus servers, or exporters, each take one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self
from zlib import crc32

MOST = 1000
_WRITTEN = re.compile(r"(\d{1,4})/(\d{1,4})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shard:
    """Written `number/of`, from 0/1, which is everything. A name is in the same shard in every process and version."""

    number: int = 0
    of: int = 1

    def __post_init__(self) -> None:
        if not (1 <= self.of <= MOST and 0 <= self.number < self.of):
            raise ValueError(f"shard {self} does not exist: write i/n with i from 0 to n-1 and n at most {MOST}")

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises `ValueError`."""
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise ValueError(f"{text[:20]!r} is no shard; write i/n, e.g. 0/4 for the first of four")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def all_of(cls, number: int) -> Iterator[Self]:
        return (cls(each, number) for each in range(number))

    def __contains__(self, name: str) -> bool:
        return self.of == 1 or place_of(name, self.of) == self.number

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def place_of(name: str, of: int) -> int:
    """From 0 to of - 1, the same in every process and version."""
    return crc32(name.encode()) % of


WHOLE = Shard()
