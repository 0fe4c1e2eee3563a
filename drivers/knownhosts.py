"""OpenSSH's `known_hosts` as an index: one look-up costs the same however many elements the file names.

paramiko's own reading of the file compares each line with all before it, which costs 90 ms for 1,000 elements and half a second
for 3,000, at every connection.
"""

from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import paramiko

HASHED = "|1|"
Key = tuple[str, bytes]
"""Algorithm, and the key as on the wire (RFC 4253 §6.6)."""


class KnownHosts:
    def __init__(self, text: str) -> None:
        self._by_name: defaultdict[str, list[Key]] = defaultdict(list)
        self._hashed: list[tuple[str, Key]] = []
        for names, key in _entries(text):
            for name in names:
                if name.startswith(HASHED):
                    self._hashed.append((name, key))
                else:
                    self._by_name[name].append(key)

    def keys(self, name: str) -> tuple[Key, ...]:
        """All that stand for `name`, each once, in the order of the file but for names that are hashed: they come last."""
        hashed = (key for other, key in self._hashed if stands_for(other, name))
        return tuple(dict.fromkeys((*self._by_name.get(name, ()), *hashed)))


def stands_for(hashed: str, name: str) -> bool:
    """Whether a hashed name of the file is this one; one that is damaged is nobody's."""
    try:
        return paramiko.HostKeys.hash_host(name, hashed) == hashed
    except (ValueError, IndexError, AssertionError):  # as paramiko finds out
        return False


def read(path: Path) -> KnownHosts:
    """As the file is now; read again only when it has changed. Without a file nobody is known."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return KnownHosts("")
    return _read(path, found.st_mtime_ns, found.st_size, found.st_ino)


@lru_cache(maxsize=4)
def _read(path: Path, changed: int, size: int, inode: int) -> KnownHosts:
    del changed, size, inode  # what tells one state of the file from another
    return KnownHosts(path.read_text("utf-8", errors="replace"))


def _entries(text: str) -> Iterator[tuple[list[str], Key]]:
    """Lines that cannot be read, and marked ones (`@revoked`, `@cert-authority`), trust nobody."""
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 3 or fields[0].startswith(("#", "@")):  # noqa: PLR2004  names, algorithm, key
            continue
        try:
            yield fields[0].split(","), (fields[1], b64decode(fields[2], validate=True))
        except ValueError:
            continue
