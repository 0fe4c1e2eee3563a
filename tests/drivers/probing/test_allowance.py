"""How many packets may leave in all, and who may send them."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.probing.allowance import Allowance
from drivers.probing.errors import TooMuch
from tests.agent.installation import eventually


class Hands:
    """A monotonic clock that a test sets."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@given(st.integers(1, 5000), st.lists(st.floats(0, 0.2), min_size=1, max_size=50))
def test_no_more_leave_than_may_however_they_are_asked_for(per_second, pauses):
    clock = Hands()
    allowance, sent = Allowance(per_second, monotonic=clock), 0
    for pause in pauses:
        clock.now += pause
        while allowance.take():
            sent += 1
    assert sent <= per_second * clock.now + 1e-6


def test_a_clock_that_steps_back_gives_nothing_and_takes_nothing():
    clock = Hands()
    allowance = Allowance(100, monotonic=clock)
    clock.now = 1.0
    assert allowance.take()
    clock.now = 0.5
    assert [allowance.take() for _ in range(5)] == [True] * 4 + [False]


def test_what_is_watched_leaves_a_tenth_for_tests():
    allowance = Allowance(100)
    allowance.watch(90)
    assert allowance.for_tests == 10
    with pytest.raises(TooMuch, match="91 packets per second to measure all the time are more than 90"):
        allowance.watch(91)
    assert allowance.for_tests == 10


def test_a_test_sends_what_it_wants_or_all_that_is_left():
    allowance = Allowance(100)
    allowance.watch(40)
    with allowance.test(20, time.monotonic()) as first:
        assert first == 20
        another = allowance.test(100, time.monotonic())
        with pytest.raises(TooMuch, match="other tests send all of the 60"):
            another.__enter__()
    with allowance.test(100, time.monotonic()) as rate:
        assert rate == 60


def test_a_test_waits_for_the_one_before_it():
    allowance, began, rates = Allowance(100), threading.Event(), []

    def second():
        began.set()
        with allowance.test(100, time.monotonic() + 30) as rate:
            rates.append(rate)

    with allowance.test(50, time.monotonic()):
        thread = threading.Thread(target=second)
        thread.start()
        began.wait()
        assert rates == []
    eventually(lambda: rates)
    thread.join()
    assert rates == [100]


def test_when_no_test_runs_any_more_all_is_left_for_the_next_one():
    allowance = Allowance(1)
    tests = [allowance.test(rate, time.monotonic()) for rate in (0.1, 0.1, 0.4)]
    for each in tests:
        each.__enter__()
    for each in tests:
        each.__exit__(None, None, None)
    with allowance.test(1, time.monotonic()) as rate:
        assert rate == 1
