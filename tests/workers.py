"""Processes of a run that end before their tests do.

A test that was under way then has failed. But of a process that ends before it has begun one (as it loads the tests; for want of
memory) xdist only makes a note, lets the others run nothing, and calls that a success.
"""

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
