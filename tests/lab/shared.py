"""What the programs of all labs of this machine share, for it is compiled into them: made by the first lab, removed by the last."""

import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.shell import wait_until

FOLDER = Path("/run/fabd-labs")
_LOCK = "\0fabd-labs"  # an abstract Unix socket, as in `lock`
_NAMESPACES = Path("/run/netns")
_OF_A_LAB = re.compile(r"(fabdlab\d*)-")


@contextmanager
def alone() -> Iterator[None]:
    """No other lab makes or removes shared things meanwhile."""
    with socket.socket(socket.AF_UNIX) as holder:
        wait_until("no other lab is being built or removed", lambda: _bound(holder))
        yield


def note(what: str, paths: list[Path]) -> None:
    """Remember, once per `what`, which of these are not there yet, and so are the labs' to remove."""
    FOLDER.mkdir(mode=0o755, exist_ok=True)
    memory = FOLDER / what
    if not memory.exists():
        memory.write_text("".join(f"{path}\n" for path in paths if not path.exists()))


def made(what: str) -> list[Path]:
    memory = FOLDER / what
    return [Path(line) for line in memory.read_text().splitlines()] if memory.exists() else []


def forget() -> None:
    if FOLDER.exists():
        shutil.rmtree(FOLDER)


def others(name: str) -> set[str]:
    """Labs beside the one of this name that have a namespace."""
    found = (_OF_A_LAB.match(entry.name) for entry in _NAMESPACES.iterdir()) if _NAMESPACES.is_dir() else ()
    return {match[1] for match in found if match} - {name}


def _bound(holder: socket.socket) -> bool:
    try:
        holder.bind(_LOCK)
    except OSError:
        return False
    return True
