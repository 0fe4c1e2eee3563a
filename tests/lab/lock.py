"""One user of a lab: whoever builds or uses it holds this lock, which ends with its process and leaves no file."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab import instance
from tests.lab.errors import LabBusy, NotReady
from tests.lab.shell import wait_until

_NAME = f"fabd-lab{instance.NUMBER}"  # an abstract Unix socket (unix(7)) of the machine's own network namespace


@contextmanager
def held(*, within: float = 5.0) -> Iterator[None]:
    """:raises LabBusy: somebody else still held it after `within` seconds."""
    with socket.socket(socket.AF_UNIX) as holder:
        try:
            wait_until("the lab is free", lambda: _bound(holder), within=within)
        except NotReady as error:
            raise LabBusy(f"another process is using the lab; `ss -xlp src @{_NAME}` names it") from error
        holder.listen()  # so that `ss -xl` shows the holder
        yield


def _bound(holder: socket.socket) -> bool:
    try:
        holder.bind(f"\0{_NAME}")
    except OSError:
        return False
    return True
