"""The daemon's collector of garbage leaves alone what stays for ever."""

import gc

import pytest

from agent import garbage


@pytest.fixture(autouse=True)
def as_python_begins():
    """Nothing is settled, which a run of the tests is otherwise (tests/conftest.py)."""
    gc.unfreeze()
    gc.set_threshold(700, 10, 10)
    yield
    garbage.settle()


def test_what_is_there_is_not_looked_at_any_more() -> None:
    garbage.settle()
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold() == (garbage.YOUNG, *garbage.GENERATIONS)


def test_rings_that_come_later_are_still_found() -> None:
    garbage.settle()
    ring: list[object] = []
    ring.append(ring)
    del ring
    assert gc.collect() >= 1
