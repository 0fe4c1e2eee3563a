"""Processes that are measured: started, watched and ended by id."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import AnyStr

ENDS_WITHIN_S = 20.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PARENT, _TIMES, _TIMES_WITH_ENDED = 1, slice(11, 13), slice(11, 15)


@contextmanager
def stopped(process: "subprocess.Popen[AnyStr]") -> Iterator["subprocess.Popen[AnyStr]"]:
    """The process inside; afterwards it has ended, by SIGTERM or in the end by SIGKILL."""
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def cpu_seconds(pid: int) -> float:
    """User and system time of all its threads so far (proc(5))."""
    return sum(int(ticks) for ticks in _stat(pid)[_TIMES]) / _TICKS


def family_cpu_seconds(pid: int) -> float:
    """Of the process and its children, those that have ended included."""
    children = sum(_cpu_of_child(int(entry.name), pid) for entry in Path("/proc").glob("[0-9]*"))
    return sum(int(ticks) for ticks in _stat(pid)[_TIMES_WITH_ENDED]) / _TICKS + children


def parent_of(pid: int) -> int:
    return int(_stat(pid)[_PARENT])


def _cpu_of_child(pid: int, parent: int) -> float:
    try:
        return cpu_seconds(pid) if parent_of(pid) == parent else 0.0
    except OSError:
        return 0.0  # it has ended meanwhile, and its parent counts it now


def _stat(pid: int) -> list[str]:
    """What comes after the name (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def resident_bytes(pid: int) -> int:
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
