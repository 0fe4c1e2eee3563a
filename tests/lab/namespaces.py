"""Network namespaces by the names the lab gives them, and life inside one."""

import ctypes
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.lab import instance
from tests.lab.errors import NotReady
from tests.lab.shell import PATIENCE, run, wait_until

PREFIX = f"{instance.NAME}-"
TERM_GRACE = 3.0  # seconds a process may take to end on SIGTERM before it is killed

_CLONE_NEWNET = 0x40000000
_RUN = Path("/run/netns")
_libc = ctypes.CDLL(None, use_errno=True)


def full_name(node: str) -> str:
    """`pe1` is the router, `fabdlab-pe1` its namespace on this machine."""
    return PREFIX + node


def existing() -> list[str]:
    """The namespaces of the lab that are there now, complete or left behind, as full names."""
    if not _RUN.is_dir():
        return []
    return sorted(entry.name for entry in _RUN.iterdir() if entry.name.startswith(PREFIX))


def create(node: str) -> None:
    run(["ip", "netns", "add", full_name(node)])
    ip(node, "link", "set", "lo", "up")
    # Duplicate address detection would keep every new IPv6 address from answering for a second or two.
    _set_ipv6(node, "accept_dad", "0")


def without_ipv6(node: str) -> None:
    """Of what it has, and of what it will get."""
    _set_ipv6(node, "disable_ipv6", "1")


def delete(namespaces: Sequence[str]) -> None:
    """End every process in these namespaces (full names), except this one, then remove them.

    :raises NotReady: a process outlived SIGKILL.
    """
    end(namespaces)
    for namespace in namespaces:
        run(["ip", "netns", "delete", namespace])


def end(namespaces: Sequence[str]) -> None:
    """End every process in these namespaces (full names), except this one.

    :raises NotReady: a process outlived SIGKILL.
    """
    _signal(namespaces, signal.SIGTERM)
    try:
        wait_until("every process of the lab has ended", lambda: not _pids(namespaces), within=TERM_GRACE)
    except NotReady:
        _signal(namespaces, signal.SIGKILL)
        wait_until("every process of the lab is killed", lambda: not _pids(namespaces))


def processes(node: str) -> list[str]:
    """The command names of what runs in a node, sorted."""
    names = []
    for pid in _pids([full_name(node)]):
        try:
            names.append(Path(f"/proc/{pid}/comm").read_text().strip())
        except OSError:  # it ended while we looked
            continue
    return sorted(names)


def ip(node: str, *arguments: str) -> None:
    run(["ip", "-n", full_name(node), *arguments])


def ports(node: str) -> dict[str, dict[str, object]]:
    """The interfaces of a node by name, as `ip -json link` describes them."""
    listed = json.loads(run(["ip", "-n", full_name(node), "-json", "link"]).stdout)
    return {port["ifname"]: port for port in listed}


def argv_in(node: str, argv: Sequence[str]) -> list[str]:
    """The command that runs `argv` inside a node, under the node's host name.

    Each command has a UTS namespace of its own with that name: prompts and `sysName` show the router, and nothing
    of it outlives the process.
    """
    as_node = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', node, *argv]
    return ["ip", "netns", "exec", full_name(node), *as_node]


def execute(
    node: str,
    argv: Sequence[str],
    *,
    timeout: float = PATIENCE,
    env: dict[str, str] | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    return run(argv_in(node, argv), timeout=timeout, env=env, check=check)


@contextmanager
def inside(node: str) -> Iterator[None]:
    """Let this thread, and the threads and processes it starts, live in a node: sockets are that node's.

    Sockets opened before stay where they were opened.
    """
    with Path("/proc/thread-self/ns/net").open("rb") as home, (_RUN / full_name(node)).open("rb") as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(home.fileno())


def _set_ipv6(node: str, name: str, value: str) -> None:
    for scope in ("all", "default"):
        with inside(node):
            Path(f"/proc/sys/net/ipv6/conf/{scope}/{name}").write_text(value)


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot enter the network namespace: {os.strerror(number)}")


def _pids(namespaces: Sequence[str]) -> list[int]:
    # Called from within a namespace, `ip` lists itself, and has ended by then.
    own = os.getpid()
    found: list[int] = []
    for namespace in namespaces:
        listed = run(["ip", "netns", "pids", namespace], check=False).stdout.split()
        found += [int(pid) for pid in listed if int(pid) != own and Path("/proc", pid).exists()]
    return found


def _signal(namespaces: Sequence[str], number: signal.Signals) -> None:
    for pid in _pids(namespaces):
        try:
            os.kill(pid, number)
        except ProcessLookupError:  # it ended by itself
            continue
