"""How long a thread of the daemon keeps the interpreter."""

import sys
from collections.abc import Iterator

import pytest

from agent import turns


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    was = sys.getswitchinterval()
    yield
    sys.setswitchinterval(was)


def test_a_turn_is_longer_than_python_begins_with_and_no_time_that_people_notice() -> None:
    sys.setswitchinterval(0.005)
    turns.settle()
    assert 0.005 < sys.getswitchinterval() < 0.05
