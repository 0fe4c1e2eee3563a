"""Processes of a run that end before their tests do: killed, for want of memory, or because a test hung.

A test that was under way then has failed. But of a process that ends before it has begun one (as it loads the tests; for want of
memory) xdist only makes a note, lets the others run nothing, and calls that a success.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

LOST = pytest.StashKey[bool]()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object | None) -> None:
    if error:
        node.config.stash[LOST] = True


def pytest_sessionfinish(session: pytest.Session) -> None:
    calm = session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    if calm and session.config.stash.get(LOST, False):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@contextmanager
def no_longer_than_this_process(folder: Path) -> Iterator[None]:
    """A server of PostgreSQL and its files end with this process in whatever way it ends; they may be in memory, and would stay."""
    end = 'read -r _; kill -QUIT "$(head -n 1 "$0/postmaster.pid")"; sleep 1; rm -rf "$0"'
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    with subprocess.Popen(["sh", "-c", end, str(folder)], stdin=subprocess.PIPE, **quiet) as guard:
        yield
        guard.kill()
